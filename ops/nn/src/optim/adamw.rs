//! [`AdamW`]: Adam with decoupled weight decay (Loshchilov & Hutter 2019).

use std::collections::BTreeMap;

use tensor::{Gradients, Tensor};

use super::{Group, Optimizer, Slots};
use crate::module::Module;
use crate::{Parameter, Result};

/// Steps as PyTorch's `AdamW` makes them, each parameter and its moments in one pass over memory.
#[derive(Clone, Debug)]
pub struct AdamW {
    betas: [f64; 2],
    epsilon: f64,
    steps: u64,
    slots: Slots,
}

impl AdamW {
    /// For the parameters of `module`, each in the group that `group` gives it by its name: see
    /// [`decay_matrices`](super::decay_matrices). Betas are 0.9 and 0.999, epsilon is 1e-8, as in PyTorch.
    ///
    /// # Errors
    /// [`tensor::TensorError::OutOfMemory`].
    pub fn new<M: Module + ?Sized>(
        module: &M,
        group: impl Fn(&str, &Parameter) -> Group,
    ) -> Result<Self> {
        Ok(Self {
            betas: [0.9, 0.999],
            epsilon: 1e-8,
            steps: 0,
            slots: Slots::new("AdamW", &["exp_avg", "exp_avg_sq"], module, group)?,
        })
    }

    /// With other betas and another epsilon.
    #[must_use]
    pub fn with(self, betas: [f64; 2], epsilon: f64) -> Self {
        Self {
            betas,
            epsilon,
            ..self
        }
    }

    /// How many steps were made.
    pub fn steps(&self) -> u64 {
        self.steps
    }
}

impl Optimizer for AdamW {
    fn step<M: Module + ?Sized>(
        &mut self,
        module: &mut M,
        gradients: &mut Gradients,
        learning_rate: f64,
        scale: &Tensor,
    ) -> Result<()> {
        self.steps += 1;
        let Self {
            betas,
            epsilon,
            steps: step,
            ..
        } = *self;
        self.slots
            .step(module, gradients, |group, parameter, kept, gradient| {
                let update = tensor::AdamW {
                    learning_rate: learning_rate * group.rate,
                    betas,
                    epsilon,
                    weight_decay: group.weight_decay,
                    step,
                };
                let [first, second] = kept else { return Ok(()) };
                Ok(update.apply(parameter, [first, second], gradient, scale)?)
            })
    }

    fn step_back(&mut self) {
        self.steps = self.steps.saturating_sub(1);
    }

    /// The moments, `exp_avg.NAME` and `exp_avg_sq.NAME`.
    fn state(&self) -> Result<Vec<(String, Tensor)>> {
        self.slots.state()
    }

    fn restore(&mut self, steps: u64, state: BTreeMap<String, Tensor>) -> Result<()> {
        self.slots.restore(state)?;
        self.steps = steps;
        Ok(())
    }
}
