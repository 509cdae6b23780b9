//! `method = "logistic_regression"`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::{Context, InputPort, StepError};
use super::Method;
use super::examples::Examples;
use super::linear::{self, TrainingSet};

/// Trains logistic regression with an L2 penalty, `1/2 |w|^2 + C * sum of losses`, the intercept unpenalised: each label
/// against the rest, or one softmax over the classes.
///
/// The minimum is the one that scikit-learn's `LogisticRegression` looks for, in a `OneVsRestClassifier` where a row
/// carries several labels. A label without a training row is never predicted, one that every row carries always is.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogisticRegression {
    /// The inverse strength of the penalty, above 0: the larger, the closer the model follows its training rows.
    #[serde(default = "one", rename = "C")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    c: f64,
    /// How much a row counts.
    #[serde(default)]
    class_weight: ClassWeight,
    /// Stops after so many Newton steps; what has not converged by then is said.
    #[serde(default = "hundred")]
    #[schemars(range(min = 1))]
    max_iter: usize,
    /// Stops when the gradient's norm has fallen to this share of what it was at zero weights, above 0 and below 1.
    #[serde(default = "millionth")]
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    tol: f64,
    /// Whether an intercept is learned.
    #[serde(default = "yes")]
    fit_intercept: bool,
}

/// How much a row counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClassWeight {
    /// Every row the same.
    #[default]
    None,
    /// Rows of a class with `m` of `n` rows count `n / (classes * m)`, so that all classes weigh the same.
    Balanced,
}

impl ClassWeight {
    /// Whether it is what a file means that does not say.
    pub fn is_default(&self) -> bool {
        *self == ClassWeight::default()
    }
}

fn one() -> f64 {
    1.0
}

fn hundred() -> usize {
    100
}

fn millionth() -> f64 {
    1e-6
}

fn yes() -> bool {
    true
}

impl Method for LogisticRegression {
    const NAME: &'static str = "logistic_regression";
    const VERSION: u32 = 1;

    fn inputs(&self) -> Vec<InputPort> {
        linear::inputs()
    }

    fn train(&self, examples: &Examples, context: &Context<'_>) -> Result<(), StepError> {
        let set = TrainingSet::read(examples, context)?;
        let method = text::logistic_regression::LogisticRegression {
            c: self.c,
            class_weight: match self.class_weight {
                ClassWeight::None => text::logistic_regression::ClassWeight::None,
                ClassWeight::Balanced => text::logistic_regression::ClassWeight::Balanced,
            },
            fit_intercept: self.fit_intercept,
            tolerance: self.tol,
            max_iterations: self.max_iter,
        };
        let fit = method.fit(&set.x, &set.labels, set.task, &context.workers())?;
        set.save(Self::NAME, &fit.model, context)?;
        if !fit.unconverged.is_empty() {
            let names: Vec<&str> = fit
                .unconverged
                .iter()
                .map(|&label| fit.model.vocabulary[label as usize].as_str())
                .collect();
            context.note(format!(
                "not converged after {} steps: {}",
                self.max_iter,
                names.join(", ")
            ));
        }
        Ok(())
    }
}
