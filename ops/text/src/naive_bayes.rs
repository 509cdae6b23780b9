//! Multinomial naive Bayes (Manning, Raghavan and Schütze 2008, section 13.2).

use crate::{ConstantLabel, CsrMatrix, Error, LabelSets, LinearModel, Link, Result, Task, Workers};
use serde::{Deserialize, Serialize};

/// The parameters of multinomial naive Bayes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NaiveBayes {
    /// What is added to the count of every term in every class, above 0.
    pub alpha: f64,
    /// Learn the classes' priors from their frequencies; else all classes are equally likely beforehand.
    pub fit_prior: bool,
}

impl Default for NaiveBayes {
    fn default() -> Self {
        Self {
            alpha: 1.0,
            fit_prior: true,
        }
    }
}

impl NaiveBayes {
    /// Learns from counts (or tf-idf values) `x [rows, features]` and the rows' labels.
    ///
    /// Multi-label: each label against the rest; a label that no training row carries, or every one, is answered by
    /// that constant. Multi-class: a class without training rows is never predicted. The decision value is the joint
    /// log likelihood of the class, or for a label the difference between having it and not.
    ///
    /// # Errors
    /// [`Error::Parameter`] for `alpha`, [`Error::NoRows`], [`Error::Mismatch`] of rows, [`Error::NotANumber`] and
    /// [`Error::Negative`] for features, [`Error::NotSingleLabel`] in multi-class work, [`Error::Cancelled`].
    pub fn fit(
        &self,
        x: &CsrMatrix,
        labels: &LabelSets,
        task: Task,
        workers: &Workers,
    ) -> Result<LinearModel> {
        let doing = "training naive Bayes";
        if !(self.alpha > 0.0 && self.alpha.is_finite()) {
            return Err(Error::parameter("alpha", self.alpha, "above 0 and finite"));
        }
        crate::error::same_rows(
            doing,
            ("the features", x.rows()),
            ("the labels", labels.rows()),
        )?;
        if x.rows() == 0 {
            return Err(Error::NoRows { doing });
        }
        x.require_finite("naive Bayes features")?;
        x.require_non_negative("naive Bayes features")?;
        if task == Task::MultiClass {
            labels.single(doing)?;
        }
        workers.check(doing)?;
        let sums = FeatureSums::new(x, labels);
        let counts = labels.counts();
        let (weights, intercepts, constant) = match task {
            Task::MultiLabel => self.one_vs_rest(sums, &counts, x.rows()),
            Task::MultiClass => self.multi_class(sums, &counts, x.rows()),
        };
        Ok(LinearModel {
            vocabulary: labels.vocabulary().to_vec(),
            features: x.columns(),
            link: match task {
                Task::MultiLabel => Link::Sigmoid,
                Task::MultiClass => Link::Softmax,
            },
            weights,
            intercepts,
            constant,
        })
    }

    fn multi_class(&self, sums: FeatureSums, counts: &[usize], rows: usize) -> Parts {
        let present = counts.iter().filter(|&&count| count > 0).count() as f64;
        let intercept = |&count: &usize| match (count, self.fit_prior) {
            (0, _) => 0.0,
            (_, true) => (count as f64).ln() - (rows as f64).ln(),
            (_, false) => -present.ln(),
        };
        let smoothing = self.alpha * sums.overall.len() as f64;
        let totals: Vec<f64> = sums
            .totals()
            .iter()
            .map(|total| (total + smoothing).ln())
            .collect();
        let mut weights = sums.of_label;
        for of_feature in weights.chunks_exact_mut(counts.len().max(1)) {
            for ((weight, total), &count) in of_feature.iter_mut().zip(&totals).zip(counts) {
                *weight = if count > 0 {
                    (*weight + self.alpha).ln() - total
                } else {
                    0.0
                };
            }
        }
        let absent = counts.iter().enumerate().filter(|&(_, &count)| count == 0);
        let constant = absent.map(|(label, _)| ConstantLabel {
            label: label as u32,
            value: false,
        });
        (
            weights,
            counts.iter().map(intercept).collect(),
            constant.collect(),
        )
    }

    fn one_vs_rest(&self, sums: FeatureSums, counts: &[usize], rows: usize) -> Parts {
        let learnable: Vec<bool> = counts
            .iter()
            .map(|&count| count > 0 && count < rows)
            .collect();
        let intercept = |&count: &usize| match self.fit_prior && count > 0 && count < rows {
            true => (count as f64).ln() - ((rows - count) as f64).ln(),
            false => 0.0,
        };
        let smoothing = self.alpha * sums.overall.len() as f64;
        let all: f64 = sums.overall.iter().sum();
        let log_ratio =
            |inside: f64, outside: f64, add: f64| (inside + add).ln() - (outside + add).ln();
        let totals: Vec<f64> = sums
            .totals()
            .iter()
            .map(|&inside| log_ratio(inside, rest(all, inside), smoothing))
            .collect();
        let mut weights = sums.of_label;
        for (of_feature, &overall) in weights
            .chunks_exact_mut(counts.len().max(1))
            .zip(&sums.overall)
        {
            for ((weight, total), &learnable) in of_feature.iter_mut().zip(&totals).zip(&learnable)
            {
                *weight = if learnable {
                    log_ratio(*weight, rest(overall, *weight), self.alpha) - total
                } else {
                    0.0
                };
            }
        }
        (
            weights,
            counts.iter().map(intercept).collect(),
            constant_labels(counts, rows),
        )
    }
}

type Parts = (Vec<f64>, Vec<f64>, Vec<ConstantLabel>);

/// The labels that no row of `rows` carries, or every one.
pub(crate) fn constant_labels(counts: &[usize], rows: usize) -> Vec<ConstantLabel> {
    let constant = counts
        .iter()
        .enumerate()
        .filter(|&(_, &count)| count == 0 || count == rows);
    constant
        .map(|(label, &count)| ConstantLabel {
            label: label as u32,
            value: count > 0,
        })
        .collect()
}

/// `all - part` of sums of non-negative numbers; what is left by rounding alone is 0.
fn rest(all: f64, part: f64) -> f64 {
    let rest = all - part;
    if rest > all * 1e-12 { rest } else { 0.0 }
}

/// How much of each feature the rows of each label hold.
struct FeatureSums {
    /// `[features, labels]`
    of_label: Vec<f64>,
    /// `[features]`, over all rows.
    overall: Vec<f64>,
    labels: usize,
}

impl FeatureSums {
    fn new(x: &CsrMatrix, labels: &LabelSets) -> Self {
        let width = labels.labels();
        let mut of_label = vec![0.0; x.columns() * width];
        let mut overall = vec![0.0; x.columns()];
        for (row, carried) in labels.iter().enumerate() {
            let (columns, values) = x.row(row);
            for (&column, value) in columns.iter().zip(values) {
                let column = column as usize;
                overall[column] += value;
                let of_feature = &mut of_label[column * width..(column + 1) * width];
                for &label in carried {
                    of_feature[label as usize] += value;
                }
            }
        }
        Self {
            of_label,
            overall,
            labels: width,
        }
    }

    /// The sums of each label over all features.
    fn totals(&self) -> Vec<f64> {
        let mut totals = vec![0.0; self.labels];
        for of_feature in self.of_label.chunks_exact(self.labels.max(1)) {
            for (total, value) in totals.iter_mut().zip(of_feature) {
                *total += value;
            }
        }
        totals
    }
}
