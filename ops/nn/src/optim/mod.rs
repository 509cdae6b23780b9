//! Optimisers, and what goes with them: groups of parameters, schedules, clipping, scaling of the loss.

mod adamw;
mod clip;
mod group;
mod loss_scale;
mod schedule;
mod sgd;

pub use adamw::AdamW;
pub use clip::{clip_scale, global_norm};
pub use group::{Group, decay_matrices};
pub use loss_scale::LossScale;
pub use schedule::{Decay, Schedule};
pub use sgd::Sgd;

use std::collections::BTreeMap;

use tensor::{Gradients, Tensor};

use crate::module::{Module, Names, split};
use crate::{NnError, Parameter, Result};

/// What makes steps: [`AdamW`] and [`Sgd`], and what [`Trainer`](crate::training::Trainer) takes.
pub trait Optimizer {
    /// Changes the module's parameters. Gradients are multiplied by `scale`, one number on the device: see [`clip_scale`]. Where
    /// that is infinite or not a number, parameters and what is kept of them stay as they are.
    ///
    /// # Errors
    /// [`NnError::NoGradient`]; [`NnError::Input`] for another module.
    fn step<M: Module + ?Sized>(
        &mut self,
        module: &mut M,
        gradients: &mut Gradients,
        learning_rate: f64,
        scale: &Tensor,
    ) -> Result<()>;

    /// Forgets the last step, which changed nothing since the scale was no number.
    fn step_back(&mut self) {}

    /// What is kept of the parameters, by name.
    ///
    /// # Errors
    /// None for models of this crate.
    fn state(&self) -> Result<Vec<(String, Tensor)>>;

    /// Takes back what [`Optimizer::state`] gave after `steps` steps that changed the module.
    ///
    /// # Errors
    /// [`NnError::Input`] for the state of another model or optimiser.
    fn restore(&mut self, steps: u64, state: BTreeMap<String, Tensor>) -> Result<()>;
}

/// What an optimiser keeps for one parameter.
#[derive(Clone, Debug)]
struct Slot {
    names: Names,
    group: Group,
    /// As many as the optimiser needs, all zeros at first.
    kept: Vec<Tensor>,
}

/// What an optimiser keeps, in the order of the module's parameters.
#[derive(Clone, Debug)]
struct Slots {
    optimizer: &'static str,
    /// The names of what is kept, for files.
    kinds: &'static [&'static str],
    slots: Vec<Slot>,
}

impl Slots {
    fn new<M: Module + ?Sized>(
        optimizer: &'static str,
        kinds: &'static [&'static str],
        module: &M,
        group: impl Fn(&str, &Parameter) -> Group,
    ) -> Result<Self> {
        let mut slots = Ok(Vec::new());
        module.visit("", &mut |names, parameter| {
            let Ok(found) = &mut slots else { return };
            let group = match parameter.is_fixed() {
                true => Group::FROZEN,
                false => group(names.first().map_or("", String::as_str), parameter),
            };
            let tensor = parameter.tensor();
            let kinds = if group.trains { kinds } else { &[] };
            let kept = kinds
                .iter()
                .map(|_| Tensor::zeros(tensor.shape(), tensor.device()))
                .collect();
            match kept {
                Ok(kept) => found.push(Slot { names, group, kept }),
                Err(error) => slots = Err(NnError::from(error)),
            }
        });
        Ok(Self {
            optimizer,
            kinds,
            slots: slots?,
        })
    }

    /// Calls `update` with each parameter that trains, what is kept for it, and its gradient, which is taken.
    fn step<M: Module + ?Sized>(
        &mut self,
        module: &mut M,
        gradients: &mut Gradients,
        mut update: impl FnMut(&Group, &mut Tensor, &mut [Tensor], &Tensor) -> Result<()>,
    ) -> Result<()> {
        let mut slots = self.slots.iter_mut();
        let optimizer = self.optimizer;
        let mut outcome = Ok(());
        module.visit_mut("", &mut |names, parameter| {
            if outcome.is_err() {
                return;
            }
            let Some(slot) = slots.next().filter(|slot| slot.names == names) else {
                outcome = Err(NnError::Input {
                    model: optimizer,
                    reason: format!(
                        "was made for another model, without `{}` at this place",
                        names.join("`, `")
                    ),
                });
                return;
            };
            if !slot.group.trains {
                return;
            }
            outcome = match gradients.take(parameter.tensor()) {
                Some(gradient) => update(
                    &slot.group,
                    parameter.tensor_mut(),
                    &mut slot.kept,
                    &gradient,
                ),
                None => Err(NnError::NoGradient {
                    optimizer,
                    parameter: names.join("`, `"),
                }),
            };
        });
        outcome
    }

    /// All that is kept, as `exp_avg.NAME`.
    fn state(&self) -> Result<Vec<(String, Tensor)>> {
        let mut all = Vec::new();
        for slot in &self.slots {
            for (kind, kept) in self.kinds.iter().zip(&slot.kept) {
                let named = split(slot.names.clone(), kept)?;
                all.extend(
                    named
                        .into_iter()
                        .map(|(name, tensor)| (format!("{kind}.{name}"), tensor)),
                );
            }
        }
        Ok(all)
    }

    /// Takes back what [`Slots::state`] gave.
    fn restore(&mut self, mut state: BTreeMap<String, Tensor>) -> Result<()> {
        for slot in &mut self.slots {
            for (kind, kept) in self.kinds.iter().zip(&mut slot.kept) {
                let mut parts = Vec::new();
                for name in &slot.names {
                    let name = format!("{kind}.{name}");
                    let part = state.remove(&name).ok_or_else(|| NnError::Input {
                        model: self.optimizer,
                        reason: format!("its saved state has no `{name}`: it is that of another model or optimiser"),
                    })?;
                    parts.push(part);
                }
                let parts: Vec<&Tensor> = parts.iter().collect();
                let value = match parts[..] {
                    [only] => only.clone(),
                    _ => Tensor::concat(&parts, 0)?,
                };
                if value.shape() != kept.shape() {
                    return Err(NnError::Input {
                        model: self.optimizer,
                        reason: format!(
                            "`{kind}.{}` was saved as {}, but is {}",
                            slot.names[0],
                            value.shape(),
                            kept.shape()
                        ),
                    });
                }
                *kept = value;
            }
        }
        Ok(())
    }
}
