//! Logistic regression over vectors of texts: the head of [`setfit`](crate::setfit()), and where those of
//! [`probe`](crate::probe()) begin.

use serde::{Deserialize, Serialize};

use crate::Targets;
use crate::lbfgs::{dot, minimize};

/// The score of a label that no training text has, where labels exclude each other.
const NEVER: f64 = -1e4;

/// After which a search is taken as it is.
const MOST_STEPS: usize = 1000;

/// A linear map from vectors to scores.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogisticHead {
    /// A vector for each label.
    pub weights: Vec<Vec<f32>>,
    /// A number for each label.
    pub biases: Vec<f32>,
}

/// What a text's loss counts, beside the decay of the weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Penalty {
    /// C.
    pub inverse_decay: f64,
    /// Whether classes weigh the same: those with `m` of `n` texts count `n / (classes * m)`, as `class_weight="balanced"` does.
    pub balanced: bool,
}

impl Penalty {
    /// C for each of `count` classes, all of which texts have.
    fn of_classes(&self, classes: impl Iterator<Item = usize>, count: usize) -> Vec<f64> {
        if !self.balanced {
            return vec![self.inverse_decay; count];
        }
        let mut sizes = vec![0.0_f64; count];
        classes.for_each(|class| sizes[class] += 1.0);
        let texts: f64 = sizes.iter().sum();
        let cost = |size: &f64| self.inverse_decay * texts / (count as f64 * size);
        sizes.iter().map(cost).collect()
    }
}

impl LogisticHead {
    /// The scores of vectors of length `dimensions`, `[texts * labels]`.
    pub(crate) fn logits(&self, vectors: &[f32], dimensions: usize) -> Vec<f32> {
        let score = |vector: &[f32], label: usize| {
            let products = vector.iter().zip(&self.weights[label]);
            let sum: f64 = products.map(|(x, w)| f64::from(*x) * f64::from(*w)).sum();
            (sum + f64::from(self.biases[label])) as f32
        };
        (vectors.chunks(dimensions.max(1)))
            .flat_map(|vector| (0..self.weights.len()).map(move |label| score(vector, label)))
            .collect()
    }
}

/// Texts to fit heads to.
pub(crate) struct Regression<'a> {
    /// The vectors less their mean, a row a text. As biases are free that changes no score, and it takes an encoder, whose vectors
    /// share most of what they say, several times fewer steps.
    rows: Vec<Vec<f64>>,
    mean: Vec<f64>,
    targets: &'a Targets,
    labels: usize,
}

impl<'a> Regression<'a> {
    /// Of vectors of length `dimensions`, `[texts * dimensions]`, and which of the labels they have.
    pub(crate) fn new(
        vectors: &[f32],
        dimensions: usize,
        targets: &'a Targets,
        labels: usize,
    ) -> Self {
        let mut rows: Vec<Vec<f64>> = (vectors.chunks(dimensions.max(1)))
            .map(|row| row.iter().map(|x| f64::from(*x)).collect())
            .collect();
        let mut mean = vec![0.0; dimensions];
        for row in &rows {
            mean.iter_mut().zip(row).for_each(|(mean, x)| *mean += x);
        }
        let texts = rows.len().max(1) as f64;
        mean.iter_mut().for_each(|mean| *mean /= texts);
        for row in &mut rows {
            row.iter_mut().zip(&mean).for_each(|(x, mean)| *x -= mean);
        }
        Self {
            rows,
            mean,
            targets,
            labels,
        }
    }

    /// Fits `C Σ loss + ½ Σ w²` as scikit-learn's `LogisticRegression` does, biases free: one problem a label where labels do not
    /// exclude each other, else one softmax over those that training texts have. Where all or none of the texts have a label, its
    /// weights are 0 and its bias is the logit of `(n + 1) / (N + 2)`.
    pub(crate) fn fit(&self, penalty: Penalty) -> LogisticHead {
        let mut head = LogisticHead {
            weights: vec![vec![0.0; self.mean.len()]; self.labels],
            biases: vec![0.0; self.labels],
        };
        match self.targets {
            Targets::Multi(known) => {
                for label in 0..self.labels {
                    let has: Vec<bool> = known.iter().map(|row| row[label]).collect();
                    let found = self.binary(&has, penalty);
                    self.set(&mut head, label, &found);
                }
            }
            Targets::Single(known) => {
                let labels = 0..self.labels;
                let present: Vec<usize> = labels.filter(|k| known.contains(&(*k as u32))).collect();
                let classes: Vec<usize> = (known.iter())
                    .map(|class| present.iter().position(|k| *k == *class as usize))
                    .map(Option::unwrap_or_default)
                    .collect();
                let found = self.softmax(&classes, present.len(), penalty);
                head.biases.fill(NEVER as f32);
                for (label, parameters) in present.iter().zip(found.chunks(self.mean.len() + 1)) {
                    self.set(&mut head, *label, parameters);
                }
            }
        }
        head
    }

