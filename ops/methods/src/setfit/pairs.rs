//! Pairs of texts that are to be alike or not (Tunstall et al. 2022, section 3; the package `setfit`).

use tensor::RandomKey;

use crate::random::permutation;
use crate::{MethodError, Result, Targets};

/// When two texts are alike, where they may have several labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Similarity {
    /// If they share a label, as in the package.
    #[default]
    Any,
    /// If they have the same labels.
    Same,
    /// By the share of labels that they have in common of all that one of them has (Jaccard); 1 if neither has any.
    Jaccard,
}

impl Similarity {
    /// From 0 to 1.
    pub fn of(self, targets: &Targets, first: usize, second: usize) -> f32 {
        match targets {
            Targets::Single(classes) => f32::from(u8::from(classes[first] == classes[second])),
            Targets::Multi(rows) => self.of_sets(&rows[first], &rows[second]),
        }
    }

    fn of_sets(self, first: &[bool], second: &[bool]) -> f32 {
        let count = |keep: fn(bool, bool) -> bool| {
            let pairs = first.iter().zip(second);
            pairs.filter(|(a, b)| keep(**a, **b)).count()
        };
        let (both, either) = (count(|a, b| a && b), count(|a, b| a || b));
        match self {
            Self::Any => f32::from(u8::from(both > 0)),
            Self::Same => f32::from(u8::from(both == either)),
            Self::Jaccard if either == 0 => 1.0,
            Self::Jaccard => both as f32 / either as f32,
        }
    }
}

/// How many pairs an epoch has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PairSampling {
    /// Those of the rarer kind come more than once, until there are as many as of the other.
    #[default]
    Oversampling,
    /// Of the more frequent kind only as many as of the other, others in each epoch.
    Undersampling,
    /// Each pair once.
    Unique,
}

/// Two texts and how much they are alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// One text.
    pub first: u32,
    /// The other.
    pub second: u32,
    /// From 0 to 1.
    pub similarity: f32,
}

/// Pairs are held in memory: more than these are no affair of few labels.
const MOST: usize = 20_000_000;

/// All pairs of different texts, those that are alike at all and those that are not.
#[derive(Clone, Debug)]
pub struct Pairs {
    alike: Vec<Pair>,
    unlike: Vec<Pair>,
    sampling: PairSampling,
}

impl Pairs {
    /// Of these labels.
    ///
    /// # Errors
    /// [`MethodError::Input`] for fewer than two texts, and for more than make twenty million pairs.
    pub fn new(targets: &Targets, similarity: Similarity, sampling: PairSampling) -> Result<Self> {
        let texts = targets.len();
        let refuse = |reason: String| Err(MethodError::input("setfit", reason));
        if texts < 2 {
            return refuse("pairs take two texts at least; label more".to_owned());
        }
        if texts * (texts - 1) / 2 > MOST {
            return refuse(format!(
                "{texts} texts make more than {MOST} pairs; take fewer texts, or fine_tune, which serves many labels better"
            ));
        }
        let (mut alike, mut unlike) = (Vec::new(), Vec::new());
        for first in 0..texts {
            for second in first + 1..texts {
                let pair = Pair {
                    first: first as u32,
                    second: second as u32,
                    similarity: similarity.of(targets, first, second),
                };
                match pair.similarity > 0.0 {
                    true => alike.push(pair),
                    false => unlike.push(pair),
                }
            }
        }
        Ok(Self {
            alike,
            unlike,
            sampling,
        })
    }

    /// How many pairs an epoch has.
    pub fn len(&self) -> usize {
        let (more, less) = (
            self.alike.len().max(self.unlike.len()),
            self.alike.len().min(self.unlike.len()),
        );
        match self.sampling {
            _ if less == 0 => more,
            PairSampling::Oversampling => 2 * more,
            PairSampling::Undersampling => 2 * less,
            PairSampling::Unique => more + less,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The pairs of an epoch, in a random order that its key decides: of the two kinds in turn, where there are as many of each.
    pub fn epoch(&self, key: RandomKey) -> Vec<Pair> {
        let shuffled = |pairs: &[Pair], place: u64| -> Vec<Pair> {
            let order = permutation(key.fold(place), pairs.len());
            order.into_iter().map(|at| pairs[at]).collect()
        };
        let (alike, unlike) = (shuffled(&self.alike, 0), shuffled(&self.unlike, 1));
        if alike.is_empty() || unlike.is_empty() || self.sampling == PairSampling::Unique {
            return shuffled(&[alike, unlike].concat(), 2);
        }
        let half = self.len() / 2;
        let kinds = alike.iter().cycle().zip(unlike.iter().cycle());
        kinds.take(half).flat_map(|(a, b)| [*a, *b]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_alike_as_the_package_says_or_by_their_sets() {
        let targets = Targets::Multi(vec![
            vec![true, true, false],
            vec![true, false, false],
            vec![false, false, true],
            vec![false, false, false],
            vec![false, false, false],
        ]);
        let of = |similarity: Similarity, a, b| similarity.of(&targets, a, b);
        assert_eq!(
            [
                of(Similarity::Any, 0, 1),
                of(Similarity::Any, 0, 2),
                of(Similarity::Any, 3, 4)
            ],
            [1.0, 0.0, 0.0]
        );
        assert_eq!(
            [of(Similarity::Same, 0, 1), of(Similarity::Same, 3, 4)],
            [0.0, 1.0]
        );
        assert_eq!(
            [of(Similarity::Jaccard, 0, 1), of(Similarity::Jaccard, 3, 4)],
            [0.5, 1.0]
        );
    }

    #[test]
    fn an_epoch_has_as_many_of_both_kinds_and_every_pair_of_the_more_frequent_once() {
        // Of 6 + 3 texts: 15 + 3 pairs alike, 18 not.
        let targets = Targets::Single(vec![0, 0, 0, 0, 0, 0, 1, 2, 3]);
        let pairs = |sampling| Pairs::new(&targets, Similarity::Any, sampling).unwrap();
        let count = |pairs: &[Pair], alike: bool| {
            pairs
                .iter()
                .filter(|pair| (pair.similarity == 1.0) == alike)
                .count()
        };
        let over = pairs(PairSampling::Oversampling);
        let epoch = over.epoch(RandomKey::new(1));
        assert_eq!(
            (
                over.len(),
                epoch.len(),
                count(&epoch, true),
                count(&epoch, false)
            ),
            (42, 42, 21, 21)
        );
        let mut unlike: Vec<(u32, u32)> = epoch
            .iter()
            .filter(|pair| pair.similarity == 0.0)
            .map(|pair| (pair.first, pair.second))
            .collect();
        unlike.sort_unstable();
        unlike.dedup();
        assert_eq!(unlike.len(), 21);
        let under = pairs(PairSampling::Undersampling).epoch(RandomKey::new(1));
        assert_eq!((count(&under, true), count(&under, false)), (15, 15));
        let unique = pairs(PairSampling::Unique).epoch(RandomKey::new(1));
        assert_eq!((count(&unique, true), count(&unique, false)), (15, 21));
        assert_ne!(over.epoch(RandomKey::new(2)), epoch);
    }
}
