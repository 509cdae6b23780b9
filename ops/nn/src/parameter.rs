//! [`Parameter`]: a tensor that training changes.

use tensor::{DType, Device, RandomKey, Result, Shape, Tensor};

/// A tensor that training changes: a leaf of the tape, stored in f32 whatever the model computes in.
#[derive(Clone, Debug)]
pub struct Parameter {
    tensor: Tensor,
    is_transposed: bool,
    is_fixed: bool,
}

/// What parameters hold before training: BERT's rule for its weights (Devlin et al. 2019, as `transformers` draws them).
///
/// Every parameter draws from a key of its own, so adding a layer leaves the numbers of the others as they were.
#[derive(Clone, Debug)]
pub struct Init<'a> {
    /// The standard deviation of weights and embeddings, `initializer_range` in config.json.
    pub deviation: f32,
    /// The source of all numbers.
    pub key: RandomKey,
    /// Where the parameters live.
    pub device: &'a Device,
}

impl Init<'_> {
    /// The same with another key, for part `place` of a model.
    #[must_use]
    pub fn at(&self, place: u64) -> Self {
        Self {
            key: self.key.fold(place),
            ..self.clone()
        }
    }

    /// Normal numbers around 0, drawn natively: a key gives the same numbers on every device.
    ///
    /// # Errors
    /// [`tensor::TensorError::OutOfMemory`].
    pub fn normal(&self, shape: impl Into<Shape>) -> Result<Parameter> {
        let native = match self.device {
            Device::Cpu(_) => self.device.clone(),
            Device::Gpu(_) => Device::cpu(),
        };
        let values = Tensor::rand_normal(0.0, self.deviation, shape, &native, self.key)?;
        Parameter::new(&values.to_device(self.device)?)
    }

    /// One value everywhere.
    ///
    /// # Errors
    /// [`tensor::TensorError::OutOfMemory`].
    pub fn constant(&self, value: f32, shape: impl Into<Shape>) -> Result<Parameter> {
        Parameter::new(&Tensor::full(value, shape, DType::F32, self.device)?)
    }
}

impl Parameter {
    /// Of these values.
    ///
    /// # Errors
    /// [`tensor::TensorError::DType`] if they are no floating-point numbers.
    pub fn new(values: &Tensor) -> Result<Self> {
        let values = values.detach().cast(DType::F32)?.contiguous()?;
        Ok(Self {
            tensor: values.requires_grad()?,
            is_transposed: false,
            is_fixed: false,
        })
    }

    /// The same matrix, which files hold transposed: GPT-2's weights are `[in, out]` there.
    #[must_use]
    pub fn stored_transposed(self) -> Self {
        Self {
            is_transposed: true,
            ..self
        }
    }

    /// The same, which training leaves as it is: it is stored with a model, but is none of its parameters in `transformers`.
    #[must_use]
    pub fn fixed(self) -> Self {
        Self {
            is_fixed: true,
            ..self
        }
    }

    /// Whether training leaves it as it is.
    pub fn is_fixed(&self) -> bool {
        self.is_fixed
    }

    /// Whether files hold the transposed matrix.
    pub fn is_transposed(&self) -> bool {
        self.is_transposed
    }

    /// As files hold it: this value, or something of its shape such as its gradient.
    ///
    /// # Errors
    /// [`tensor::TensorError::Shape`] for something of another shape.
    pub fn as_stored(&self, value: &Tensor) -> Result<Tensor> {
        match self.is_transposed {
            true => value.transpose(0, 1),
            false => Ok(value.clone()),
        }
    }

    /// The same parameter with another value, given as files hold it.
    pub(crate) fn with_stored(&self, value: &Tensor) -> Result<Self> {
        Ok(Self {
            is_transposed: self.is_transposed,
            is_fixed: self.is_fixed,
            ..Self::new(&self.as_stored(value)?)?
        })
    }

    /// Its value, a leaf whose gradient the backward pass gives.
    pub fn tensor(&self) -> &Tensor {
        &self.tensor
    }

    /// The same, to be changed where it lies.
    pub fn tensor_mut(&mut self) -> &mut Tensor {
        &mut self.tensor
    }
}
