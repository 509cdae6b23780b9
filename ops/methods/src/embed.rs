//! Vectors of many texts.

use nn::{Forward, Packed};
use tensor::DType;

use crate::data::check_texts;
use crate::{MethodError, Result, SentenceNetwork, Text, predict};

const METHOD: &str = "embed";

/// One vector a text, `[texts * dimensions]` in the order of the texts, computed in batches of texts of about the same length. `stop` is
/// told how many texts are done, and ends the work by saying true.
///
/// # Errors
/// [`MethodError::Input`] for texts that the model cannot read; [`MethodError::Interrupted`].
pub fn embed<N: SentenceNetwork>(
    network: &N,
    texts: &[Text],
    forward: Forward,
    stop: &dyn Fn(usize) -> bool,
) -> Result<Vec<f32>> {
    check_texts(METHOD, "texts", texts, network)?;
    let done = std::cell::Cell::new(0);
    predict::rows(texts, network.dimensions(), |batch, _| {
        if stop(done.get()) {
            return Err(MethodError::Interrupted {
                method: METHOD,
                step: done.get() as u64,
                steps: texts.len() as u64,
                saved: false,
            });
        }
        done.set(done.get() + batch.len());
        let packed = Packed::new(batch, &network.device())?;
        let vectors = network.embed(&packed, forward)?;
        Ok(vectors.cast(DType::F32)?.to_f32_vec()?)
    })
}
