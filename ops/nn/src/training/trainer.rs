//! [`Trainer`]: one step after the other.

use serde::{Deserialize, Serialize};
use tensor::{DType, Device, Gradients, RandomKey, Tensor};

use crate::module::Module;
use crate::optim::{AdamW, LossScale, Optimizer, Schedule, clip_scale, global_norm};
use crate::{Forward, NnError, Result};

/// What does not change from step to step.
#[derive(Clone, Copy, Debug)]
pub struct TrainOptions {
    /// The learning rate.
    pub schedule: Schedule,
    /// The norm of all gradients together at most, if it is clipped.
    pub max_norm: Option<f32>,
    /// What the model computes in; f16 needs [`LossScale::dynamic`].
    pub precision: DType,
    /// Whether layers are computed again in the backward pass, to hold less memory.
    pub recompute: bool,
}

/// How far training has come: with the model and the optimiser's moments, all that the rest of it depends on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingState {
    /// Steps that were made.
    pub step: u64,
    /// Steps that changed the model: less than `step` where gradients overflowed.
    pub updates: u64,
    /// The seed of dropout.
    pub seed: u64,
    /// Keys drawn from the seed before training began.
    pub counter: u64,
    /// What losses are multiplied by.
    pub loss_scale: LossScale,
    /// What the next step reads.
    pub place: DataPlace,
}

/// A place in the training data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataPlace {
    /// How often all data were read.
    pub epoch: u64,
    /// How many rows were read since.
    pub row: u64,
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReport {
    /// The mean loss of its parts.
    pub loss: f32,
    /// The norm of all gradients together, before clipping.
    pub norm: f32,
    /// The learning rate.
    pub learning_rate: f64,
    /// Whether it was left out since gradients overflowed in half precision; the scale of the loss is lower now.
    pub skipped: bool,
}

/// Makes steps: forward and backward passes over the parts of a batch, clipping, and an optimiser's update.
#[derive(Clone, Debug)]
pub struct Trainer<O = AdamW> {
    options: TrainOptions,
    optimizer: O,
    state: TrainingState,
}

impl<O: Optimizer> Trainer<O> {
    /// A trainer before its first step, which draws dropout from `key`.
    pub fn new(optimizer: O, options: TrainOptions, key: RandomKey) -> Self {
        let loss_scale = match options.precision {
            DType::F16 => LossScale::dynamic(),
            _ => LossScale::NONE,
        };
        Self {
            options,
            optimizer,
            state: TrainingState {
                step: 0,
                updates: 0,
                seed: key.seed,
                counter: key.counter,
                loss_scale,
                place: DataPlace::default(),
            },
        }
    }

    /// Scales losses in another way.
    #[must_use]
    pub fn with_loss_scale(mut self, loss_scale: LossScale) -> Self {
        self.state.loss_scale = loss_scale;
        self
    }

    /// How far training has come.
    pub fn state(&self) -> &TrainingState {
        &self.state
    }

    /// Takes note of what the next step reads.
    pub fn set_place(&mut self, place: DataPlace) {
        self.state.place = place;
    }

    /// The optimiser.
    pub fn optimizer(&self) -> &O {
        &self.optimizer
    }

    pub(super) fn restore(
        &mut self,
        state: TrainingState,
        moments: std::collections::BTreeMap<String, Tensor>,
    ) -> Result<()> {
        self.optimizer.restore(state.updates, moments)?;
        self.state = state;
        Ok(())
    }

    /// One step on a batch in `parts` parts, whose gradients are averaged, so that a batch may be larger than what memory holds
    /// at once. `loss` computes the mean loss of a part; parts should be of one size.
    ///
    /// # Errors
    /// [`NnError::NotFinite`] if the loss or, without scaling of losses, the norm of the gradients is infinite or not a number:
    /// the model is then as it was before. Those of `loss`.
    pub fn step<M: Module>(
        &mut self,
        model: &mut M,
        parts: usize,
        mut loss: impl FnMut(&M, usize, Forward) -> Result<Tensor>,
    ) -> Result<StepReport> {
        let key = RandomKey {
            seed: self.state.seed,
            counter: self.state.counter,
        };
        let forward =
            Forward::training(key.fold(self.state.step)).in_precision(self.options.precision);
        let forward = if self.options.recompute {
            forward.recomputing()
        } else {
            forward
        };
        let loss_scale = self.state.loss_scale.scale();
        let share = 1.0 / parts.max(1) as f32;
        let mut gradients = Gradients::default();
        let mut total: Option<Tensor> = None;
        for part in 0..parts {
            let loss = loss(model, part, forward.at(part as u64))?.cast(DType::F32)?;
            gradients.accumulate(loss.affine(share * loss_scale, 0.0)?.backward()?)?;
            let loss = loss.detach().affine(share, 0.0)?;
            total = Some(match total {
                Some(total) => total.add(&loss)?,
                None => loss,
            });
        }
        let Some(loss) = total else {
            return Err(NnError::Input {
                model: "training",
                reason: "a step needs at least one part".to_owned(),
            });
        };
        self.update(model, &mut gradients, &loss)
    }

    fn update<M: Module>(
        &mut self,
        model: &mut M,
        gradients: &mut Gradients,
        loss: &Tensor,
    ) -> Result<StepReport> {
        let device: Device = loss.device().clone();
        let loss_scale = self.state.loss_scale;
        let learning_rate = self.options.schedule.rate(self.state.step);
        let step = self.state.step + 1;
        let scaled_norm = global_norm(model, gradients, &device)?;
        let scale = clip_scale(&scaled_norm, self.options.max_norm, loss_scale.scale())?;
        // One visit to the device for both.
        let numbers = Tensor::stack(&[&loss.reshape(())?, &scaled_norm.reshape(())?], 0)?;
        let mut skipped = false;
        let read = |numbers: &Tensor| -> Result<[f32; 2]> {
            let numbers = numbers.to_f32_vec()?;
            Ok([numbers[0], numbers[1] / loss_scale.scale()])
        };
        let [loss, norm] = if loss_scale.is_dynamic() {
            let [loss, norm] = read(&numbers)?;
            if !loss.is_finite() {
                return Err(NnError::NotFinite {
                    what: "loss",
                    value: loss,
                    step,
                });
            }
            skipped = !self.state.loss_scale.accept(norm);
            if !skipped {
                self.optimizer
                    .step(model, gradients, learning_rate, &scale)?;
            }
            [loss, norm]
        } else {
            // The update does not wait for the numbers: it leaves everything as it is where the norm is no number.
            self.optimizer
                .step(model, gradients, learning_rate, &scale)?;
            let [loss, norm] = read(&numbers)?;
            let faulty = [("loss", loss), ("norm of the gradients", norm)]
                .into_iter()
                .find(|(_, value)| !value.is_finite());
            if let Some((what, value)) = faulty {
                self.optimizer.step_back();
                return Err(NnError::NotFinite { what, value, step });
            }
            [loss, norm]
        };
        self.state.step = step;
        self.state.updates += u64::from(!skipped);
        Ok(StepReport {
            loss,
            norm,
            learning_rate,
            skipped,
        })
    }
}
