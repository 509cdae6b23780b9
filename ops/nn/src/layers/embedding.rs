//! A table of vectors.

use tensor::{DType, Result, Tensor};

use crate::module::module;
use crate::{Forward, Init, Parameter};

/// A vector for each number below `count`. Its weight is `[count, hidden]`.
#[derive(Clone, Debug)]
pub struct Embedding {
    weight: Parameter,
    /// A row that is not trained.
    padding: Option<u32>,
}

module!(Embedding { weight });

impl Embedding {
    /// Normal numbers; zeros in the row of `padding`, if there is one, whose gradient is 0.
    ///
    /// # Errors
    /// [`tensor::TensorError::OutOfMemory`].
    pub fn new(count: usize, hidden: usize, padding: Option<u32>, init: &Init<'_>) -> Result<Self> {
        let weight = init.normal([count, hidden])?;
        let Some(row) = padding.filter(|&padding| (padding as usize) < count) else {
            return Ok(Self { weight, padding });
        };
        let is_kept: Vec<bool> = (0..count).map(|place| place != row as usize).collect();
        let mask = Tensor::from_bools(&is_kept, [count, 1], init.device)?.cast(DType::F32)?;
        let weight = Parameter::new(&weight.tensor().detach().mul(&mask)?)?;
        Ok(Self { weight, padding })
    }

    /// The vectors of `ids`, `[tokens]` -> `[tokens, hidden]`.
    ///
    /// # Errors
    /// [`tensor::TensorError::Index`] for an id that the table has no row for.
    pub fn forward(&self, ids: &Tensor, forward: Forward) -> Result<Tensor> {
        forward.cast(&self.weight.tensor().embedding(ids, self.padding)?)
    }

    /// The vectors of `first + ids`.
    ///
    /// # Errors
    /// As [`Embedding::forward`]; [`tensor::TensorError::Shape`] if there are fewer than `first` rows.
    pub fn forward_from(&self, first: usize, ids: &Tensor, forward: Forward) -> Result<Tensor> {
        if first == 0 {
            return self.forward(ids, forward);
        }
        let table = self.weight.tensor();
        let rows = table.shape()[0].saturating_sub(first);
        let padding = self.padding.and_then(|row| row.checked_sub(first as u32));
        forward.cast(&table.narrow(0, first, rows)?.embedding(ids, padding)?)
    }

    /// Its weight, `[count, hidden]`.
    pub fn weight(&self) -> &Parameter {
        &self.weight
    }
}
