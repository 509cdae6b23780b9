//! Logistic regression with an L2 penalty: `1/2 |w|^2 + C * sum of losses`, the intercept unpenalised.
//!
//! | file | what it holds |
//! |---|---|
//! | `objective` | the penalised loss, its gradient and its curvature, on compacted rows |
//! | `newton` | the solver: truncated Newton steps by preconditioned conjugate gradients |

mod newton;
mod objective;

use crate::naive_bayes::constant_labels;
use crate::{ConstantLabel, CsrMatrix, Error, LabelSets, LinearModel, Link, Result, Task, Workers};
use newton::minimise;
use objective::{CompactRows, Objective};
use serde::{Deserialize, Serialize};

/// How much a row counts in training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassWeight {
    /// Every row the same.
    #[default]
    None,
    /// Rows of a class with `m` of `n` rows count `n / (classes * m)`, so that all classes weigh the same.
    Balanced,
}

/// The parameters of logistic regression.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogisticRegression {
    /// The inverse strength of the penalty, above 0.
    pub c: f64,
    /// How much a row counts.
    pub class_weight: ClassWeight,
    /// Learn an intercept.
    pub fit_intercept: bool,
    /// Stop when the gradient's norm has fallen to this share of what it was at zero weights, above 0.
    pub tolerance: f64,
    /// Stop after so many Newton steps.
    pub max_iterations: usize,
}

impl Default for LogisticRegression {
    fn default() -> Self {
        Self {
            c: 1.0,
            class_weight: ClassWeight::None,
            fit_intercept: true,
            tolerance: 1e-6,
            max_iterations: 100,
        }
    }
}

/// A trained model, and what its training has to say.
#[derive(Clone, Debug, PartialEq)]
pub struct LogisticFit {
    /// The model.
    pub model: LinearModel,
    /// The labels whose weights had not converged after `max_iterations`; all of them in multi-class work.
    pub unconverged: Vec<u32>,
}

const DOING: &str = "training logistic regression";

impl LogisticRegression {
    /// Learns from features `x [rows, features]` and the rows' labels.
    ///
    /// Multi-label: each label against the rest, the labels shared out over threads; a label that no training row
    /// carries, or every one, is answered by that constant. Multi-class: one softmax over the classes that have
    /// training rows (with two, one logistic curve between them); the others are never predicted.
    ///
    /// # Errors
    /// [`Error::Parameter`], [`Error::NoRows`], [`Error::Mismatch`] of rows, [`Error::NotANumber`] for features,
    /// [`Error::NotSingleLabel`] in multi-class work, [`Error::Cancelled`].
    pub fn fit(
        &self,
        x: &CsrMatrix,
        labels: &LabelSets,
        task: Task,
        workers: &Workers,
    ) -> Result<LogisticFit> {
        self.check()?;
        crate::error::same_rows(
            DOING,
            ("the features", x.rows()),
            ("the labels", labels.rows()),
        )?;
        if x.rows() == 0 {
            return Err(Error::NoRows { doing: DOING });
        }
        x.require_finite("logistic regression features")?;
        let rows = CompactRows::new(x);
        match task {
            Task::MultiLabel => self.one_vs_rest(x, &rows, labels, workers),
            Task::MultiClass => self.multi_class(x, &rows, labels, workers),
        }
    }

    fn check(&self) -> Result<()> {
        if !(self.c > 0.0 && self.c.is_finite()) {
            return Err(Error::parameter("c", self.c, "above 0 and finite"));
        }
        if !(self.tolerance > 0.0 && self.tolerance < 1.0) {
            return Err(Error::parameter(
                "tolerance",
                self.tolerance,
                "between 0 and 1",
            ));
        }
        if self.max_iterations == 0 {
            return Err(Error::parameter("max_iterations", 0, "at least 1"));
        }
        Ok(())
    }

    fn one_vs_rest(
        &self,
        x: &CsrMatrix,
        rows: &CompactRows,
        labels: &LabelSets,
        workers: &Workers,
    ) -> Result<LogisticFit> {
        let carrying = labels.rows_of_labels();
        let counts: Vec<usize> = carrying.iter().map(Vec::len).collect();
        let solutions = workers.map(DOING, labels.labels(), 1, |range| {
            let positive = &carrying[range.start];
            if positive.is_empty() || positive.len() == x.rows() {
                return Ok(None);
            }
            let mut targets = vec![0; x.rows()];
            positive.iter().for_each(|&row| targets[row] = 1);
            self.solve(rows, &targets, 2, workers).map(Some)
        })?;
        let mut fit = self.empty(x, labels, Link::Sigmoid, constant_labels(&counts, x.rows()));
        for (label, solution) in solutions.into_iter().enumerate() {
            if let Some(Solution {
                parameters,
                converged,
            }) = solution?
            {
                scatter(&mut fit.model, rows, &parameters, &[label]);
                if !converged {
                    fit.unconverged.push(label as u32);
                }
            }
        }
        Ok(fit)
    }

