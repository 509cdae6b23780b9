//! The model that naive Bayes and logistic regression both yield: one weight a feature and label.

use crate::{CsrMatrix, Error, LabelSets, Result, Scores, Workers};
use serde::{Deserialize, Serialize};

/// What a row may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Any number of labels; each is its own yes-or-no question (one-vs-rest).
    MultiLabel,
    /// Exactly one label.
    MultiClass,
}

/// How decision values become probabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// Each label for itself: `1 / (1 + exp(-z))`.
    Sigmoid,
    /// All labels together: `exp(z) / sum(exp(z))`.
    Softmax,
}

/// A label that training could not tell from the rest, and the answer that is given for it instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConstantLabel {
    /// The label's number in the vocabulary.
    pub label: u32,
    /// True when every training row carried it, false when none did.
    pub value: bool,
}

/// Decision values `z = x W + b` for features `x [rows, features]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinearModel {
    /// The sorted names of the labels.
    pub vocabulary: Vec<String>,
    /// The number of features.
    pub features: usize,
    /// How decision values become probabilities.
    pub link: Link,
    /// `W`, `[features, labels]`, row-major: the weights of one feature lie together.
    pub weights: Vec<f64>,
    /// `b`, `[labels]`.
    pub intercepts: Vec<f64>,
    /// The labels answered by a constant, ascending; their weights and intercepts are 0.
    pub constant: Vec<ConstantLabel>,
}

const GRAIN: usize = 256;

impl LinearModel {
    fn check(&self, x: &CsrMatrix) -> Result<()> {
        let labels = self.vocabulary.len();
        let what = "linear model";
        if self.features.checked_mul(labels) != Some(self.weights.len())
            || self.intercepts.len() != labels
        {
            let why = format!(
                "{} weights and {} intercepts for {} features and {labels} labels",
                self.weights.len(),
                self.intercepts.len(),
                self.features
            );
            return Err(Error::layout(what, why));
        }
        if let Some(past) = self.constant.iter().find(|c| c.label as usize >= labels) {
            return Err(Error::layout(
                what,
                format!("constant label {} of {labels}", past.label),
            ));
        }
        crate::error::same(
            "columns",
            "applying a linear model",
            ("the model", self.features),
            ("the features", x.columns()),
        )
    }

    /// Decision values `[rows, labels]`; plus or minus infinity for a constant label.
    ///
    /// # Errors
    /// [`Error::Mismatch`] for other features than those of training, [`Error::Layout`] for a model whose parts
    /// contradict each other, [`Error::NotANumber`] when a feature or a weight is none.
    pub fn decision_function(&self, x: &CsrMatrix, workers: &Workers) -> Result<Scores> {
        let values = self.decision_values(x, workers)?;
        Scores::new(x.rows(), self.vocabulary.len(), values)
    }

    /// Probabilities `[rows, labels]`.
    ///
    /// # Errors
    /// As [`decision_function`](Self::decision_function).
    pub fn predict_proba(&self, x: &CsrMatrix, workers: &Workers) -> Result<Scores> {
        let labels = self.vocabulary.len();
        let mut values = self.decision_values(x, workers)?;
        match self.link {
            Link::Sigmoid => values.iter_mut().for_each(|z| *z = sigmoid(*z)),
            Link::Softmax if labels > 0 => values.chunks_exact_mut(labels).for_each(softmax),
            Link::Softmax => {}
        }
        Scores::new(x.rows(), labels, values)
    }

    /// The labels of each row: with the sigmoid those whose decision value is above 0, with the softmax the best one.
    ///
    /// # Errors
    /// As [`decision_function`](Self::decision_function).
    pub fn predict(&self, x: &CsrMatrix, workers: &Workers) -> Result<LabelSets> {
        let scores = self.decision_function(x, workers)?;
        match self.link {
            Link::Sigmoid => scores.above(&vec![0.0; self.vocabulary.len()], &self.vocabulary),
            Link::Softmax => scores.top_k(1, &self.vocabulary),
        }
    }

