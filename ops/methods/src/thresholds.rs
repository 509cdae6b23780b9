//! From which probability on a text has a label: 0.5, or what serves F1 best on validation texts.

use serde::{Deserialize, Serialize};

use crate::metrics::Counts;
use crate::{Problem, Targets};

/// How thresholds are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Thresholds {
    /// 0.5 for every label.
    #[default]
    Half,
    /// This one for every label.
    Fixed(f32),
    /// One for all labels, with which micro F1 on validation texts is highest.
    One,
    /// One for each label, with which its F1 on validation texts is highest, and with them macro F1. A label that no validation
    /// text has keeps 0.5.
    PerLabel,
}

impl Thresholds {
    /// Whether validation texts are needed to find them.
    pub fn need_validation(self) -> bool {
        matches!(self, Self::One | Self::PerLabel)
    }

    /// The thresholds of `labels` labels, from the probabilities of validation texts, `[texts * labels]`, and their labels.
    pub(crate) fn find(self, labels: usize, validation: Option<(&[f32], &Targets)>) -> Vec<f32> {
        let half = match self {
            Self::Fixed(threshold) => threshold,
            _ => 0.5,
        };
        let Some((probabilities, targets @ Targets::Multi(_))) = validation else {
            return vec![half; labels];
        };
        let decisions = |label: usize| {
            let rows = probabilities.chunks(labels.max(1)).enumerate();
            rows.map(move |(text, row)| (row[label], targets.has(text, label)))
        };
        match self {
            Self::Half | Self::Fixed(_) => vec![half; labels],
            Self::One => vec![best((0..labels).flat_map(decisions).collect()); labels],
            Self::PerLabel => (0..labels)
                .map(|label| best(decisions(label).collect()))
                .collect(),
        }
    }
}

/// The threshold with the highest F1 on these decisions, in the middle between two probabilities. Of several, the one nearest
/// to 0.5.
fn best(mut decisions: Vec<(f32, bool)>) -> f32 {
    let positives = decisions.iter().filter(|(_, has)| *has).count() as u64;
    if positives == 0 {
        return 0.5;
    }
    decisions.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut counts = Counts {
        false_negatives: positives,
        ..Counts::default()
    };
    let mut found = (0.0, 0.5_f32);
    for (place, &(probability, has)) in decisions.iter().enumerate() {
        counts.true_positives += u64::from(has);
        counts.false_negatives -= u64::from(has);
        counts.false_positives += u64::from(!has);
        let next = decisions.get(place + 1).map_or(0.0, |(next, _)| *next);
        if next == probability {
            continue;
        }
        // All between the two decide alike, so 0.5 where it is between.
        let threshold = match next < 0.5 && 0.5 <= probability {
            true => 0.5,
            false => (probability + next) / 2.0,
        };
        // The middle of two neighbours may be rounded to the lower one, which must not count as predicted.
        let threshold = if threshold <= next {
            probability
        } else {
            threshold
        };
        let (f1, distance) = (counts.f1(), (threshold - 0.5).abs());
        if f1 > found.0 || (f1 == found.0 && distance < (found.1 - 0.5).abs()) {
            found = (f1, threshold);
        }
    }
    found.1
}

/// The labels whose probabilities, `[texts * labels]`, reach their thresholds; the most probable one where labels exclude each
/// other.
pub(crate) fn decide(problem: Problem, probabilities: &[f32], thresholds: &[f32]) -> Targets {
    let rows = probabilities.chunks(thresholds.len().max(1));
    match problem {
        Problem::Multi => Targets::Multi(
            rows.map(|row| {
                let pairs = row.iter().zip(thresholds);
                pairs
                    .map(|(probability, threshold)| probability >= threshold)
                    .collect()
            })
            .collect(),
        ),
        Problem::Single => Targets::Single(rows.map(most_probable).collect()),
    }
}

/// The first of the largest.
pub(crate) fn most_probable(row: &[f32]) -> u32 {
    let mut best = 0;
    for (place, value) in row.iter().enumerate() {
        if *value > row[best] {
            best = place;
        }
    }
    best as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn f1(probabilities: &[f32], has: &[bool], threshold: f32) -> f64 {
        let mut counts = Counts::default();
        for (probability, has) in probabilities.iter().zip(has) {
            counts.add(*has, *probability >= threshold);
        }
        counts.f1()
    }

    #[test]
    fn no_threshold_of_a_fine_grid_does_better_than_the_one_found() {
        for round in 0..50_u64 {
            let key = tensor::RandomKey::new(round);
            let draw = |place: u64| crate::random::unit(key, place) as f32;
            // Few different probabilities, so that many are equal.
            let probabilities: Vec<f32> = (0..30)
                .map(|place| (draw(place) * 9.0).floor() / 9.0)
                .collect();
            let has: Vec<bool> = (0..30)
                .map(|place| draw(100 + place) < probabilities[place as usize])
                .collect();
            let pairs = probabilities.iter().copied().zip(has.iter().copied());
            let found = f1(&probabilities, &has, best(pairs.collect()));
            let grid = (0..=1000).map(|step| f1(&probabilities, &has, step as f32 / 1000.0));
            let highest = grid.fold(0.0, f64::max);
            assert!(found >= highest, "round {round}: {found} and {highest}");
        }
    }

    #[test]
    fn half_stays_where_it_decides_as_well_as_any() {
        assert_eq!(best(vec![(0.9, true), (0.1, false)]), 0.5);
        assert_eq!(best(vec![(0.9, false), (0.1, false)]), 0.5);
        assert!(
            (best(vec![(0.9, false), (0.3, true), (0.25, true), (0.01, false)]) - 0.13).abs()
                < 1e-6
        );
    }

    #[test]
    fn labels_are_tuned_together_or_one_by_one() {
        let targets = Targets::Multi(vec![vec![true, false], vec![true, true], vec![false, true]]);
        let probabilities = [0.2, 0.05, 0.3, 0.8, 0.1, 0.7];
        let validation = Some((&probabilities[..], &targets));
        assert_eq!(Thresholds::Half.find(2, validation), [0.5, 0.5]);
        assert_eq!(Thresholds::Fixed(0.2).find(2, validation), [0.2, 0.2]);
        let per_label = Thresholds::PerLabel.find(2, validation);
        assert!(
            (per_label[0] - 0.15).abs() < 1e-6 && per_label[1] == 0.5,
            "{per_label:?}"
        );
        let one = Thresholds::One.find(2, validation);
        assert!(one[0] == one[1] && (one[0] - 0.15).abs() < 1e-6, "{one:?}");
        assert_eq!(decide(Problem::Multi, &probabilities, &per_label), targets);
        assert_eq!(
            decide(Problem::Single, &probabilities, &[0.5, 0.5]),
            Targets::Single(vec![0, 1, 1])
        );
    }
}
