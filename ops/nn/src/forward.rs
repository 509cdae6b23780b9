//! [`Forward`]: how a model is to compute, told with every call.

use tensor::{DType, RandomKey, Result, Tensor};

/// How a model is to compute. There is no hidden state: a call with the same context and inputs gives the same bits.
#[derive(Clone, Copy, Debug)]
pub struct Forward {
    /// Where dropout takes its numbers; none outside of training.
    key: Option<RandomKey>,
    precision: DType,
    recompute: bool,
}

impl Forward {
    /// Without dropout, in f32.
    pub fn inference() -> Self {
        Self {
            key: None,
            precision: DType::F32,
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
}
