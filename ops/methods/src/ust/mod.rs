//! Uncertainty-aware self-training (Mukherjee & Awadallah 2020, "Uncertainty-aware self-training for few-shot text classification"):
//! teachers read texts without labels several times with dropout; what they disagree about with themselves decides from which
//! texts students learn, and how much from each.

mod sample;
mod uncertainty;

pub use sample::Sampling;
pub use uncertainty::{Passes, confidence_weight};

use nn::Forward;

use crate::random::permutation;
use crate::rounds::{Plan, Pseudo, Rounds, rounds};
use crate::train::{Fingerprint, Outcome, Session};
use crate::{
    Classifier, LabelNetwork, Labelled, MethodError, Problem, Result, Targets, Text, predict,
};

const METHOD: &str = "ust";

/// The streams of random numbers of pools, passes and samples.
const POOLS: u64 = 6;
const PASSES: u64 = 7;
const SAMPLES: u64 = 8;

/// How a model is trained. Numbers are the authors' by default, for a fast adapter and many texts; pool and passes decide how long
/// a round takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Ust {
    /// Teachers, students and their rounds.
    pub rounds: Rounds,
    /// Texts without labels that a teacher reads in a round, drawn anew for each.
    pub pool: usize,
    /// Texts of these that its student learns from.
    pub sample: usize,
    /// T, how often a teacher reads each text.
    pub passes: usize,
    /// Which texts are drawn.
    pub sampling: Sampling,
    /// Whether all labels are drawn alike often.
    pub class_balanced: bool,
    /// Whether losses are weighted with what [`confidence_weight`] says of the variance of their label, times this number.
    pub confident_learning: Option<f32>,
}

impl Default for Ust {
    fn default() -> Self {
        Self {
            rounds: Rounds::default(),
            pool: 16_384,
            sample: 4096,
            passes: 30,
            sampling: Sampling::Easy,
            class_balanced: true,
            confident_learning: Some(0.1),
        }
    }
}

/// Trains `network` in rounds. One outcome for the first teacher and each round.
///
/// For labels that do not exclude each other, [`Passes`] says what stands for each quantity of the paper; classes that are to be
/// drawn alike often are the labels, and texts without any.
///
/// # Errors
/// [`MethodError::Input`] for texts, labels and options that do not fit each other; [`MethodError::Interrupted`];
/// [`nn::NnError::NotFinite`] where training goes astray.
pub fn ust<N: LabelNetwork>(
    network: N,
    labels: &[String],
    training: Labelled<'_>,
    unlabelled: &[Text],
    validation: Option<Labelled<'_>>,
    options: &Ust,
    session: &mut Session<'_>,
) -> Result<(Classifier<N>, Vec<Outcome>)> {
    if options.pool == 0 || options.sample == 0 || options.passes < 2 {
        return Err(MethodError::input(
            METHOD,
            "pool and sample must be 1 or more, and passes 2 or more: one pass has no variance",
        ));
    }
    if (options.confident_learning).is_some_and(|scale| !(scale.is_finite() && scale > 0.0)) {
        return Err(MethodError::input(
            METHOD,
            "the number of confident_learning must be positive; leave it out to weigh all alike",
        ));
    }
    let problem = training.targets.problem();
    let plan = Plan {
        method: METHOD,
        labels,
        options: &options.rounds,
        training,
        unlabelled,
        validation,
    };
    let key = session.key();
    let fingerprint = Fingerprint::new(METHOD, options, session.seed);
    rounds(
        network,
        &plan,
        fingerprint,
        session,
        |teacher, thresholds, round, observer| {
            let round = round as u64;
            let mut pool = permutation(key.fold(POOLS).fold(round), unlabelled.len());
            pool.truncate(options.pool);
            let texts: Vec<Text> = pool
                .iter()
                .map(|&place| unlabelled[place].clone())
                .collect();
            let mut passes = Vec::new();
            for pass in 0..options.passes as u64 {
                let key = key.fold(PASSES).fold(round).fold(pass);
                let dropped = |batch| Forward::training(key.fold(batch));
                let logits = predict::logits(teacher, &texts, dropped)?;
                passes.push(predict::probabilities(problem, &logits, labels.len()));
                observer.progress("passes", pass + 1, options.passes as u64);
                if observer.should_stop() {
                    return Err(MethodError::Interrupted {
                        method: METHOD,
                        step: pass,
                        steps: options.passes as u64,
                        saved: false,
                    });
                }
            }
            let passes = Passes {
                problem,
                labels: labels.len(),
                passes: &passes,
            };
            let found = passes.majority(thresholds);
            let chosen = sample::sample(
                &found,
                &passes.bald(),
                problem,
                options,
                key.fold(SAMPLES).fold(round),
            );
            if passes.variances().iter().all(|variance| *variance == 0.0) {
                observer.warn(&format!(
                    "{METHOD}: all passes of a teacher are alike; its model needs dropout, see hidden_dropout_prob in config.json"
                ));
            }
            Ok(Some(pseudo(&texts, &chosen, &found, &passes, options)))
        },
    )
}

/// What a student learns from the chosen texts.
fn pseudo(
    texts: &[Text],
    chosen: &[usize],
    found: &[bool],
    passes: &Passes<'_>,
    options: &Ust,
) -> Pseudo {
    let labels = passes.labels;
    let variances = passes.variances();
    let weight = |place: usize| match options.confident_learning {
        Some(scale) => confidence_weight(variances[place], scale),
        None => 1.0,
    };
    let row = |text: usize| &found[text * labels..(text + 1) * labels];
    let class = |text: usize| row(text).iter().position(|has| *has).unwrap_or(0);
    let (targets, weights) = match passes.problem {
        Problem::Multi => (
            Targets::Multi(chosen.iter().map(|&text| row(text).to_vec()).collect()),
            (chosen.iter())
                .flat_map(|&text| (text * labels..(text + 1) * labels).map(weight))
                .collect(),
        ),
        Problem::Single => (
            Targets::Single(chosen.iter().map(|&text| class(text) as u32).collect()),
            (chosen.iter())
                .map(|&text| weight(text * labels + class(text)))
                .collect(),
        ),
    };
    Pseudo {
        texts: chosen.iter().map(|&text| texts[text].clone()).collect(),
        targets,
        weights,
    }
}
