//! An affine map.

use tensor::{Activation, Result, Tensor, TensorError};

use crate::module::module;
use crate::{Forward, Init, Parameter};

/// `x weightᵀ + bias`. The weight is `[out, in]`, the bias `[out]`, as in PyTorch.
#[derive(Clone, Debug)]
pub struct Linear {
    weight: Parameter,
    bias: Parameter,
}

module!(Linear { weight, bias });

impl Linear {
    /// Normal weights, and a bias of zeros.
    ///
    /// # Errors
    /// [`tensor::TensorError::OutOfMemory`].
    pub fn new(inputs: usize, outputs: usize, init: &Init<'_>) -> Result<Self> {
        Ok(Self {
            weight: init.normal([outputs, inputs])?,
            bias: init.constant(0.0, [outputs])?,
        })
    }

    /// Replaces its values by others of the same shapes: weight `[out, in]`, bias `[out]`.
    ///
    /// # Errors
    /// [`TensorError::Shape`] for other shapes; as [`Parameter::new`].
    pub fn set(&mut self, weight: &Tensor, bias: &Tensor) -> Result<()> {
        let known = [self.weight.tensor().shape(), self.bias.tensor().shape()];
        if [weight.shape(), bias.shape()] != known {
            return Err(TensorError::Shape {
                op: "Linear::set",
                reason: format!("takes weight {} and bias {}", known[0], known[1]),
                shapes: vec![weight.shape().clone(), bias.shape().clone()],
            });
        }
        self.weight = Parameter::new(weight)?;
        self.bias = Parameter::new(bias)?;
        Ok(())
    }

    /// The same layer, whose weight files hold as `[in, out]`.
    #[must_use]
    pub fn stored_transposed(self) -> Self {
        Self {
            weight: self.weight.stored_transposed(),
            ..self
        }
    }

    /// `[.., in] -> [.., out]`.
    ///
    /// # Errors
    /// Those of [`Tensor::linear`].
    pub fn forward(&self, x: &Tensor, forward: Forward) -> Result<Tensor> {
        self.forward_with(x, Activation::None, forward)
    }

    /// The same, and then the activation, in one pass.
    ///
    /// # Errors
    /// Those of [`Tensor::linear`].
    pub fn forward_with(
        &self,
        x: &Tensor,
        activation: Activation,
        forward: Forward,
    ) -> Result<Tensor> {
        forward.linear(x, self.weight.tensor(), self.bias.tensor(), activation)
    }

    /// Its weight, `[out, in]`.
    pub fn weight(&self) -> &Parameter {
        &self.weight
    }

    /// Its bias, `[out]`.
    pub fn bias(&self) -> &Parameter {
        &self.bias
    }
}
