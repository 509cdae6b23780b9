//! Vectors of many texts.

use nn::Forward;

use crate::data::check_texts;
use crate::{Result, SentenceNetwork, Text, predict};

const METHOD: &str = "embed";

/// One vector a text, `[texts * dimensions]` in the order of the texts, computed in batches of texts of about the same length. `stop` is
/// told how many texts are done, and ends the work by saying true.
///
/// # Errors
/// [`MethodError::Input`](crate::MethodError::Input) for texts that the model cannot read;
/// [`MethodError::Interrupted`](crate::MethodError::Interrupted).
pub fn embed<N: SentenceNetwork>(
    network: &N,
    texts: &[Text],
    forward: Forward,
    stop: &dyn Fn(usize) -> bool,
) -> Result<Vec<f32>> {
    check_texts(METHOD, "texts", texts, network)?;
    let (device, width) = (network.device(), network.dimensions());
    predict::watched_rows(METHOD, texts, width, &device, stop, |batch, _| {
        network.embed(batch, forward)
    })
}
