//! [`Reduction`]: how the losses of many elements become one.

use crate::{Result, Tensor};

/// What becomes of the losses of elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reduction {
    /// Their mean; what is ignored does not count.
    #[default]
    Mean,
    /// Their sum divided by the size of the first dimension.
    BatchMean,
    /// Their sum.
    Sum,
    /// All of them.
    None,
}

impl Reduction {
    /// The losses reduced, where all count alike.
    pub(crate) fn of(self, losses: &Tensor) -> Result<Tensor> {
        match self {
            Self::Mean => losses.mean_all(),
            Self::BatchMean => losses.sum_all()?.affine(1.0 / batch(losses) as f32, 0.0),
            Self::Sum => losses.sum_all(),
            Self::None => Ok(losses.clone()),
        }
    }
}

/// The size of the first dimension, at least 1.
pub(crate) fn batch(tensor: &Tensor) -> usize {
    tensor.shape().first().map_or(1, |&size| size.max(1))
}
