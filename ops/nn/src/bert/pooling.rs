//! One vector a text.

use serde::{Deserialize, Serialize};
use tensor::{Offsets, Result, Tensor, TensorError};

/// How a text's vector comes from its tokens'.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// Their mean.
    #[default]
    Mean,
    /// That of the first, such as `[CLS]`.
    Cls,
    /// That of the last.
    Last,
}

impl Pooling {
    /// `[tokens, hidden] -> [texts, hidden]`.
    ///
    /// # Errors
    /// [`TensorError::Shape`] for a text without tokens.
    pub fn forward(self, hidden: &Tensor, offsets: &Offsets) -> Result<Tensor> {
        match self {
            Self::Mean => mean_pooling(hidden, offsets),
            Self::Cls => first_tokens(hidden, offsets),
            Self::Last => last_tokens(hidden, offsets),
        }
    }
}

fn misfit(op: &'static str, reason: String, hidden: &Tensor) -> TensorError {
    TensorError::Shape {
        op,
        reason,
        shapes: vec![hidden.shape().clone()],
    }
}

fn check(op: &'static str, hidden: &Tensor, offsets: &Offsets) -> Result<()> {
    if hidden.rank() != 2 || hidden.shape()[0] != offsets.tokens() {
        return Err(misfit(
            op,
            format!(
                "takes the states of {} tokens, [tokens, hidden]",
                offsets.tokens()
            ),
            hidden,
        ));
    }
    match offsets.lengths().position(|length| length == 0) {
        Some(text) => Err(misfit(
            op,
            format!("text {text} has no tokens; leave it out"),
            hidden,
        )),
        None => Ok(()),
    }
}

/// The vector of each text's first token, `[tokens, hidden] -> [texts, hidden]`.
///
/// # Errors
/// [`TensorError::Shape`] for a text without tokens.
pub fn first_tokens(hidden: &Tensor, offsets: &Offsets) -> Result<Tensor> {
    check("first_tokens", hidden, offsets)?;
    hidden.index_select(0, &offsets.tensor().narrow(0, 0, offsets.texts())?)
}

/// The vector of each text's last token, `[tokens, hidden] -> [texts, hidden]`.
///
/// # Errors
/// [`TensorError::Shape`] for a text without tokens.
pub fn last_tokens(hidden: &Tensor, offsets: &Offsets) -> Result<Tensor> {
    check("last_tokens", hidden, offsets)?;
    let ends = offsets.as_slice().iter().skip(1);
    let places: Vec<u32> = ends.map(|end| end - 1).collect();
    hidden.index_select(0, &Tensor::new(&places, [places.len()], hidden.device())?)
}

/// The mean of each text's vectors, `[tokens, hidden] -> [texts, hidden]`.
///
/// # Errors
/// [`TensorError::Shape`] for a text without tokens.
pub fn mean_pooling(hidden: &Tensor, offsets: &Offsets) -> Result<Tensor> {
    check("mean_pooling", hidden, offsets)?;
    let shares: Vec<f32> = offsets
        .lengths()
        .map(|length| 1.0 / length as f32)
        .collect();
    let shares = Tensor::new(&shares, [shares.len(), 1], hidden.device())?;
    hidden.sum_by_text(offsets)?.mul(&shares)
}

/// Each vector divided by its Euclidean norm, which counts as 1e-12 at least, as in PyTorch.
///
/// # Errors
/// Those of the ops.
pub fn normalize(vectors: &Tensor) -> Result<Tensor> {
    let last = vectors.rank().saturating_sub(1);
    let norm = vectors.norm(&[last])?.unsqueeze(last)?;
    vectors.div(&norm.clamp(1e-12, f32::MAX)?)
}
