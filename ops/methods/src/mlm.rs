//! Domain adaptation: training goes on as a masked language model, on texts without labels (Devlin et al. 2019, section 3.1, task 1;
//! Gururangan et al. 2020, "Don't stop pretraining").

use nn::{Forward, Packed};
use tensor::{CrossEntropy, Device, RandomKey, Reduction, Tensor, no_grad};

use crate::batches::Batches;
use crate::data::check_texts;
use crate::predict::batches_by_length;
use crate::random::below;
use crate::supervised::SHUFFLE;
use crate::train::{Fingerprint, Outcome, Prepared, Run, Selection, Session, run};
use crate::{MaskedNetwork, MethodError, Optimisation, Result, Text, Vocabulary};

const METHOD: &str = "mlm";

/// The stream of random numbers that masks are drawn from.
const MASKS: u64 = 3;
/// In place of an epoch, for masks that stay the same.
const FIXED: u64 = u64::MAX;

/// Which words are hidden, and how. Special tokens never are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Masking {
    /// The share of words that are to be found again.
    pub probability: f64,
    /// The share of these that the mask token takes the place of.
    pub masked: f64,
    /// The share of these that any token of the vocabulary takes the place of; the rest stay as they are.
    pub replaced: f64,
}

/// 15 %, of which 80 % are masked, 10 % replaced, and 10 % stay.
impl Default for Masking {
    fn default() -> Self {
        Self {
            probability: 0.15,
            masked: 0.8,
            replaced: 0.1,
        }
    }
}

impl Masking {
    pub(crate) fn check(&self, method: &'static str) -> Result<()> {
        let are_shares = [self.probability, self.masked, self.replaced]
            .iter()
            .all(|share| (0.0..=1.0).contains(share));
        match are_shares && self.probability > 0.0 && self.masked + self.replaced <= 1.0 + 1e-9 {
            true => Ok(()),
            false => Err(MethodError::input(
                method,
                "the shares of masked words must be from 0 to 1, some words must be masked, and masked and replaced ones \
                 together be 1 at most",
            )),
        }
    }

    /// Hides words of a text in `ids`, and gives their places. What happens at a place is decided by `key` and the place alone.
    pub(crate) fn apply(
        &self,
        ids: &mut [u32],
        special: &[bool],
        vocabulary: &Vocabulary,
        key: RandomKey,
    ) -> Vec<usize> {
        let mut places = Vec::new();
        for (place, id) in ids.iter_mut().enumerate() {
            let [chosen, kind, word, _] = key.block(place as u64);
            if special[place] || share(chosen) >= self.probability {
                continue;
            }
            places.push(place);
            self.hide(id, share(kind), word, vocabulary);
        }
        places
    }

    fn hide(&self, id: &mut u32, kind: f64, word: u32, vocabulary: &Vocabulary) {
        if kind < self.masked {
            *id = vocabulary.mask;
        } else if kind < self.masked + self.replaced {
            *id = ((u64::from(word) * vocabulary.size as u64) >> 32) as u32;
        }
    }
}

/// The number from 0 to less than 1 that a random word stands for.
fn share(word: u32) -> f64 {
    f64::from(word) / 4_294_967_296.0
}

/// How a masked language model is trained.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mlm {
    /// How long and how fast.
    pub optimisation: Optimisation,
    /// Which words are hidden.
    pub masking: Masking,
    /// How the best model is chosen, by [`Metric::Loss`](crate::Metric::Loss); without, the last one is kept.
    pub selection: Option<Selection>,
}

/// Texts with hidden words, and what was there.
struct Batch {
    texts: Packed,
    places: Tensor,
    words: Tensor,
    hidden: usize,
}

/// Hides words of `texts`, whose numbers among all texts are `rows`. Of a batch, at least one word is hidden.
fn batch(
    texts: &[&Text],
    rows: &[usize],
    masking: &Masking,
    vocabulary: &Vocabulary,
    key: RandomKey,
    device: &Device,
) -> Result<Batch> {
    let mut ids: Vec<Vec<u32>> = Vec::with_capacity(texts.len());
    let (mut places, mut words) = (Vec::new(), Vec::new());
    let mut start = 0;
    for (text, &row) in texts.iter().zip(rows) {
        let mut hidden = text.ids.clone();
        let key = key.fold(row as u64);
        for place in masking.apply(&mut hidden, &text.special, vocabulary, key) {
            places.push((start + place) as u32);
            words.push(text.ids[place]);
        }
        ids.push(hidden);
        start += text.len();
    }
    if places.is_empty()
        && let (Some(text), Some(&row), Some(hidden)) =
            (texts.first(), rows.first(), ids.first_mut())
    {
        let open: Vec<usize> = (0..text.len()).filter(|&at| !text.special[at]).collect();
        let place = open[below(key.fold(row as u64), u64::MAX, open.len())];
        hidden[place] = vocabulary.mask;
        places.push(place as u32);
        words.push(text.ids[place]);
    }
    Ok(Batch {
        texts: Packed::new(&ids, device)?,
        hidden: places.len(),
        places: Tensor::new(&places, [places.len()], device)?,
        words: Tensor::new(&words, [words.len()], device)?,
    })
}

