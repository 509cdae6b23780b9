//! Which texts a student learns from (section 3.2).

use tensor::RandomKey;

use super::Ust;
use crate::Problem;
use crate::random::{unit, weighted_sample};

/// How likely a text is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sampling {
    /// In proportion to `1 - BALD`, at least 0 (equation 8): what the teacher knows.
    #[default]
    Easy,
    /// In proportion to BALD (equation 9): what the teacher could learn most from.
    Hard,
    /// All alike.
    Uniform,
}

impl Sampling {
    /// To what a text's probability of being drawn is in proportion.
    pub fn weight(self, bald: f64) -> f64 {
        match self {
            Self::Easy => (1.0 - bald).max(0.0),
            Self::Hard => bald.max(0.0),
            Self::Uniform => 1.0,
        }
    }
}

/// The places of the texts that are drawn. Classes of fewer texts than their share have some of them more than once, as in the
/// authors' program.
pub(super) fn sample(
    found: &[bool],
    bald: &[f64],
    problem: Problem,
    options: &Ust,
    key: RandomKey,
) -> Vec<usize> {
    let texts = bald.len();
    let labels = found.len() / texts.max(1);
    let weight = |text: usize| options.sampling.weight(bald[text]);
    if !options.class_balanced {
        let weights: Vec<f64> = (0..texts).map(weight).collect();
        return drawn(
            key,
            &(0..texts).collect::<Vec<_>>(),
            &weights,
            options.sample,
            false,
        );
    }
    let has = |text: usize, label: usize| found[text * labels + label];
    let mut groups: Vec<Vec<usize>> = (0..labels)
        .map(|label| (0..texts).filter(|&text| has(text, label)).collect())
        .collect();
    if problem == Problem::Multi {
        let none = |text: &usize| (0..labels).all(|label| !has(*text, label));
        groups.push((0..texts).filter(none).collect());
    }
    groups.retain(|group| !group.is_empty());
    let share = options.sample.div_ceil(groups.len().max(1));
    let mut chosen = Vec::new();
    for (place, group) in (0..).zip(&groups) {
        let weights: Vec<f64> = group.iter().map(|&text| weight(text)).collect();
        chosen.extend(drawn(key.fold(place), group, &weights, share, true));
    }
    chosen
}

/// `count` texts of `group`; some more than once if there are fewer and this is allowed.
fn drawn(
    key: RandomKey,
    group: &[usize],
    weights: &[f64],
    count: usize,
    repeats: bool,
) -> Vec<usize> {
    let even = vec![1.0; group.len()];
    let total: f64 = weights.iter().sum();
    let weights = if total > 0.0 { weights } else { &even };
    if !repeats || group.len() >= count {
        let places = weighted_sample(key, weights, count.min(group.len()));
        return places.into_iter().map(|place| group[place]).collect();
    }
    let total: f64 = weights.iter().sum();
    let one = |draw: u64| {
        let mut rest = unit(key, draw) * total;
        let place = weights.iter().position(|weight| {
            rest -= weight;
            rest < 0.0
        });
        group[place.unwrap_or(group.len() - 1)]
    };
    (0..count as u64).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(sampling: Sampling, class_balanced: bool) -> Ust {
        Ust {
            sample: 30,
            sampling,
            class_balanced,
            ..Ust::default()
        }
    }

    #[test]
    fn easy_texts_or_hard_ones_are_drawn_more_often_by_bald() {
        let bald: Vec<f64> = (0..60)
            .map(|text| if text < 30 { 0.05 } else { 0.85 })
            .collect();
        let found = vec![true; 60];
        let easy = |sampling| {
            let draws = (0..200).flat_map(|draw| {
                let options = options(sampling, false);
                sample(
                    &found,
                    &bald,
                    Problem::Single,
                    &options,
                    RandomKey::new(draw),
                )
            });
            draws.filter(|&text| text < 30).count() as f64 / 6000.0
        };
        // Drawing without putting back, half of the texts: more than half, but less than all, are of the likelier kind.
        let shares = [
            easy(Sampling::Easy),
            easy(Sampling::Uniform),
            easy(Sampling::Hard),
        ];
        assert!(
            shares[0] > 0.75 && (shares[1] - 0.5).abs() < 0.02 && shares[2] < 0.25,
            "{shares:?}"
        );
        assert!(
            (Sampling::Easy.weight(0.3) - 0.7).abs() < 1e-12 && Sampling::Easy.weight(1.2) == 0.0
        );
        assert!((Sampling::Hard.weight(0.3) - 0.3).abs() < 1e-12);
    }

    #[test]
    fn all_classes_are_drawn_alike_often_however_rare_they_are() {
        let labels = |text: usize| match text {
            0..50 => 0,
            50..58 => 1,
            _ => 2,
        };
        let found: Vec<bool> = (0..60)
            .flat_map(|text| (0..3).map(move |label| labels(text) == label))
            .collect();
        let chosen = sample(
            &found,
            &[0.1; 60],
            Problem::Single,
            &options(Sampling::Easy, true),
            RandomKey::new(3),
        );
        let count = |label| chosen.iter().filter(|&&text| labels(text) == label).count();
        assert_eq!([count(0), count(1), count(2)], [10, 10, 10]);
        // Where texts may have several labels or none, those with none are a class of their own.
        let found: Vec<bool> = (0..60)
            .flat_map(|text| [text % 2 == 0, text % 3 == 0])
            .collect();
        let chosen = sample(
            &found,
            &[0.1; 60],
            Problem::Multi,
            &options(Sampling::Easy, true),
            RandomKey::new(3),
        );
        assert_eq!(chosen.len(), 30);
        assert!(
            chosen
                .iter()
                .filter(|&&text| text % 2 != 0 && text % 3 != 0)
                .count()
                == 10
        );
    }
}
