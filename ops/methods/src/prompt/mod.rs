//! Prompts: a masked language model that fills the gap of a sentence about the text with a label's word. Trained as ADAPET does it
//! (Tam et al. 2021, "Improving and simplifying pattern exploiting training"), or with PET's plain loss (Schick & Schütze 2021); and
//! [`in_context`], where a causal model is only shown examples.

pub mod in_context;
mod in_context_model;
mod loss;
mod model;
mod pattern;

pub use in_context_model::InContextClassifier;
pub use loss::{Words, among_labels, decoupled, label_conditioned};
pub use model::PromptClassifier;
pub use pattern::{Filled, Pattern, Piece, Prompt};

use nn::{Forward, Packed};
use tensor::{DType, Device, RandomKey, Tensor};

use crate::batches::Batches;
use crate::data::{check_training, check_validation};
use crate::loss::Goal;
use crate::mlm::{Masking, check_vocabulary};
use crate::random::below;
use crate::supervised::SHUFFLE;
use crate::train::{Fingerprint, Losses, Outcome, Prepared, Run, Selection, Session, run};
use crate::{
    Decision, Labelled, MaskedNetwork, MethodError, Optimisation, Problem, Result, Targets, Text,
    Thresholds, Vocabulary,
};

const METHOD: &str = "prompt";

/// The streams of random numbers of labels in the gap, and of hidden words.
const LABELS: u64 = 9;
const MASKS: u64 = 10;
/// The stream of dropout for texts with hidden words.
const CONDITIONED: u64 = 1 << 32;

/// What is to be the case at the gap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Objective {
    /// ADAPET's: see [`decoupled`].
    #[default]
    Decoupled,
    /// PET's: see [`among_labels`]. Only for labels that exclude each other.
    AmongLabels,
}

/// How a model is trained by prompts.
#[derive(Clone, Debug, PartialEq)]
pub struct Prompting {
    /// How long and how fast.
    pub optimisation: Optimisation,
    /// How the best model is chosen; without, the last one is kept.
    pub selection: Option<Selection>,
    /// How thresholds are found. Where a text may have several labels, words share one probability, so 0.5 is too much for more
    /// than two: tune them.
    pub thresholds: Thresholds,
    /// What is to be the case at the gap.
    pub objective: Objective,
    /// The share of a text's words that are hidden for [`label_conditioned`]; none without.
    pub conditioned: Option<f64>,
}

impl Default for Prompting {
    fn default() -> Self {
        Self {
            optimisation: Optimisation::default(),
            selection: None,
            thresholds: Thresholds::default(),
            objective: Objective::default(),
            conditioned: Some(0.105),
        }
    }
}

/// Texts with hidden words and labels' words in their gaps.
struct Conditioned {
    texts: Packed,
    places: Tensor,
    words: Tensor,
    right: Tensor,
}

struct Batch {
    texts: Packed,
    gaps: Tensor,
    goal: Goal,
    has: Tensor,
    /// None where chance hides no word.
    conditioned: Option<Conditioned>,
}

