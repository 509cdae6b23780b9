//! Contextual substitution and insertion: other words for some of a text's, as a masked language model finds them fitting there
//! (Kobayashi 2018, "Contextual augmentation"; Wu et al. 2019, "Conditional BERT contextual augmentation", without the condition).

use nn::{Forward, Packed};
use tensor::{RandomKey, Tensor, no_grad};

use crate::data::check_texts;
use crate::predict::batches_by_length;
use crate::random::{below, unit};
use crate::{MaskedNetwork, MethodError, Result, Text, Vocabulary};

const METHOD: &str = "contextual augmentation";

/// The streams of random numbers.
const PLACES: u64 = 1;
const WORDS: u64 = 2;

/// What is done at the chosen places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// The word there is replaced.
    Substitute,
    /// A word is put before the one there.
    Insert,
}

/// How texts are changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contextual {
    /// What is done.
    pub edit: Edit,
    /// The share of words that it is done to, at least one.
    pub share: f64,
    /// A word is drawn among so many, the most probable ones.
    pub top_k: usize,
    /// By which scores are divided before a word is drawn: below 1, probable ones are drawn more often.
    pub temperature: f64,
}

/// What can be changed.
#[derive(Clone, Copy, Debug)]
pub struct Changeable<'a> {
    /// The texts.
    pub texts: &'a [Text],
    /// The places of whole words of each text.
    pub open: &'a [Vec<usize>],
    /// Which tokens of the vocabulary may be put in.
    pub is_word: &'a [bool],
    /// The vocabulary.
    pub vocabulary: &'a Vocabulary,
}

/// A change of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The token that is changed.
    pub place: usize,
    /// The token that takes its place, or goes before it.
    pub word: u32,
}

/// The changes of each text, in the order of its tokens. A text without open places stays as it is. All changes of a text are found in
/// one pass, in which the model sees none of the words that are replaced. `stop` is told how many texts are done, and ends the work by
/// saying true.
///
/// # Errors
/// [`MethodError::Input`] for texts and options that do not fit; [`MethodError::Interrupted`]; those of the model.
pub fn contextual<N: MaskedNetwork>(
    network: &N,
    source: &Changeable<'_>,
    options: &Contextual,
    key: RandomKey,
    stop: &dyn Fn(usize) -> bool,
) -> Result<Vec<Vec<Change>>> {
    let (texts, open) = (source.texts, source.open);
    let refuse = |reason: &str| Err(MethodError::input(METHOD, reason));
    if !(options.share > 0.0 && options.share <= 1.0) {
        return refuse("the share of words must be above 0 and at most 1");
    }
    if options.top_k == 0 || options.temperature.is_nan() || options.temperature <= 0.0 {
        return refuse("top_k must be 1 or more, and temperature above 0");
    }
    if open.len() != texts.len() || source.is_word.len() > network.vocab_size() {
        return refuse(
            "there must be a list of places for each text, and a mark for each token at most",
        );
    }
    check_texts(METHOD, "texts", texts, network)?;
    let chosen: Vec<Vec<usize>> = (0..)
        .zip(open)
        .map(|(row, open)| choose(open, options.share, key.fold(PLACES).fold(row)))
        .collect();
    let mut changes = vec![Vec::new(); texts.len()];
    let mut done = 0;
    for batch in batches_by_length(texts) {
        if stop(done) {
            return Err(MethodError::Interrupted {
                method: METHOD,
                step: done as u64,
                steps: texts.len() as u64,
                saved: false,
            });
        }
        done += batch.len();
        let found = no_grad(|| substitutes(network, source, &batch, &chosen, options, key))?;
        for (row, found) in batch.into_iter().zip(found) {
            changes[row] = found;
        }
    }
    Ok(changes)
}

/// A share of the places, at least one of them, in order.
fn choose(open: &[usize], share: f64, key: RandomKey) -> Vec<usize> {
    let count = ((open.len() as f64 * share).round() as usize).clamp(1, open.len().max(1));
    let mut order: Vec<(f64, usize)> = (0..)
        .zip(open)
        .map(|(at, &place)| (unit(key, at), place))
        .collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut chosen: Vec<usize> = order
        .into_iter()
        .take(count)
        .map(|(_, place)| place)
        .collect();
    chosen.sort_unstable();
    chosen
}

