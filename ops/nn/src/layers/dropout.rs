//! Dropout (Srivastava et al. 2014).

use tensor::{Result, Tensor};

use crate::Forward;

/// `x` as it is outside of training; in training with each element set to 0 with `probability`, and the others divided by
/// `1 - probability`.
///
/// # Errors
/// Those of [`Tensor::dropout`].
pub fn dropout(x: &Tensor, probability: f32, forward: Forward) -> Result<Tensor> {
    match forward.key() {
        Some(key) => x.dropout(probability, key),
        None => Ok(x.clone()),
    }
}
