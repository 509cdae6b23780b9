//! Training: steps with all that belongs to one ([`Trainer`]), and checkpoints from which training goes on to the same bits
//! ([`Checkpoints`]).

mod checkpoints;
mod trainer;

pub use checkpoints::Checkpoints;
pub use trainer::{DataPlace, StepReport, TrainOptions, Trainer, TrainingState};
