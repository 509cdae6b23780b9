//! `method = "fine_tune"`.

use methods::{FineTune as Options, fine_tune};
use nn::SequenceClassifier;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::transformer::tuning::Tuning;
use super::super::{Context, StepError};
use super::head::OnHead;
use super::labelled::Setup;

/// Fine-tunes a transformer with a head for the labels (Devlin et al. 2019, section 4.1), as the Hugging Face Trainer does: a
/// probability for each label, or one softmax over the classes.
///
/// The output `model` is a folder that `transformers` reads. Training that was killed goes on from its last checkpoint, to the same
/// bits.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FineTune {}

impl OnHead for FineTune {
    const NAME: &'static str = "fine_tune";
    const VERSION: u32 = 1;

    fn train(
        &self,
        network: SequenceClassifier,
        setup: &Setup,
        tuning: &Tuning,
        context: &Context<'_>,
    ) -> Result<(), StepError> {
        let options = Options {
            optimisation: tuning.optimisation(),
            selection: tuning.selection(),
            ..Options::default()
        };
        setup.train(
            context,
            |session| {
                let (training, valid) = (setup.training(), setup.validation());
                let (model, outcome) =
                    fine_tune(network, &setup.labels, training, valid, &options, session)?;
                Ok((model, vec![outcome]))
            },
            |model, folder| model.save(folder),
        )
    }
}