    fn multi_class(
        &self,
        x: &CsrMatrix,
        rows: &CompactRows,
        labels: &LabelSets,
        workers: &Workers,
    ) -> Result<LogisticFit> {
        let classes = labels.single(DOING)?;
        let counts = labels.counts();
        let present: Vec<usize> = (0..counts.len())
            .filter(|&class| counts[class] > 0)
            .collect();
        let absent = |class: &usize| counts[*class] == 0 || present.len() == 1;
        let constant = (0..counts.len()).filter(absent).map(|class| ConstantLabel {
            label: class as u32,
            value: counts[class] > 0,
        });
        let mut fit = self.empty(x, labels, Link::Softmax, constant.collect());
        if present.len() < 2 {
            return Ok(fit);
        }
        let mut place = vec![0; counts.len()];
        present
            .iter()
            .zip(0..)
            .for_each(|(&class, at)| place[class] = at);
        let targets: Vec<u32> = classes.iter().map(|&class| place[class as usize]).collect();
        let Solution {
            parameters,
            converged,
        } = self.solve(rows, &targets, present.len(), workers)?;
        // Of two classes the second has the curve's weights and the first none.
        let outputs = if present.len() == 2 {
            &present[1..]
        } else {
            &present[..]
        };
        scatter(&mut fit.model, rows, &parameters, outputs);
        if !converged {
            fit.unconverged = present.iter().map(|&class| class as u32).collect();
        }
        Ok(fit)
    }

    fn solve(
        &self,
        rows: &CompactRows,
        targets: &[u32],
        classes: usize,
        workers: &Workers,
    ) -> Result<Solution> {
        let mut counts = vec![0_usize; classes];
        targets
            .iter()
            .for_each(|&class| counts[class as usize] += 1);
        let weight = |&count: &usize| match self.class_weight {
            ClassWeight::None => self.c,
            ClassWeight::Balanced => self.c * targets.len() as f64 / (classes * count) as f64,
        };
        let weights: Vec<f64> = counts.iter().map(weight).collect();
        let row_weights = targets
            .iter()
            .map(|&class| weights[class as usize])
            .collect();
        let mut objective = Objective::new(rows, targets, row_weights, classes, self.fit_intercept);
        let mut parameters = vec![0.0; objective.len()];
        let go_on = || workers.check(DOING);
        let converged = minimise(
            &mut objective,
            &mut parameters,
            self.tolerance,
            self.max_iterations,
            go_on,
        )?;
        Ok(Solution {
            parameters,
            converged,
        })
    }

    fn empty(
        &self,
        x: &CsrMatrix,
        labels: &LabelSets,
        link: Link,
        constant: Vec<ConstantLabel>,
    ) -> LogisticFit {
        let model = LinearModel {
            vocabulary: labels.vocabulary().to_vec(),
            features: x.columns(),
            link,
            weights: vec![0.0; x.columns() * labels.labels()],
            intercepts: vec![0.0; labels.labels()],
            constant,
        };
        LogisticFit {
            model,
            unconverged: Vec::new(),
        }
    }
}

struct Solution {
    /// Weights `[features in use, outputs]`, then intercepts `[outputs]`.
    parameters: Vec<f64>,
    converged: bool,
}

/// Puts the solution for `outputs` into their columns of the model.
fn scatter(model: &mut LinearModel, rows: &CompactRows, parameters: &[f64], outputs: &[usize]) {
    let labels = model.vocabulary.len();
    let (weights, intercepts) = parameters.split_at(rows.columns.len() * outputs.len());
    for (&column, of_feature) in rows.columns.iter().zip(weights.chunks_exact(outputs.len())) {
        for (&output, &weight) in outputs.iter().zip(of_feature) {
            model.weights[column as usize * labels + output] = weight;
        }
    }
    for (&output, &intercept) in outputs.iter().zip(intercepts) {
        model.intercepts[output] = intercept;
    }
}
