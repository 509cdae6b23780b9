//! What methods share in which a teacher gives labels to rows that have none, and a student learns from them.

use methods::{Rounds, Start};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::transformer::tuning::Tuning;

/// From which model a student begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StudentStart {
    /// From its teacher.
    #[default]
    Teacher,
    /// From the model of the port `model`, so that mistakes of a teacher are not kept.
    Model,
}

/// The rounds as the methods take them: students train as their teachers do, for `student_epochs` of their rows.
pub fn rounds(tuning: &Tuning, rounds: usize, student_epochs: f64, start: StudentStart) -> Rounds {
    let teacher = tuning.optimisation();
    Rounds {
        student: methods::Optimisation {
            epochs: student_epochs,
            max_steps: None,
            ..teacher.clone()
        },
        teacher,
        selection: tuning.selection(),
        rounds,
        start: match start {
            StudentStart::Teacher => Start::Teacher,
            StudentStart::Model => Start::Pretrained,
        },
        ..Rounds::default()
    }
}
