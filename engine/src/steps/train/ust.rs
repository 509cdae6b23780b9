//! `method = "ust"`.

use methods::ust::{Sampling, Ust as Options, ust};
use nn::SequenceClassifier;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::transformer::tuning::Tuning;
use super::super::{Context, InputPort, PortType, StepError};
use super::head::OnHead;
use super::labelled::Setup;
use super::rounds::{StudentStart, rounds};

/// Uncertainty-aware self-training (Mukherjee and Awadallah 2020): a teacher learns from labelled rows and reads rows without labels
/// several times with dropout; of those, a student learns from a sample, most from labels about which the teacher agrees with itself;
/// the student is the next teacher.
///
/// Where a row may carry several labels, each label is a question of its own: BALD is the mean over the labels, and weights are per
/// label. Epochs, steps and `best_by` are those of each training.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ust {
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
    /// Rows without labels that a teacher reads in a round, drawn anew for each.
    #[serde(default = "pool")]
    #[schemars(range(min = 1))]
    pool: usize,
    /// Rows of these that its student learns from.
    #[serde(default = "sample")]
    #[schemars(range(min = 1))]
    sample: usize,
    /// How often a teacher reads each row, with other dropout each time.
    #[serde(default = "ten")]
    #[schemars(range(min = 2))]
    passes: usize,
    /// Which rows are drawn: `easy` those that the teacher knows (in proportion to 1 - BALD), `hard` those that it could learn most
    /// from (BALD), `uniform` any.
    #[serde(default)]
    sampling: SamplingKind,
    /// Whether all labels are drawn alike often.
    #[serde(default = "yes")]
    class_balanced: bool,
    /// How much the variance of a label's probability counts in the weight of its loss; 0 weighs all alike.
    #[serde(default = "tenth")]
    #[schemars(range(min = 0))]
    confident_learning: f32,
}

/// Which rows are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum SamplingKind {
    /// What the teacher knows.
    #[default]
    Easy,
    /// What the teacher could learn most from.
    Hard,
    /// All alike.
    Uniform,
}

fn three() -> usize {
    3
}

fn two() -> f64 {
    2.0
}

fn pool() -> usize {
    1024
}

fn sample() -> usize {
    512
}

fn ten() -> usize {
    10
}

fn yes() -> bool {
    true
}

fn tenth() -> f32 {
    0.1
}

impl OnHead for Ust {
    const NAME: &'static str = "ust";
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
            pool: self.pool,
            sample: self.sample,
            passes: self.passes,
            sampling: match self.sampling {
                SamplingKind::Easy => Sampling::Easy,
                SamplingKind::Hard => Sampling::Hard,
                SamplingKind::Uniform => Sampling::Uniform,
            },
            class_balanced: self.class_balanced,
            confident_learning: (self.confident_learning > 0.0).then_some(self.confident_learning),
        };
        setup.train(
            context,
            |session| {
                let (training, valid) = (setup.training(), setup.validation());
                ust(
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