/// Trains `network` to fill the gaps of labelled texts with their labels' words.
///
/// # Errors
/// [`MethodError::Input`] for texts, labels, prompt and options that do not fit each other; [`MethodError::Interrupted`];
/// [`nn::NnError::NotFinite`] where training goes astray.
pub fn prompt<N: MaskedNetwork>(
    mut network: N,
    vocabulary: &Vocabulary,
    prompt: &Prompt,
    labels: &[String],
    (training, validation): (Labelled<'_>, Option<Labelled<'_>>),
    options: &Prompting,
    session: &mut Session<'_>,
) -> Result<(PromptClassifier<N>, Outcome)> {
    options.optimisation.check(METHOD)?;
    check_vocabulary(METHOD, vocabulary, &network)?;
    prompt.check(vocabulary, labels, network.max_tokens())?;
    check_training(METHOD, &training, labels, &network, session.observer)?;
    let problem = training.targets.problem();
    check_validation(METHOD, validation.as_ref(), problem, labels.len(), &network)?;
    if validation.is_none() && (options.selection.is_some() || options.thresholds.need_validation())
    {
        return Err(MethodError::input(
            METHOD,
            "choosing the best model and tuning thresholds take validation texts; give some, or train without both",
        ));
    }
    if problem == Problem::Multi && options.objective == Objective::AmongLabels {
        return Err(MethodError::input(
            METHOD,
            "the loss among labels is for those that exclude each other; use the decoupled one",
        ));
    }
    let masking = (options.conditioned).map(|probability| Masking {
        probability,
        masked: 1.0,
        replaced: 0.0,
    });
    masking.map_or(Ok(()), |masking| masking.check(METHOD))?;
    let decision = Decision {
        problem,
        labels: labels.to_vec(),
        thresholds: options.thresholds.find(labels.len(), None),
    };
    let key = session.key();
    let mut batches = Batches::of(&options.optimisation, training.texts, key.fold(SHUFFLE));
    let described = (options, prompt);
    let this = Run {
        method: METHOD,
        phase: METHOD.to_owned(),
        steps: options.optimisation.steps(training.texts.len()),
        steps_per_epoch: batches.steps_per_epoch(),
        options: &options.optimisation,
        fingerprint: Fingerprint::new(METHOD, &described, session.seed)
            .texts(training.texts)
            .targets(training.targets)
            .done(),
        selection: options.selection.as_ref(),
    };
    let device = network.device();
    let words = Words::new(&prompt.verbalizers, &device)?;
    let maker = Maker {
        prompt,
        vocabulary,
        training,
        masking,
        device: &device,
    };
    let evaluated = |network: &N| PromptClassifier {
        network: network.clone(),
        prompt: prompt.clone(),
        mask: vocabulary.mask,
        decision: decision.clone(),
    };
    let outcome = run(
        &mut network,
        &this,
        session,
        |step| {
            let key = key.fold(batches.epoch_of(step));
            let mut tokens = 0;
            let parts = (batches.step(step).iter())
                .map(|rows| maker.batch(rows, key, &mut tokens))
                .collect::<Result<Vec<_>>>()?;
            Ok(Prepared { parts, tokens })
        },
        |network, batch, forward, _| losses(network, batch, &words, options.objective, forward),
        |network| match &validation {
            Some(validation) => {
                let metrics = evaluated(network).evaluate(validation, options.thresholds)?;
                Ok(metrics.into())
            }
            None => Ok(Vec::new().into()),
        },
    )?;
    let mut classifier = evaluated(&network);
    if let Some(validation) = validation.filter(|_| options.thresholds.need_validation()) {
        let probabilities = classifier.probabilities(validation.texts, DType::F32)?;
        let known = Some((&probabilities[..], validation.targets));
        classifier.decision.thresholds = options.thresholds.find(labels.len(), known);
    }
    Ok((classifier, outcome))
}

fn losses<N: MaskedNetwork>(
    network: &N,
    batch: &Batch,
    words: &Words,
    objective: Objective,
    forward: Forward,
) -> nn::Result<Losses> {
    let hidden = network.transformed(&batch.texts, &batch.gaps, forward)?;
    let q = words.probabilities(&network.word_scores(&hidden, forward)?)?;
    let label = match objective {
        Objective::Decoupled => decoupled(&q, &batch.has)?,
        Objective::AmongLabels => among_labels(&q, &batch.goal)?,
    };
    let Some(conditioned) = &batch.conditioned else {
        let none = Tensor::scalar(0.0_f32, label.device())?;
        return Ok(Losses {
            total: label.clone(),
            parts: vec![("label", label), ("conditioned", none)],
        });
    };
    let forward = forward.at(CONDITIONED);
    let hidden = network.transformed(&conditioned.texts, &conditioned.places, forward)?;
    let scores = network.word_scores(&hidden, forward)?;
    let found = label_conditioned(&scores, &conditioned.words, &conditioned.right)?;
    Ok(Losses {
        total: label.add(&found)?,
        parts: vec![("label", label), ("conditioned", found)],
    })
}

/// Makes batches.
struct Maker<'a> {
    prompt: &'a Prompt,
    vocabulary: &'a Vocabulary,
    training: Labelled<'a>,
    masking: Option<Masking>,
    device: &'a Device,
}