/// Cross entropy of the hidden words; only their places go through the head.
fn loss<N: MaskedNetwork>(
    network: &N,
    batch: &Batch,
    reduction: Reduction,
    forward: Forward,
) -> nn::Result<Tensor> {
    let hidden = network.transformed(&batch.texts, &batch.places, forward)?;
    let [weight, bias] = network.decoder(forward)?;
    let options = CrossEntropy {
        reduction,
        ..CrossEntropy::default()
    };
    Ok(hidden.linear_cross_entropy(&weight, Some(&bias), &batch.words, &options)?)
}

/// The mean cross entropy of hidden words of `texts`: always the same words for a key.
fn validation_loss<N: MaskedNetwork>(
    network: &N,
    texts: &[Text],
    options: &Mlm,
    vocabulary: &Vocabulary,
    key: RandomKey,
) -> Result<f64> {
    let device = network.device();
    let (mut sum, mut hidden) = (0.0, 0);
    for rows in batches_by_length(texts) {
        let chosen: Vec<&Text> = rows.iter().map(|&row| &texts[row]).collect();
        let batch = batch(&chosen, &rows, &options.masking, vocabulary, key, &device)?;
        let loss = no_grad(|| loss(network, &batch, Reduction::Sum, Forward::inference()))?;
        sum += f64::from(loss.item()?);
        hidden += batch.hidden;
    }
    Ok(sum / hidden.max(1) as f64)
}

/// Trains `network` to find hidden words of `texts` again. Words are hidden anew in each epoch (Liu et al. 2019, section 4.1);
/// on `validation` texts, always the same ones are, whose loss and perplexity are measured.
///
/// # Errors
/// [`MethodError::Input`] for texts, vocabulary and options that do not fit the model; [`MethodError::Interrupted`];
/// [`nn::NnError::NotFinite`] where training goes astray.
pub fn mlm<N: MaskedNetwork>(
    mut network: N,
    vocabulary: &Vocabulary,
    texts: &[Text],
    validation: &[Text],
    options: &Mlm,
    session: &mut Session<'_>,
) -> Result<(N, Outcome)> {
    options.optimisation.check(METHOD)?;
    options.masking.check(METHOD)?;
    check_vocabulary(METHOD, vocabulary, &network)?;
    check_texts(METHOD, "training texts", texts, &network)?;
    check_texts(METHOD, "validation texts", validation, &network)?;
    if options.selection.is_some() && validation.is_empty() {
        return Err(MethodError::input(
            METHOD,
            "choosing the best model takes validation texts; give some, or keep the last one",
        ));
    }
    let has_words = |text: &&Text| text.special.iter().any(|special| !special);
    let training: Vec<Text> = texts.iter().filter(has_words).cloned().collect();
    let validation: Vec<Text> = validation.iter().filter(has_words).cloned().collect();
    if training.is_empty() {
        return Err(MethodError::input(
            METHOD,
            "no training text has a word besides special tokens; check what feeds it",
        ));
    }
    if training.len() < texts.len() {
        session.observer.warn(&format!(
            "{METHOD}: {} of {} texts have no words besides special tokens and are left out",
            texts.len() - training.len(),
            texts.len()
        ));
    }
    let key = session.key();
    let mut batches = Batches::of(&options.optimisation, &training, key.fold(SHUFFLE));
    let masks = key.fold(MASKS);
    let this = Run {
        method: METHOD,
        phase: METHOD.to_owned(),
        steps: options.optimisation.steps(training.len()),
        steps_per_epoch: batches.steps_per_epoch(),
        options: &options.optimisation,
        fingerprint: Fingerprint::new(METHOD, options, session.seed)
            .texts(&training)
            .done(),
        selection: options.selection.as_ref(),
    };
    let device = network.device();
    let outcome = run(
        &mut network,
        &this,
        session,
        |step| {
            let key = masks.fold(batches.epoch_of(step));
            let mut tokens = 0;
            let parts = (batches.step(step).iter())
                .map(|rows| {
                    let chosen: Vec<&Text> = rows.iter().map(|&row| &training[row]).collect();
                    tokens += chosen.iter().map(|text| text.len()).sum::<usize>();
                    batch(&chosen, rows, &options.masking, vocabulary, key, &device)
                })
                .collect::<Result<Vec<_>>>()?;
            Ok(Prepared { parts, tokens })
        },
        |network, batch, forward, _| Ok(loss(network, batch, Reduction::Mean, forward)?.into()),
        |network| {
            let key = masks.fold(FIXED);
            let loss = validation_loss(network, &validation, options, vocabulary, key)?;
            Ok(vec![
                ("loss".to_owned(), loss),
                ("perplexity".to_owned(), loss.exp()),
            ]
            .into())
        },
    )?;
    Ok((network, outcome))
}

