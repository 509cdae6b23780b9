//! Logistic regression with an L2 penalty: `1/2 |w|^2 + C * sum of losses`, the intercept unpenalised.
//!
//! | file | what it holds |
//! |---|---|
//! | `lanes` | eight outputs side by side |
//! | `rows` | training rows over as few columns as their products need |
//! | `objective` | the penalised loss, its gradient and its curvature |
//! | `newton` | the solver: truncated Newton steps by preconditioned conjugate gradients |

mod lanes;
mod newton;
mod objective;
mod rows;

use crate::naive_bayes::constant_labels;
use crate::{ConstantLabel, CsrMatrix, Error, LabelSets, LinearModel, Link, Result, Task, Workers};
use lanes::{LANES, Lanes};
use newton::minimise;
use objective::{Objective, Targets};
use rows::CompactRows;
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
            tolerance: 1e-5,
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
        let counts = labels.counts();
        let constant = constant_labels(&counts, x.rows());
        let learnable =
            (0..labels.labels()).filter(|&label| counts[label] > 0 && counts[label] < x.rows());
        let learnable: Vec<usize> = learnable.collect();
        let carrying = labels.rows_of_labels();
        let blocks = learnable
            .len()
            .div_ceil(LANES)
            .max(workers.threads().min(learnable.len()));
        let width = learnable.len().div_ceil(blocks.max(1));
        let solutions = workers.map(DOING, learnable.len(), width, |range| {
            let block = &learnable[range];
            let mut answers = vec![Lanes::ZERO; x.rows()];
            let mut row_weights = vec![Lanes::ZERO; x.rows()];
            for (lane, &label) in block.iter().enumerate() {
                carrying[label]
                    .iter()
                    .for_each(|&row| answers[row].0[lane] = 1.0);
                let weights = self.class_weights(&[x.rows() - counts[label], counts[label]]);
                for (weight, answer) in row_weights.iter_mut().zip(&answers) {
                    weight.0[lane] = weights[answer.0[lane] as usize];
                }
            }
            let solution = self.solve(rows, &Targets::Separate(answers), row_weights, workers);
            solution.map(|solution| (block, solution))
        })?;
        let mut fit = self.empty(x, labels, Link::Sigmoid, constant);
        for solution in solutions {
            let (
                block,
                Solution {
                    parameters,
                    converged,
                },
            ) = solution?;
            scatter(&mut fit.model, rows, &parameters, block);
            let unconverged = block
                .iter()
                .zip(converged)
                .filter(|(_, converged)| !converged);
            fit.unconverged
                .extend(unconverged.map(|(&label, _)| label as u32));
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
        let class_of = labels.single(DOING)?;
        let counts = labels.counts();
        let present: Vec<usize> = (0..counts.len())
            .filter(|&class| counts[class] > 0)
            .collect();
        let constant = (0..counts.len()).filter(|class| counts[*class] == 0 || present.len() == 1);
        let constant = constant.map(|class| ConstantLabel {
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
        let of_row: Vec<u32> = class_of
            .iter()
            .map(|&class| place[class as usize])
            .collect();
        let weights = self.class_weights(
            &present
                .iter()
                .map(|&class| counts[class])
                .collect::<Vec<_>>(),
        );
        let weight_of = |&class: &u32| weights[class as usize];
        let (targets, row_weights, outputs) = if present.len() == 2 {
            // One curve between the two: the second class has its weights and the first none.
            let first_lane = |value: f64| Lanes::new(|lane| if lane == 0 { value } else { 0.0 });
            let answers = of_row
                .iter()
                .map(|&class| first_lane(f64::from(class)))
                .collect();
            let row_weights = of_row
                .iter()
                .map(|class| first_lane(weight_of(class)))
                .collect();
            (Targets::Separate(answers), row_weights, &present[1..])
        } else {
            let row_weights = of_row
                .iter()
                .map(|class| Lanes::all(weight_of(class)))
                .collect();
            (
                Targets::Competing {
                    classes: present.len(),
                    of_row,
                },
                row_weights,
                &present[..],
            )
        };
        let Solution {
            parameters,
            converged,
        } = self.solve(rows, &targets, row_weights, workers)?;
        scatter(&mut fit.model, rows, &parameters, outputs);
        if !converged[0] {
            fit.unconverged = present.iter().map(|&class| class as u32).collect();
        }
        Ok(fit)
    }

    /// What a row of each class counts, times C; `counts` are the classes' rows.
    fn class_weights(&self, counts: &[usize]) -> Vec<f64> {
        let rows: usize = counts.iter().sum();
        let weight = |&count: &usize| match self.class_weight {
            ClassWeight::None => self.c,
            ClassWeight::Balanced => self.c * rows as f64 / (counts.len() * count) as f64,
        };
        counts.iter().map(weight).collect()
    }

    fn solve(
        &self,
        rows: &CompactRows,
        targets: &Targets,
        row_weights: Vec<Lanes>,
        workers: &Workers,
    ) -> Result<Solution> {
        let mut objective = Objective::new(rows, targets, row_weights, self.fit_intercept);
        let mut parameters = vec![Lanes::ZERO; objective.len()];
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
    /// As [`Objective`] lays them out.
    parameters: Vec<Lanes>,
    converged: [bool; LANES],
}

/// Puts the solution for `outputs` into their columns of the model.
fn scatter(model: &mut LinearModel, rows: &CompactRows, parameters: &[Lanes], outputs: &[usize]) {
    let labels = model.vocabulary.len();
    for (block, outputs) in parameters
        .chunks_exact(rows.columns() + 1)
        .zip(outputs.chunks(LANES))
    {
        for share in &rows.features {
            let weights = block[share.column as usize].0;
            for (&output, weight) in outputs.iter().zip(weights) {
                model.weights[share.feature as usize * labels + output] = share.factor * weight;
            }
        }
        for (&output, intercept) in outputs.iter().zip(block[rows.columns()].0) {
            model.intercepts[output] = intercept;
        }
    }
}