    fn decision_values(&self, x: &CsrMatrix, workers: &Workers) -> Result<Vec<f64>> {
        self.check(x)?;
        let labels = self.vocabulary.len();
        let chunks = workers.map("applying a linear model", x.rows(), GRAIN, |rows| {
            let mut values = Vec::with_capacity(rows.len() * labels);
            for row in rows {
                let start = values.len();
                values.extend_from_slice(&self.intercepts);
                let z = &mut values[start..];
                let (columns, xs) = x.row(row);
                for (&column, &x) in columns.iter().zip(xs) {
                    let at = column as usize * labels;
                    for (z, w) in z.iter_mut().zip(&self.weights[at..at + labels]) {
                        *z += x * w;
                    }
                }
                for constant in &self.constant {
                    let sign = if constant.value { 1.0 } else { -1.0 };
                    z[constant.label as usize] = sign * f64::INFINITY;
                }
            }
            values
        })?;
        Ok(chunks.concat())
    }
}

/// `1 / (1 + exp(-z))`, without overflow at either end.
pub(crate) fn sigmoid(z: f64) -> f64 {
    if z >= 0.0 {
        1.0 / (1.0 + (-z).exp())
    } else {
        let e = z.exp();
        e / (1.0 + e)
    }
}

/// The softmax of one row in place. A row whose best value is infinite gives all weight to its infinities.
pub(crate) fn softmax(row: &mut [f64]) {
    let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for z in row.iter_mut() {
        *z = if *z == max { 1.0 } else { (*z - max).exp() };
        sum += *z;
    }
    row.iter_mut().for_each(|p| *p /= sum);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(link: Link) -> LinearModel {
        LinearModel {
            vocabulary: vec!["a".into(), "b".into()],
            features: 2,
            link,
            weights: vec![1.0, -1.0, 2.0, 0.5],
            intercepts: vec![-1.0, 0.0],
            constant: vec![],
        }
    }

    fn rows() -> CsrMatrix {
        CsrMatrix::new(2, vec![0, 2, 2, 3], vec![0, 1, 1], vec![1.0, 3.0, 4.0]).unwrap()
    }

    #[test]
    fn decision_values_are_the_matrix_product_plus_the_intercepts() {
        let scores = model(Link::Sigmoid)
            .decision_function(&rows(), &Workers::new(2))
            .unwrap();
        assert_eq!(scores.values(), [6.0, 0.5, -1.0, 0.0, 7.0, 2.0]);
        let labels = model(Link::Sigmoid)
            .predict(&rows(), &Workers::new(1))
            .unwrap();
        assert_eq!(
            labels.iter().collect::<Vec<_>>(),
            [&[0, 1][..], &[], &[0, 1]]
        );
        let labels = model(Link::Softmax)
            .predict(&rows(), &Workers::new(1))
            .unwrap();
        assert_eq!(labels.iter().collect::<Vec<_>>(), [[0], [1], [0]]);
    }

    #[test]
    fn probabilities_stay_finite_for_any_decision_value() {
        assert_eq!(sigmoid(f64::INFINITY), 1.0);
        assert_eq!(sigmoid(f64::NEG_INFINITY), 0.0);
        assert_eq!(sigmoid(-800.0), 0.0);
        let mut row = [1000.0, f64::NEG_INFINITY, 1000.0];
        softmax(&mut row);
        assert_eq!(row, [0.5, 0.0, 0.5]);
        let mut row = [f64::INFINITY, 3.0];
        softmax(&mut row);
        assert_eq!(row, [1.0, 0.0]);
    }

    #[test]
    fn a_constant_label_is_predicted_always_or_never() {
        let mut model = model(Link::Sigmoid);
        model.constant = vec![ConstantLabel {
            label: 1,
            value: true,
        }];
        let scores = model.predict_proba(&rows(), &Workers::new(1)).unwrap();
        assert!(scores.values().iter().skip(1).step_by(2).all(|&p| p == 1.0));
    }

    #[test]
    fn a_model_whose_parts_contradict_each_other_is_refused() {
        let good = model(Link::Sigmoid);
        let short = LinearModel {
            weights: vec![0.0],
            ..good.clone()
        };
        let past = LinearModel {
            constant: vec![ConstantLabel {
                label: 2,
                value: true,
            }],
            ..good.clone()
        };
        let other = LinearModel {
            features: 1,
            weights: vec![0.0; 2],
            ..good
        };
        for model in [short, past, other] {
            assert!(model.predict(&rows(), &Workers::new(1)).is_err());
        }
    }
}