/// Fails for a vocabulary that is not the model's.
pub(crate) fn check_vocabulary<N: MaskedNetwork>(
    method: &'static str,
    vocabulary: &Vocabulary,
    network: &N,
) -> Result<()> {
    let rows = network.vocab_size();
    let refuse = |reason: String| Err(MethodError::input(method, reason));
    if vocabulary.size == 0 || vocabulary.size > rows {
        return refuse(format!(
            "the vocabulary has {} tokens, but the model {rows}; use the tokenizer of this model",
            vocabulary.size
        ));
    }
    let special = [vocabulary.mask, vocabulary.pad].into_iter();
    match special
        .chain(vocabulary.special.iter().copied())
        .find(|&id| id as usize >= rows)
    {
        Some(id) => refuse(format!(
            "special token {id} is none of the model's {rows}; use the tokenizer of this model"
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifteen_percent_are_hidden_as_the_paper_says_and_special_tokens_never() {
        let vocabulary = Vocabulary {
            size: 1000,
            mask: 4,
            pad: 0,
            special: vec![0, 1, 2, 3, 4],
        };
        let original: Vec<u32> = (0..100).map(|place| 5 + place).collect();
        let special: Vec<bool> = (0..100).map(|place| place % 10 == 0).collect();
        let masking = Masking::default();
        let (mut hidden, mut masked, mut kept) = (0.0, 0.0, 0.0);
        let texts = 2000;
        for text in 0..texts {
            let mut ids = original.clone();
            let key = RandomKey::new(9).fold(text);
            let places = masking.apply(&mut ids, &special, &vocabulary, key);
            assert!(places.iter().all(|&place| !special[place]));
            for (place, (found, before)) in ids.iter().zip(&original).enumerate() {
                assert!(places.contains(&place) || found == before);
                assert!((*found as usize) < vocabulary.size);
            }
            hidden += places.len() as f64;
            masked += places.iter().filter(|&&place| ids[place] == 4).count() as f64;
            kept += places
                .iter()
                .filter(|&&place| ids[place] == original[place])
                .count() as f64;
            let mut again = original.clone();
            assert_eq!(
                masking.apply(&mut again, &special, &vocabulary, key),
                places
            );
            assert_eq!(again, ids);
        }
        let open = f64::from(90 * texts as u32);
        // Within four standard deviations.
        assert!((hidden / open - 0.15).abs() < 0.0034, "{}", hidden / open);
        assert!((masked / hidden - 0.8).abs() < 0.01, "{}", masked / hidden);
        assert!((kept / hidden - 0.1).abs() < 0.0075, "{}", kept / hidden);
    }

    #[test]
    fn a_batch_in_which_chance_hides_nothing_has_one_hidden_word_at_a_place_that_is_not_special() {
        let vocabulary = Vocabulary {
            size: 50,
            mask: 4,
            pad: 0,
            special: vec![],
        };
        let text = Text {
            ids: vec![1, 20, 2],
            special: vec![true, false, true],
        };
        let rare = Masking {
            probability: 1e-9,
            ..Masking::default()
        };
        let key = RandomKey::new(1);
        let made = batch(&[&text], &[0], &rare, &vocabulary, key, &Device::cpu()).unwrap();
        assert_eq!(made.texts.token_ids().to_vec::<u32>().unwrap(), [1, 4, 2]);
        assert_eq!(made.places.to_vec::<u32>().unwrap(), [1]);
        assert_eq!(made.words.to_vec::<u32>().unwrap(), [20]);
    }
}
