//! Layer normalisation (Ba et al. 2016).

use tensor::{Result, Tensor};

use crate::module::module;
use crate::{Forward, Init, Parameter};

/// Brings each vector to mean 0 and variance 1, scales and shifts it.
#[derive(Clone, Debug)]
pub struct LayerNorm {
    weight: Parameter,
    bias: Parameter,
    epsilon: f32,
}

module!(LayerNorm { weight, bias });

impl LayerNorm {
    /// Scale 1 and shift 0; `epsilon` is added to the variance.
    ///
    /// # Errors
    /// [`tensor::TensorError::OutOfMemory`].
    pub fn new(hidden: usize, epsilon: f32, init: &Init<'_>) -> Result<Self> {
        Ok(Self {
            weight: init.constant(1.0, [hidden])?,
            bias: init.constant(0.0, [hidden])?,
            epsilon,
        })
    }

    /// `[.., hidden] -> [.., hidden]`.
    ///
    /// # Errors
    /// Those of [`Tensor::layer_norm`].
    pub fn forward(&self, x: &Tensor, forward: Forward) -> Result<Tensor> {
        let (weight, bias) = (
            forward.cast(self.weight.tensor())?,
            forward.cast(self.bias.tensor())?,
        );
        x.layer_norm(&weight, &bias, self.epsilon)
    }

    /// The same of `dropout(x) + residual`, in one pass; see [`dropout`](super::dropout()).
    ///
    /// # Errors
    /// Those of [`Tensor::add_layer_norm`].
    pub fn forward_sum(
        &self,
        x: &Tensor,
        residual: &Tensor,
        probability: f32,
        forward: Forward,
    ) -> Result<Tensor> {
        let (weight, bias) = (
            forward.cast(self.weight.tensor())?,
            forward.cast(self.bias.tensor())?,
        );
        let dropout = forward.key().map(|key| (probability, key));
        x.add_layer_norm(residual, dropout, &weight, &bias, self.epsilon)
    }
}
