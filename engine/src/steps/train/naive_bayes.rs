//! `method = "naive_bayes"`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::{Check, Context, InputPort, OutputPort, Step, StepError, StepKind};
use super::examples::Examples;

/// Trains multinomial naive Bayes (Manning, Raghavan and Schütze 2008, section 13.2): each label against the rest, or one
/// class of several.
///
/// The same rows and features give the same model as scikit-learn's `MultinomialNB`, in a `OneVsRestClassifier` where a
/// row carries several labels. A label without a training row is never predicted, one that every row carries always is.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NaiveBayes {
    #[serde(flatten)]
    examples: Examples,
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

impl StepKind for NaiveBayes {
    const OP: &'static str = "train";
    const METHOD: Option<&'static str> = Some("naive_bayes");
    const VERSION: u32 = 1;
}

impl Step for NaiveBayes {
    fn inputs(&self) -> Vec<InputPort> {
        Examples::inputs()
    }

    fn outputs(&self) -> Vec<OutputPort> {
        Examples::outputs()
    }

    fn check(&self, check: &mut Check) {
        self.examples.check(check);
    }

    fn run(&self, context: &Context<'_>) -> Result<(), StepError> {
        let set = self.examples.read(context)?;
        let method = text::naive_bayes::NaiveBayes {
            alpha: self.alpha,
            fit_prior: self.fit_prior,
        };
        let model = method.fit(&set.x, &set.labels, set.task, &context.workers())?;
        set.save("naive_bayes", &model, context)
    }
}
