//! `method = "naive_bayes"`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::{Context, InputPort, StepError};
use super::Method;
use super::examples::Examples;
use super::linear::{self, TrainingSet};

/// Trains multinomial naive Bayes (Manning, Raghavan and Schütze 2008, section 13.2): each label against the rest, or one
/// class of several.
///
/// The same rows and features give the same model as scikit-learn's `MultinomialNB`, in a `OneVsRestClassifier` where a
/// row carries several labels. A label without a training row is never predicted, one that every row carries always is.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NaiveBayes {
    /// What is added to the count of every term in every class, above 0.
    #[serde(default = "one")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    alpha: f64,
    /// Whether the classes' priors are learned from their frequencies; else all are equally likely beforehand.
    #[serde(default = "yes")]
    fit_prior: bool,
}

fn one() -> f64 {
    1.0
}

fn yes() -> bool {
    true
}

impl Method for NaiveBayes {
    const NAME: &'static str = "naive_bayes";
    const VERSION: u32 = 1;

    fn inputs(&self) -> Vec<InputPort> {
        linear::inputs()
    }

    fn train(&self, examples: &Examples, context: &Context<'_>) -> Result<(), StepError> {
        let set = TrainingSet::read(examples, context)?;
        let method = text::naive_bayes::NaiveBayes {
            alpha: self.alpha,
            fit_prior: self.fit_prior,
        };
        let model = method.fit(&set.x, &set.labels, set.task, &context.workers())?;
        set.save(Self::NAME, &model, context)
    }
}
