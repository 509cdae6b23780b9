//! Self-training in its plain form (Scudder 1965; as Yarowsky 1995 and Lee 2013, "Pseudo-label", use it): students learn from
//! labels of which their teacher is sure.

use nn::Forward;

use crate::rounds::{Plan, Pseudo, Rounds, rounds};
use crate::thresholds::{decide, most_probable};
use crate::train::{Fingerprint, Outcome, Session};
use crate::{Classifier, LabelNetwork, Labelled, MethodError, Problem, Result, Text, predict};

const METHOD: &str = "self_training";

/// How a model trains itself.
#[derive(Clone, Debug, PartialEq)]
pub struct SelfTraining {
    /// Teachers, students and their rounds.
    pub rounds: Rounds,
    /// From which probability on a label counts. Where a text may have several labels, each is looked at alone, and counts where
    /// its probability is this at least, or 1 less this at most.
    pub confidence: f32,
}

impl Default for SelfTraining {
    fn default() -> Self {
        Self {
            rounds: Rounds::default(),
            confidence: 0.9,
        }
    }
}

/// Trains `network` in rounds on labelled texts and on those without labels of which its teacher is sure. One outcome for the first
/// teacher and each round.
///
/// # Errors
/// [`MethodError::Input`] for texts, labels and options that do not fit each other; [`MethodError::Interrupted`];
/// [`nn::NnError::NotFinite`] where training goes astray.
pub fn self_training<N: LabelNetwork>(
    network: N,
    labels: &[String],
    training: Labelled<'_>,
    unlabelled: &[Text],
    validation: Option<Labelled<'_>>,
    options: &SelfTraining,
    session: &mut Session<'_>,
) -> Result<(Classifier<N>, Vec<Outcome>)> {
    let confidence = options.confidence;
    if !(0.5..1.0).contains(&confidence) {
        return Err(MethodError::input(
            METHOD,
            "confidence must be from 0.5 to less than 1, such as 0.9",
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
    let fingerprint = Fingerprint::new(METHOD, options, session.seed);
    rounds(
        network,
        &plan,
        fingerprint,
        session,
        |teacher, thresholds, round, observer| {
            let logits = predict::logits(teacher, unlabelled, |_| Forward::inference())?;
            let probabilities = predict::probabilities(problem, &logits, labels.len());
            let weights = sure(problem, &probabilities, labels.len(), confidence);
            let width = weights.len() / unlabelled.len().max(1);
            let chosen: Vec<usize> = (weights.chunks(width.max(1)).enumerate())
                .filter(|(_, row)| row.iter().any(|weight| *weight > 0.0))
                .map(|(place, _)| place)
                .collect();
            if chosen.is_empty() {
                observer.warn(&format!(
                    "{METHOD}: the teacher of round {} is sure of no text; lower confidence, {confidence}, or train it longer",
                    round + 1
                ));
                return Ok(None);
            }
            Ok(Some(Pseudo {
                texts: chosen
                    .iter()
                    .map(|&place| unlabelled[place].clone())
                    .collect(),
                targets: decide(problem, &probabilities, thresholds).select(&chosen),
                weights: (chosen.iter())
                    .flat_map(|&place| &weights[place * width..(place + 1) * width])
                    .copied()
                    .collect(),
            }))
        },
    )
}

/// 1 for decisions that are sure, else 0: one a text where labels exclude each other, else one a label of each text.
fn sure(problem: Problem, probabilities: &[f32], labels: usize, confidence: f32) -> Vec<f32> {
    let is = |sure: bool| if sure { 1.0 } else { 0.0 };
    match problem {
        Problem::Multi => probabilities
            .iter()
            .map(|p| is(p.max(1.0 - p) >= confidence))
            .collect(),
        Problem::Single => probabilities
            .chunks(labels.max(1))
            .map(|row| is(row[most_probable(row) as usize] >= confidence))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_count_where_the_teacher_is_sure_of_them() {
        let probabilities = [0.95, 0.02, 0.6, 0.3, 0.91, 0.5];
        assert_eq!(
            sure(Problem::Multi, &probabilities, 3, 0.9),
            [1.0, 1.0, 0.0, 0.0, 1.0, 0.0]
        );
        let probabilities = [0.95, 0.03, 0.02, 0.5, 0.3, 0.2];
        assert_eq!(sure(Problem::Single, &probabilities, 3, 0.9), [1.0, 0.0]);
    }
}
