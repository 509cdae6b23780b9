//! [`Observer`]: who watches a training, and may stop it.

use serde::{Deserialize, Serialize};

/// What a step of training came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// The part of the method that it belongs to, such as `teacher` or `round 2`.
    pub phase: String,
    /// The step, from 1.
    pub step: u64,
    /// Steps of this phase in all, if it is not stopped early.
    pub steps: u64,
    /// How often the training texts were read, with a fraction.
    pub epoch: f64,
    /// The loss.
    pub loss: f32,
    /// What the loss is made of, and what else is worth seeing, by name.
    pub parts: Vec<(String, f32)>,
    /// The norm of all gradients together, before clipping.
    pub norm: f32,
    /// The learning rate.
    pub learning_rate: f64,
    /// Tokens that were read.
    pub tokens: usize,
    /// How long it took.
    pub seconds: f64,
    /// How long of this it waited for its batch.
    pub waited: f64,
    /// Whether it was made by an earlier run, whose checkpoint this one goes on from.
    pub replayed: bool,
}

/// What the model was worth after some step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// As in [`StepReport::phase`].
    pub phase: String,
    /// Steps that were made.
    pub step: u64,
    /// How often the training texts were read, with a fraction.
    pub epoch: f64,
    /// By name: `loss`, `micro_f1`, `macro_f1`, `accuracy`, `perplexity`.
    pub metrics: Vec<(String, f64)>,
    /// Whether it was the best so far.
    pub best: bool,
}

impl Evaluation {
    /// A metric by its name.
    pub fn metric(&self, name: &str) -> Option<f64> {
        (self.metrics.iter()).find_map(|(found, value)| (found == name).then_some(*value))
    }
}

/// Watches a training.
pub trait Observer {
    /// A step was made.
    fn step(&mut self, _report: &StepReport) {}

    /// The model was evaluated.
    fn evaluated(&mut self, _evaluation: &Evaluation) {}

    /// Work besides steps, such as `passes` of a teacher, is `done` of `all`.
    fn progress(&mut self, _what: &str, _done: u64, _all: u64) {}

    /// Something that the user should know, though training goes on.
    fn warn(&mut self, _message: &str) {}

    /// Asked after each step: true to save a checkpoint, if there is a folder for them, and stop.
    fn should_stop(&self) -> bool {
        false
    }
}

/// Nobody watches.
impl Observer for () {}
