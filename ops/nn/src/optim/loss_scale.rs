//! [`LossScale`]: keeps small gradients inside of half precision (Micikevicius et al. 2018).

use serde::{Deserialize, Serialize};

/// What a loss is multiplied by before the backward pass, as PyTorch's `GradScaler` chooses it: halved when gradients
/// overflow, in which case the step is left out, and doubled after many steps without.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LossScale {
    scale: f32,
    /// Steps since the last change.
    good_steps: u32,
    growth_interval: u32,
}

impl LossScale {
    /// No scaling, for f32 and bf16, whose range is that of f32.
    pub const NONE: Self = Self {
        scale: 1.0,
        good_steps: 0,
        growth_interval: 0,
    };

    /// Begins at 65,536 and doubles after 2,000 steps.
    pub fn dynamic() -> Self {
        Self {
            scale: 65536.0,
            good_steps: 0,
            growth_interval: 2000,
        }
    }

    /// Doubles after that many steps.
    #[must_use]
    pub fn growing_after(self, growth_interval: u32) -> Self {
        Self {
            growth_interval,
            ..self
        }
    }

    /// What to multiply the loss by.
    pub fn scale(&self) -> f32 {
        self.scale
    }

    /// Whether it changes at all.
    pub fn is_dynamic(&self) -> bool {
        self.growth_interval > 0
    }

    /// Takes note of a step's norm of the gradients; false if the step must be left out.
    pub fn accept(&mut self, norm: f32) -> bool {
        if !self.is_dynamic() {
            return norm.is_finite();
        }
        if !norm.is_finite() {
            self.scale = (self.scale * 0.5).max(f32::MIN_POSITIVE);
            self.good_steps = 0;
            return false;
        }
        self.good_steps += 1;
        if self.good_steps >= self.growth_interval {
            self.good_steps = 0;
            let doubled = self.scale * 2.0;
            self.scale = if doubled.is_finite() {
                doubled
            } else {
                self.scale
            };
        }
        true
    }
}