impl Maker<'_> {
    fn batch(&self, rows: &[usize], key: RandomKey, tokens: &mut usize) -> Result<Batch> {
        let targets = self.training.targets;
        let labels = self.prompt.verbalizers.len();
        let filled: Vec<Filled> = (rows.iter())
            .map(|&row| (self.prompt.pattern).fill(&self.training.texts[row], self.vocabulary.mask))
            .collect();
        let texts: Vec<&Text> = filled.iter().map(|filled| &filled.text).collect();
        let has: Vec<f32> = (rows.iter())
            .flat_map(|&row| {
                (0..labels).map(move |label| f32::from(u8::from(targets.has(row, label))))
            })
            .collect();
        let conditioned = match &self.masking {
            Some(masking) => self.conditioned(rows, &filled, masking, key)?,
            None => None,
        };
        let read: usize = texts.iter().map(|text| text.len()).sum();
        *tokens += read * if conditioned.is_some() { 2 } else { 1 };
        Ok(Batch {
            gaps: gaps(&filled, self.device)?,
            texts: Packed::new(&texts, self.device)?,
            goal: Goal::new(targets, rows, self.device)?,
            has: Tensor::new(&has, [rows.len(), labels], self.device)?,
            conditioned,
        })
    }

    /// The texts with a word of a label drawn for each in the gap, and hidden words.
    fn conditioned(
        &self,
        rows: &[usize],
        filled: &[Filled],
        masking: &Masking,
        key: RandomKey,
    ) -> Result<Option<Conditioned>> {
        let verbalizers = &self.prompt.verbalizers;
        let (draws, masks) = (key.fold(LABELS), key.fold(MASKS));
        let (mut texts, mut places) = (Vec::new(), Vec::new());
        let (mut words, mut right) = (Vec::new(), Vec::new());
        let mut start = 0;
        for (&row, filled) in rows.iter().zip(filled) {
            let draw = draws.fold(row as u64);
            let label = below(draw, 0, verbalizers.len());
            let choices = &verbalizers[label];
            let is_right = self.training.targets.has(row, label);
            let mut ids = filled.text.ids.clone();
            ids[filled.gap] = choices[below(draw, 1, choices.len())];
            let special = &filled.text.special;
            for place in masking.apply(&mut ids, special, self.vocabulary, masks.fold(row as u64)) {
                places.push((start + place) as u32);
                words.push(filled.text.ids[place]);
                right.push(f32::from(u8::from(is_right)));
            }
            start += ids.len();
            texts.push(ids);
        }
        if places.is_empty() {
            return Ok(None);
        }
        Ok(Some(Conditioned {
            texts: Packed::new(&texts, self.device)?,
            places: Tensor::new(&places, [places.len()], self.device)?,
            words: Tensor::new(&words, [words.len()], self.device)?,
            right: Tensor::new(&right, [right.len()], self.device)?,
        }))
    }
}

/// The places of the gaps among the tokens of all texts.
fn gaps(filled: &[Filled], device: &Device) -> tensor::Result<Tensor> {
    let mut start = 0;
    let mut places = Vec::with_capacity(filled.len());
    for filled in filled {
        places.push((start + filled.gap) as u32);
        start += filled.text.len();
    }
    Tensor::new(&places, [places.len()], device)
}

/// The mean of `-ln` of what labels that a text has are given, and of `-ln(1 - q)` for the others; among the labels alone where
/// they exclude each other.
fn mean_loss(targets: &Targets, probabilities: &[f32], labels: usize) -> f64 {
    let log = |p: f32| f64::from(p).max(f64::from(f32::MIN_POSITIVE)).ln();
    let rows = probabilities.chunks(labels.max(1)).enumerate();
    let of = |(text, row): (usize, &[f32])| -> f64 {
        let terms = row.iter().enumerate().map(|(label, &p)| {
            match (targets.has(text, label), targets.problem()) {
                (true, _) => -log(p),
                (false, Problem::Multi) => -log(1.0 - p),
                (false, Problem::Single) => 0.0,
            }
        });
        let sum: f64 = terms.sum();
        match targets.problem() {
            Problem::Multi => sum / labels as f64,
            Problem::Single => sum,
        }
    };
    rows.map(of).sum::<f64>() / targets.len().max(1) as f64
}