fn substitutes<N: MaskedNetwork>(
    network: &N,
    source: &Changeable<'_>,
    batch: &[usize],
    chosen: &[Vec<usize>],
    options: &Contextual,
    key: RandomKey,
) -> Result<Vec<Vec<Change>>> {
    let Changeable {
        texts,
        is_word,
        vocabulary,
        ..
    } = *source;
    let limit = network.max_tokens();
    let mut inputs: Vec<Vec<u32>> = Vec::with_capacity(batch.len());
    let mut places: Vec<u32> = Vec::new();
    // For each text, the changes that are looked for, as places in the text.
    let mut wanted: Vec<Vec<usize>> = Vec::with_capacity(batch.len());
    let mut start = 0;
    for &row in batch {
        let text = &texts[row];
        let mut ids = text.ids.clone();
        let mut kept = Vec::new();
        match options.edit {
            Edit::Substitute => {
                for &place in &chosen[row] {
                    ids[place] = vocabulary.mask;
                    places.push((start + place) as u32);
                    kept.push(place);
                }
            }
            Edit::Insert => {
                let room = limit.saturating_sub(ids.len());
                for (before, &place) in chosen[row].iter().take(room).enumerate() {
                    ids.insert(place + before, vocabulary.mask);
                    places.push((start + place + before) as u32);
                    kept.push(place);
                }
            }
        }
        start += ids.len();
        inputs.push(ids);
        wanted.push(kept);
    }
    if places.is_empty() {
        return Ok(vec![Vec::new(); batch.len()]);
    }
    let device = network.device();
    let packed = Packed::new(&inputs, &device)?;
    let count = places.len();
    let places = Tensor::new(&places, [count], &device)?;
    let forward = Forward::inference();
    let states = network.transformed(&packed, &places, forward)?;
    let scores = network.word_scores(&states, forward)?.to_f32_vec()?;
    let mut rows = scores.chunks(network.vocab_size());
    let changes = batch.iter().zip(wanted).map(|(&row, wanted)| {
        let key = key.fold(WORDS).fold(row as u64);
        wanted
            .into_iter()
            .filter_map(|place| {
                let scores = rows.next()?;
                let old = (options.edit == Edit::Substitute).then(|| texts[row].ids[place]);
                let word = draw(scores, is_word, old, options, key, place as u64)?;
                Some(Change { place, word })
            })
            .collect()
    });
    Ok(changes.collect())
}

/// One of the most probable words other than `old`.
fn draw(
    scores: &[f32],
    is_word: &[bool],
    old: Option<u32>,
    options: &Contextual,
    key: RandomKey,
    place: u64,
) -> Option<u32> {
    let mut words: Vec<(f32, u32)> = (0..)
        .zip(is_word)
        .zip(scores)
        .filter(|((id, is_word), _)| **is_word && Some(*id) != old)
        .map(|((id, _), score)| (*score, id))
        .collect();
    if words.is_empty() {
        return None;
    }
    let last = options.top_k.min(words.len()) - 1;
    words.select_nth_unstable_by(last, |a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    words.truncate(last + 1);
    words.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let highest = f64::from(words[0].0);
    let weights: Vec<f64> = words
        .iter()
        .map(|(score, _)| ((f64::from(*score) - highest) / options.temperature).exp())
        .collect();
    let mut left = unit(key, place) * weights.iter().sum::<f64>();
    for (weight, (_, id)) in weights.iter().zip(&words) {
        left -= weight;
        if left < 0.0 {
            return Some(*id);
        }
    }
    Some(words[below(key, place, words.len())].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: Contextual = Contextual {
        edit: Edit::Substitute,
        share: 0.5,
        top_k: 2,
        temperature: 1.0,
    };

    #[test]
    fn a_share_of_the_places_is_chosen_at_least_one() {
        let open: Vec<usize> = (3..13).collect();
        let chosen = choose(&open, 0.3, RandomKey::new(1));
        assert_eq!(chosen.len(), 3);
        assert!(chosen.is_sorted() && chosen.iter().all(|place| open.contains(place)));
        assert_eq!(choose(&[7], 0.1, RandomKey::new(2)), [7]);
        assert_eq!(choose(&[], 0.1, RandomKey::new(2)), [0; 0]);
    }

    #[test]
    fn words_are_drawn_by_their_probability_among_the_first_and_never_the_old_one() {
        let scores = [5.0, 3.0, 2.0, 1.0, 9.0];
        let is_word = [true, true, true, true, false];
        let mut counts = [0; 5];
        for place in 0..4000 {
            let word = draw(
                &scores,
                &is_word,
                Some(0),
                &OPTIONS,
                RandomKey::new(3),
                place,
            );
            counts[word.unwrap() as usize] += 1;
        }
        // Of words 1 and 2, whose scores differ by 1: e / (1 + e) = 0.731.
        assert_eq!((counts[0], counts[3], counts[4]), (0, 0, 0));
        assert!(
            (f64::from(counts[1]) / 4000.0 - 0.731).abs() < 0.03,
            "{counts:?}"
        );
    }
}
