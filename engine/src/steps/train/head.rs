//! Heads for labels: what methods share that train an encoder with one.

use methods::probe;
use nn::{Pooling, SequenceClassifier};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::super::joined::Shared;
use super::super::transformer::tuning::Tuning;
use super::super::{Check, Context, InputPort, StepError};
use super::WithHead;
use super::labelled::{OnLabelled, Setup};

/// The head for the labels.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// What the head for the labels reads of a text.
    #[serde(default)]
    pooling: HeadPooling,
    /// Where the head begins: from `random` weights, as the Hugging Face Trainer has it, or as logistic regression over what the model
    /// says of the training rows before it is trained (linear probing, then fine-tuning: LP-FT, Kumar et al. 2022), which suits few labels
    /// and models whose vectors are good already. C of the regression is 1 over the mean squared distance of these vectors from their
    /// mean, and at most 1: enough decay to leave fine-tuning something to learn.
    #[serde(default, rename = "head")]
    start: HeadStart,
}

impl Shared for Head {
    const FIELDS: &'static [&'static str] = &["pooling", "head"];
}

/// What a head for labels reads of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum HeadPooling {
    /// The vector of its first token through a map of the head's own, as `transformers` has it.
    #[default]
    Cls,
    /// The mean of its tokens' vectors, which suits models that were trained for it, as sentence encoders are: few labels then reach
    /// further. The model's config.json says `"classifier_pooling": "mean"`; `transformers` has no such head for BERT.
    Mean,
}

impl HeadPooling {
    fn of_classifier(self) -> Option<Pooling> {
        match self {
            Self::Cls => None,
            Self::Mean => Some(Pooling::Mean),
        }
    }
}

/// Where a head begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum HeadStart {
    /// Random weights, drawn from the seed.
    #[default]
    Random,
    /// Logistic regression over what the model says of the training rows.
    Probe,
}

/// Raised whenever the same rows give a head another start than before.
const PROBE_VERSION: u32 = 1;

impl Head {
    /// The model with a new head.
    fn network(
        self,
        setup: &Setup,
        context: &Context<'_>,
    ) -> Result<SequenceClassifier, StepError> {
        let mut network = setup.classifier(context, self.pooling.of_classifier())?;
        if self.start == HeadStart::Probe {
            let training = setup.training();
            let all = training.texts.len() as u64;
            let stop = |done: usize| {
                (context.progress).update(done as u64, all, "texts for the head");
                context.is_cancelled()
            };
            let inverse_decay = probe(&mut network, &setup.labels, training, &stop)?;
            context.check()?;
            context.note(format!("head from a probe with C = {inverse_decay:.2}"));
        }
        Ok(network)
    }
}

/// A method that trains an encoder with a head for labels.
pub trait OnHead: DeserializeOwned + Serialize + JsonSchema + Send + Sync + 'static {
    /// The value of `method`.
    const NAME: &'static str;
    /// Raised whenever the same parameters and inputs give another model than before.
    const VERSION: u32;

    /// What feeds it beside the ports `train`, `model` and `valid`.
    fn more_inputs(&self) -> Vec<InputPort> {
        Vec::new()
    }

    /// Checks its own parameters and inputs.
    fn check(&self, _check: &mut Check) {}

    /// Trains the network and writes all outputs.
    fn train(
        &self,
        network: SequenceClassifier,
        setup: &Setup,
        tuning: &Tuning,
        context: &Context<'_>,
    ) -> Result<(), StepError>;
}

impl<M: OnHead> OnLabelled for WithHead<M> {
    const NAME: &'static str = M::NAME;
    const VERSION: u32 = M::VERSION + PROBE_VERSION;

    fn more_inputs(&self) -> Vec<InputPort> {
        self.own.more_inputs()
    }

    fn check(&self, check: &mut Check) {
        self.own.check(check);
    }

    fn train(
        &self,
        setup: &Setup,
        tuning: &Tuning,
        context: &Context<'_>,
    ) -> Result<(), StepError> {
        let network = self.shared.network(setup, context)?;
        self.own.train(network, setup, tuning, context)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::joined::assert_fields;
    use super::*;

    #[test]
    fn fields_are_those_of_the_struct() {
        assert_fields::<Head>();
    }
}
