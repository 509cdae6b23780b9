//! [`Sgd`]: gradient descent with momentum.

use std::collections::BTreeMap;

use tensor::{Gradients, Tensor};

use super::{Group, Optimizer, Slots};
use crate::module::Module;
use crate::{Parameter, Result};

/// Steps as PyTorch's `SGD` makes them.
#[derive(Clone, Debug)]
pub struct Sgd {
    momentum: f64,
    nesterov: bool,
    slots: Slots,
}

impl Sgd {
    /// For the parameters of `module`, each in the group that `group` gives it by its name; a momentum of 0 is plain descent.
    ///
    /// # Errors
    /// [`tensor::TensorError::OutOfMemory`].
    pub fn new<M: Module + ?Sized>(
        module: &M,
        momentum: f64,
        group: impl Fn(&str, &Parameter) -> Group,
    ) -> Result<Self> {
        Ok(Self {
            momentum,
            nesterov: false,
            slots: Slots::new("SGD", &["momentum_buffer"], module, group)?,
        })
    }

    /// Looks ahead along the velocity (Sutskever et al. 2013).
    #[must_use]
    pub fn nesterov(self) -> Self {
        Self {
            nesterov: true,
            ..self
        }
    }
}

impl Optimizer for Sgd {
    fn step<M: Module + ?Sized>(
        &mut self,
        module: &mut M,
        gradients: &mut Gradients,
        learning_rate: f64,
        scale: &Tensor,
    ) -> Result<()> {
        let Self {
            momentum, nesterov, ..
        } = *self;
        self.slots
            .step(module, gradients, |group, parameter, kept, gradient| {
                let update = tensor::Sgd {
                    learning_rate: learning_rate * group.rate,
                    momentum,
                    weight_decay: group.weight_decay,
                    nesterov,
                };
                let [velocity] = kept else { return Ok(()) };
                Ok(update.apply(parameter, velocity, gradient, scale)?)
            })
    }

    /// The velocities, `momentum_buffer.NAME`.
    fn state(&self) -> Result<Vec<(String, Tensor)>> {
        self.slots.state()
    }

    fn restore(&mut self, _steps: u64, state: BTreeMap<String, Tensor>) -> Result<()> {
        self.slots.restore(state)
    }
}
