//! [`Metric`]: by what models and thresholds are chosen; and F1 and accuracy of predictions.

use serde::{Deserialize, Serialize};

use crate::Targets;

/// By what models are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// F1 of all decisions together.
    #[default]
    MicroF1,
    /// The mean of the labels' F1, where a label that nobody has or predicts counts 0.
    MacroF1,
    /// The share of texts with exactly the right labels.
    Accuracy,
    /// The loss; less is better.
    Loss,
}

impl Metric {
    /// Its name in [`Evaluation`](crate::Evaluation).
    pub fn name(self) -> &'static str {
        match self {
            Self::MicroF1 => "micro_f1",
            Self::MacroF1 => "macro_f1",
            Self::Accuracy => "accuracy",
            Self::Loss => "loss",
        }
    }

    /// Whether `value` is better than `other`; what is no number never is.
    pub fn is_better(self, value: f64, other: f64) -> bool {
        match self {
            Self::Loss => value < other || (other.is_nan() && !value.is_nan()),
            _ => value > other,
        }
    }
}

/// True and false decisions on a label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub true_positives: u64,
    pub false_positives: u64,
    pub false_negatives: u64,
}

impl Counts {
    pub fn add(&mut self, has: bool, predicted: bool) {
        self.true_positives += u64::from(has && predicted);
        self.false_positives += u64::from(!has && predicted);
        self.false_negatives += u64::from(has && !predicted);
    }

    /// `2 tp / (2 tp + fp + fn)`, 0 where nothing is there to be found or predicted.
    pub fn f1(&self) -> f64 {
        let twice = 2 * self.true_positives;
        let all = twice + self.false_positives + self.false_negatives;
        twice as f64 / all.max(1) as f64
    }
}

/// Micro F1, macro F1 and accuracy of predictions for texts whose labels are known.
pub(crate) fn scores(targets: &Targets, predicted: &Targets, labels: usize) -> Vec<(String, f64)> {
    let mut of_labels = vec![Counts::default(); labels];
    let mut right = 0_usize;
    let texts = targets.len().min(predicted.len());
    for text in 0..texts {
        let mut all = true;
        for (label, counts) in of_labels.iter_mut().enumerate() {
            let (has, guessed) = (targets.has(text, label), predicted.has(text, label));
            counts.add(has, guessed);
            all &= has == guessed;
        }
        right += usize::from(all);
    }
    let together = of_labels.iter().fold(Counts::default(), |sum, of| Counts {
        true_positives: sum.true_positives + of.true_positives,
        false_positives: sum.false_positives + of.false_positives,
        false_negatives: sum.false_negatives + of.false_negatives,
    });
    let macro_f1 = of_labels.iter().map(Counts::f1).sum::<f64>() / labels.max(1) as f64;
    vec![
        ("micro_f1".to_owned(), together.f1()),
        ("macro_f1".to_owned(), macro_f1),
        ("accuracy".to_owned(), right as f64 / texts.max(1) as f64),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_equal_those_of_scikit_learn() {
        // f1_score(average = "micro" and "macro", zero_division = 0) and accuracy_score of scikit-learn on these rows.
        let rows = |rows: &[[u8; 3]]| {
            Targets::Multi(
                rows.iter()
                    .map(|row| row.map(|x| x == 1).to_vec())
                    .collect(),
            )
        };
        let targets = rows(&[[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 0]]);
        let predicted = rows(&[[1, 0, 0], [1, 0, 0], [1, 1, 0], [0, 0, 0]]);
        let found = scores(&targets, &predicted, 3);
        let expected = [0.75, (0.8 + 2.0 / 3.0) / 3.0, 0.5];
        for ((name, value), expected) in found.into_iter().zip(expected) {
            assert!((value - expected).abs() < 1e-12, "{name}: {value}");
        }
        let single = scores(
            &Targets::Single(vec![0, 1, 2, 2]),
            &Targets::Single(vec![0, 2, 2, 2]),
            3,
        );
        let expected = [0.75, (1.0 + 0.0 + 0.8) / 3.0, 0.75];
        for ((name, value), expected) in single.into_iter().zip(expected) {
            assert!((value - expected).abs() < 1e-12, "{name}: {value}");
        }
    }
}
