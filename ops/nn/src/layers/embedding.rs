//! A table of vectors.

use tensor::Tensor;

use crate::module::module;
use crate::{Forward, Init, Parameter, Result};

/// A vector for each number below `count`. Its weight is `[count, hidden]`.
#[derive(Clone, Debug)]
pub struct Embedding {
    weight: Parameter,
}

module!(Embedding { weight });

impl Embedding {
    /// Normal numbers; zeros in the row of `padding`, if there is one.
    ///
    /// # Errors
    /// [`tensor::TensorError::OutOfMemory`].
    pub fn new(count: usize, hidden: usize, padding: Option<usize>, init: &Init<'_>) -> Result<Self> {
        let weight = init.normal([count, hidden])?;
        let Some(padding) = padding.filter(|&padding| padding < count) else {
            return Ok(Self { weight });
        };
        let is_kept: Vec<bool> = (0..count).map(|row| row != padding).collect();
        let mask = Tensor::from_bools(&is_kept, [count, 1], init.device)?.cast(tensor::DType::F32)?;
        let weight = Parameter::new(&weight.tensor().detach().mul(&mask)?)?;
        Ok(Self { weight })
    }

    /// The vectors of `ids`, `[tokens]` -> `[tokens, hidden]`.
    ///
    /// # Errors
    /// [`tensor::TensorError::Index`] for an id that the table has no row for.
    pub fn forward(&self, ids: &Tensor, forward: Forward) -> Result<Tensor> {
        Ok(forward.cast(&self.weight.tensor().embedding(ids)?)?)
    }

    /// Its weight, `[count, hidden]`.
    pub fn weight(&self) -> &Parameter {
        &self.weight
    }
}