    /// Sets a label to weights and then the bias, for vectors less their mean.
    fn set(&self, head: &mut LogisticHead, label: usize, parameters: &[f64]) {
        if let Some((bias, weights)) = parameters.split_last() {
            head.weights[label] = weights.iter().map(|w| *w as f32).collect();
            head.biases[label] = (bias - dot(weights, &self.mean)) as f32;
        }
    }

    /// Weights and bias of one label.
    fn binary(&self, has: &[bool], penalty: Penalty) -> Vec<f64> {
        let dimensions = self.mean.len();
        let start = vec![0.0; dimensions + 1];
        let positives = has.iter().filter(|has| **has).count();
        if positives == 0 || positives == has.len() {
            let (n, all) = (positives as f64, has.len() as f64);
            let mut constant = start;
            constant[dimensions] = ((n + 1.0) / (all - n + 1.0)).ln();
            return constant;
        }
        let costs = penalty.of_classes(has.iter().map(|has| usize::from(*has)), 2);
        minimize(start, self.tolerance(penalty), MOST_STEPS, |x, gradient| {
            let mut value = decay(x, gradient, dimensions);
            for (row, has) in self.rows.iter().zip(has) {
                let cost = costs[usize::from(*has)];
                let sign = if *has { 1.0 } else { -1.0 };
                let margin = sign * score(row, x);
                value += cost * ((-margin).max(0.0) + (-margin.abs()).exp().ln_1p());
                let slope = -cost * sign / (1.0 + margin.exp());
                push(gradient, slope, row);
            }
            value
        })
    }

    /// Weights and bias of each class, one after the other.
    fn softmax(&self, classes: &[usize], count: usize, penalty: Penalty) -> Vec<f64> {
        let costs = penalty.of_classes(classes.iter().copied(), count);
        let dimensions = self.mean.len();
        let width = dimensions + 1;
        let start = vec![0.0; width * count];
        let mut scores = vec![0.0; count];
        minimize(start, self.tolerance(penalty), MOST_STEPS, |x, gradient| {
            let parts = x.chunks(width).zip(gradient.chunks_mut(width));
            let mut value: f64 = parts
                .map(|(x, gradient)| decay(x, gradient, dimensions))
                .sum();
            for (row, &class) in self.rows.iter().zip(classes) {
                for (found, x) in scores.iter_mut().zip(x.chunks(width)) {
                    *found = score(row, x);
                }
                let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = scores.iter().map(|score| (score - largest).exp()).sum();
                let all = largest + sum.ln();
                value += costs[class] * (all - scores[class]);
                for (place, gradient) in gradient.chunks_mut(width).enumerate() {
                    let right = f64::from(u8::from(place == class));
                    let slope = costs[class] * ((scores[place] - all).exp() - right);
                    push(gradient, slope, row);
                }
            }
            value
        })
    }

    /// The mean of the vectors' squared distances from their mean.
    pub(crate) fn spread(&self) -> f64 {
        let distances = self.rows.iter().map(|row| dot(row, row));
        distances.sum::<f64>() / self.rows.len().max(1) as f64
    }

    /// Below which a part of the gradient counts as none: a millionth of C times the texts, and of 1 where that is less.
    fn tolerance(&self, penalty: Penalty) -> f64 {
        1e-6 * (penalty.inverse_decay * self.rows.len() as f64).max(1.0)
    }
}

fn score(row: &[f64], parameters: &[f64]) -> f64 {
    dot(row, parameters) + parameters.last().copied().unwrap_or(0.0)
}

/// `½ Σ w²`, whose gradient is written; 0 for the bias.
fn decay(x: &[f64], gradient: &mut [f64], dimensions: usize) -> f64 {
    gradient.copy_from_slice(x);
    gradient[dimensions] = 0.0;
    0.5 * dot(&x[..dimensions], &x[..dimensions])
}

