//! [`Optimisation`]: how long and how fast a model trains; the defaults are those of `transformers`' `TrainingArguments`.

use nn::optim::{AdamW, Decay, Schedule, decay_matrices};
use nn::training::TrainOptions;
use nn::{Module, Result as NnResult};
use tensor::DType;

use crate::{MethodError, Result};

/// How long and how fast a model trains.
#[derive(Clone, Debug, PartialEq)]
pub struct Optimisation {
    /// How often the training texts are read; a fraction ends within the last time.
    pub epochs: f64,
    /// Steps in all; instead of `epochs` if given.
    pub max_steps: Option<u64>,
    /// Texts of a batch.
    pub batch_size: usize,
    /// Batches of a step, whose gradients are averaged.
    pub accumulate: usize,
    /// The learning rate after the warm-up.
    pub learning_rate: f64,
    /// How it goes on.
    pub decay: Decay,
    /// Steps of warm-up: a share of all below 1, else their number.
    pub warmup: f64,
    /// The decay of weights; biases and the scales of layer norms have none.
    pub weight_decay: f64,
    /// AdamW's betas.
    pub betas: [f64; 2],
    /// AdamW's epsilon.
    pub epsilon: f64,
    /// The norm of all gradients together at most, if it is clipped.
    pub max_norm: Option<f32>,
    /// Whether texts come in another order in each epoch.
    pub shuffle: bool,
    /// Whether texts of about the same length share a batch, which evens out the steps. See
    /// [`Batches`](crate::batches::Batches).
    pub group_by_length: bool,
    /// What the model computes in.
    pub precision: DType,
    /// Whether layers are computed again in the backward pass, to hold less memory.
    pub recompute: bool,
}

impl Default for Optimisation {
    fn default() -> Self {
        Self {
            epochs: 3.0,
            max_steps: None,
            batch_size: 8,
            accumulate: 1,
            learning_rate: 5e-5,
            decay: Decay::Linear,
            warmup: 0.0,
            weight_decay: 0.0,
            betas: [0.9, 0.999],
            epsilon: 1e-8,
            max_norm: Some(1.0),
            shuffle: true,
            group_by_length: false,
            precision: DType::F32,
            recompute: false,
        }
    }
}

impl Optimisation {
    /// Fails for numbers that make no training.
    pub(crate) fn check(&self, method: &'static str) -> Result<()> {
        let refuse =
            |name: &str, what: &str| Err(MethodError::input(method, format!("{name} {what}")));
        if self.batch_size == 0 || self.accumulate == 0 {
            return refuse("batch_size and accumulate", "must be 1 or more");
        }
        if self.max_steps == Some(0) || !(self.epochs.is_finite() && self.epochs >= 0.0) {
            return refuse(
                "epochs and max_steps",
                "must be positive, and max_steps not 0",
            );
        }
        if self.max_steps.is_none() && self.epochs == 0.0 {
            return refuse("epochs", "is 0: nothing would be trained");
        }
        if !(self.learning_rate.is_finite() && self.learning_rate >= 0.0) {
            return refuse(
                "learning_rate",
                "must be a small positive number, such as 5e-5",
            );
        }
        if !(self.warmup.is_finite() && self.warmup >= 0.0) {
            return refuse(
                "warmup",
                "must be a share of all steps below 1, or a number of steps",
            );
        }
        if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            return refuse(
                "weight_decay",
                "must be 0 or a small positive number, such as 0.01",
            );
        }
        if !self.betas.iter().all(|beta| (0.0..1.0).contains(beta)) || self.epsilon.is_nan() {
            return refuse("betas", "must be from 0 to less than 1");
        }
        if self
            .max_norm
            .is_some_and(|norm| norm.is_nan() || norm <= 0.0)
        {
            return refuse("max_norm", "must be positive; leave it out to clip nothing");
        }
        Ok(())
    }

    /// Steps that read `rows` training rows once.
    pub(crate) fn steps_per_epoch(&self, rows: usize) -> u64 {
        rows.div_ceil(self.batch_size.max(1))
            .div_ceil(self.accumulate.max(1))
            .max(1) as u64
    }

    /// Steps in all on `rows` training rows.
    pub(crate) fn steps(&self, rows: usize) -> u64 {
        self.max_steps.unwrap_or_else(|| {
            let steps = (self.epochs * self.steps_per_epoch(rows) as f64).ceil();
            (steps as u64).max(1)
        })
    }

    /// What [`nn::training::Trainer`] takes for a training of `steps` steps.
    pub(crate) fn train_options(&self, steps: u64) -> TrainOptions {
        let warmup = match self.warmup < 1.0 {
            true => (self.warmup * steps as f64).ceil() as u64,
            false => self.warmup as u64,
        };
        TrainOptions {
            schedule: Schedule {
                learning_rate: self.learning_rate,
                decay: self.decay,
                warmup,
                total: steps,
            },
            max_norm: self.max_norm,
            precision: self.precision,
            recompute: self.recompute,
        }
    }

    /// The optimiser of a model that has trained nothing yet.
    pub(crate) fn optimizer<M: Module>(&self, model: &M) -> NnResult<AdamW> {
        Ok(AdamW::new(model, decay_matrices(self.weight_decay))?.with(self.betas, self.epsilon))
    }
}
