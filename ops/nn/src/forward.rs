//! [`Forward`]: how a model is to compute, told with every call.

use tensor::{Activation, DType, RandomKey, Result, Tensor};

/// How a model is to compute. There is no hidden state: a call with the same context and inputs gives the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Where dropout takes its numbers; none outside of training.
    key: Option<RandomKey>,
    precision: DType,
    half_products: bool,
    recompute: bool,
}

impl Forward {
    /// Without dropout, in f32.
    pub fn inference() -> Self {
        Self {
            key: None,
            precision: DType::F32,
            half_products: false,
            recompute: false,
        }
    }

    /// With dropout drawn from `key`, in f32. Each step of training takes another key.
    pub fn training(key: RandomKey) -> Self {
        Self {
            key: Some(key),
            ..Self::inference()
        }
    }

    /// Computes in `precision`: products in 16 bits, whose sums are f32, and activations stored in 16 bits. Parameters stay
    /// f32 and are rounded on the way, so what small updates add up to is not lost (Micikevicius et al. 2018).
    #[must_use]
    pub fn in_precision(self, precision: DType) -> Self {
        Self { precision, ..self }
    }

    /// Multiplies by weights in the 16-bit type that the processor is fast at, if there is one; activations and sums stay f32.
    /// For inference: embeddings stay within a cosine of 0.999 of those in f32. See [`Tensor::linear_half`].
    #[must_use]
    pub fn with_half_products(self) -> Self {
        Self {
            half_products: true,
            ..self
        }
    }

    /// Keeps only what each layer begins with, and computes the rest again in the backward pass (Chen et al. 2016).
    #[must_use]
    pub fn recomputing(self) -> Self {
        Self {
            recompute: true,
            ..self
        }
    }

    /// The context of part `place`: another stream of random numbers.
    #[must_use]
    pub fn at(self, place: u64) -> Self {
        Self {
            key: self.key.map(|key| key.fold(place)),
            ..self
        }
    }

    /// The source of dropout; none outside of training.
    pub fn key(&self) -> Option<RandomKey> {
        self.key
    }

    /// What the model computes in.
    pub fn precision(&self) -> DType {
        self.precision
    }

    /// Whether layers are computed again in the backward pass.
    pub fn recomputes(&self) -> bool {
        self.recompute
    }

    /// A parameter as the model computes with it.
    ///
    /// # Errors
    /// [`tensor::TensorError::OutOfMemory`].
    pub fn cast(&self, tensor: &Tensor) -> Result<Tensor> {
        tensor.cast(self.precision)
    }

    /// `activation(x weightᵀ + bias)` as the model computes it, where the weight is `[out, in]`, the bias `[out]`.
    ///
    /// # Errors
    /// Those of [`Tensor::dense`].
    pub fn linear(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        activation: Activation,
    ) -> Result<Tensor> {
        let (weight, bias) = (self.cast(weight)?, self.cast(bias)?);
        match self.half_products {
            true => x.linear_half(&weight, Some(&bias), activation),
            false => x.dense(&weight, Some(&bias), activation),
        }
    }
}

impl From<DType> for Forward {
    /// Inference in a precision.
    fn from(precision: DType) -> Self {
        Self::inference().in_precision(precision)
    }
}