fn push(gradient: &mut [f64], slope: f64, row: &[f64]) {
    for (g, x) in gradient.iter_mut().zip(row) {
        *g += slope * x;
    }
    gradient[row.len()] += slope;
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::Problem;
    use crate::predict::probabilities;

    #[test]
    fn probabilities_equal_those_of_scikit_learn() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../tests/fixtures/methods/expected.json");
        let all: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let case = &all["logistic"];
        let numbers = |value: &serde_json::Value| -> Vec<f32> {
            let numbers = value.as_array().unwrap().iter();
            numbers.map(|x| x.as_f64().unwrap() as f32).collect()
        };
        let vectors = numbers(&case["vectors"]);
        let rows = case["has"].as_array().unwrap().iter();
        let has = rows.map(|row| numbers(row).into_iter().map(|x| x == 1.0).collect());
        let classes = numbers(&case["classes"]).into_iter().map(|x| x as u32);
        for (targets, problem, name) in [
            (Targets::Multi(has.collect()), Problem::Multi, "multi"),
            (
                Targets::Single(classes.collect()),
                Problem::Single,
                "single",
            ),
        ] {
            for (balanced, suffix) in [(false, ""), (true, "_balanced")] {
                let penalty = Penalty {
                    inverse_decay: 2.0,
                    balanced,
                };
                let name = format!("{name}{suffix}");
                let head = Regression::new(&vectors, 4, &targets, 3).fit(penalty);
                let found = probabilities(problem, &head.logits(&vectors, 4), 3);
                let expected = numbers(&case[&name]);
                assert_eq!(found.len(), expected.len(), "{name}");
                for (found, expected) in found.iter().zip(expected) {
                    assert!(
                        (found - expected).abs() < 1e-4,
                        "{name}: {found} and {expected}"
                    );
                }
            }
        }
    }

    /// Vectors around `(5, -2)` and labels of both kinds.
    fn texts() -> (Vec<f32>, [Targets; 2]) {
        let places = 0..24_u32;
        let wave = |place: u32, pace: f32| (place as f32 * pace).sin();
        let vectors = places
            .clone()
            .flat_map(|k| [5.0 + wave(k, 1.7), wave(k, 0.9) - 2.0]);
        let has = places
            .clone()
            .map(|k| vec![k % 3 == 0, wave(k, 1.7) > 0.2, k > 20]);
        let classes = places.map(|k| k % 5 % 3);
        let targets = [
            Targets::Multi(has.collect()),
            Targets::Single(classes.collect()),
        ];
        (vectors.collect(), targets)
    }

    fn assert_close(found: &[f32], expected: &[f32]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-4, "{found} and {expected}");
        }
    }

    #[test]
    fn what_all_vectors_share_changes_no_score() {
        let (vectors, both) = texts();
        let shifted: Vec<f32> = vectors.iter().map(|x| x + 64.0).collect();
        let penalty = Penalty {
            inverse_decay: 2.0,
            balanced: false,
        };
        for targets in &both {
            let scores = |vectors: &[f32]| {
                let head = Regression::new(vectors, 2, targets, 3).fit(penalty);
                head.logits(vectors, 2)
            };
            assert_close(&scores(&shifted), &scores(&vectors));
        }
    }

    #[test]
    fn spread_is_the_mean_squared_distance_from_the_mean() {
        let targets = Targets::Multi(vec![vec![true]; 2]);
        let regression = Regression::new(&[1.0, 5.0, 7.0, 13.0], 2, &targets, 1);
        assert!((regression.spread() - 25.0).abs() < 1e-9);
    }

    #[test]
    fn labels_that_all_or_no_texts_have_get_their_frequency_and_no_weights() {
        let targets = Targets::Multi(vec![vec![true, false]; 3]);
        let penalty = Penalty {
            inverse_decay: 1.0,
            balanced: true,
        };
        let head = Regression::new(&[1.0, 0.5, -1.0], 1, &targets, 2).fit(penalty);
        assert_eq!(head.weights, [[0.0], [0.0]]);
        let found = probabilities(Problem::Multi, &head.biases, 2);
        assert!(
            (found[0] - 0.8).abs() < 1e-6 && (found[1] - 0.2).abs() < 1e-6,
            "{found:?}"
        );
    }
}
