//! `method = "self_training"`.

use methods::{SelfTraining as Options, self_training};
use nn::SequenceClassifier;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::transformer::tuning::Tuning;
use super::super::{Context, InputPort, PortType, StepError};
use super::head::OnHead;
use super::labelled::Setup;
use super::rounds::{StudentStart, rounds};

/// Self-training in its plain form (Yarowsky 1995; Lee 2013): a teacher learns from labelled rows and gives labels to rows without; a
/// student learns from those of which the teacher is sure, and is the next teacher. `ust` is the form that knows its uncertainty.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SelfTraining {
    /// How many students there are, one after the other.
    #[serde(default = "three")]
    #[schemars(range(min = 1))]
    rounds: usize,
    /// How often a student reads its rows.
    #[serde(default = "two")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    student_epochs: f64,
    /// From which model a student begins: its `teacher`, or `model`, that of the port.
    #[serde(default)]
    student_start: StudentStart,
    /// From which probability on a label counts; where a row may carry several, a label also counts as absent from 1 less this down.
    #[serde(default = "sure")]
    #[schemars(range(min = 0.5, max = 1))]
    confidence: f32,
}

fn three() -> usize {
    3
}

fn two() -> f64 {
    2.0
}

fn sure() -> f32 {
    0.9
}

impl OnHead for SelfTraining {
    const NAME: &'static str = "self_training";
    const VERSION: u32 = 1;

    fn more_inputs(&self) -> Vec<InputPort> {
        vec![InputPort::one("unlabeled", PortType::Table)]
    }

    fn train(
        &self,
        network: SequenceClassifier,
        setup: &Setup,
        tuning: &Tuning,
        context: &Context<'_>,
    ) -> Result<(), StepError> {
        let unlabelled = setup.rows(context, "unlabeled")?;
        let options = Options {
            rounds: rounds(tuning, self.rounds, self.student_epochs, self.student_start),
            confidence: self.confidence,
        };
        setup.train(
            context,
            |session| {
                let (training, valid) = (setup.training(), setup.validation());
                self_training(
                    network,
                    &setup.labels,
                    training,
                    &unlabelled,
                    valid,
                    &options,
                    session,
                )
            },
            |model, folder| model.save(folder),
        )
    }
}
