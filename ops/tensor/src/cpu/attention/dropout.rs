//! [`Dropout`] of probabilities.

use crate::RandomKey;
use crate::rng::{WORDS, threshold};

/// Which probabilities are dropped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dropout {
    pub key: RandomKey,
    /// Probabilities whose random word is below are dropped, the others multiplied by `scale`.
    pub threshold: u32,
    pub scale: f32,
}

impl Dropout {
    /// With a probability above 0 and up to 1.
    pub fn new(probability: f32, key: RandomKey) -> Self {
        let (threshold, scale) = match threshold(probability) {
            Some(threshold) => (threshold, 1.0 / (1.0 - probability)),
            None => (u32::MAX, 0.0),
        };
        Self {
            key,
            threshold,
            scale,
        }
    }

    /// By what a query's probabilities are multiplied, from a key of its text on that is a multiple of [`WORDS`]; `row` counts
    /// query tokens and heads. For a kernel's body.
    #[inline(always)]
    pub fn factors(&self, row: usize, first_key: usize, factors: &mut [f32]) {
        for (batch, factors) in factors.chunks_mut(WORDS).enumerate() {
            let block = (row as u64) << 32 | (first_key / 4 + batch * WORDS / 4) as u64;
            let words = self.key.words(block);
            for (factor, word) in factors.iter_mut().zip(words) {
                *factor = if word < self.threshold {
                    0.0
                } else {
                    self.scale
                };
            }
        }
    }
}

/// Multiplies by [`Dropout::factors`].
#[inline(always)]
pub(super) fn scale(values: &mut [f32], factors: &[f32]) {
    for (value, factor) in values.iter_mut().zip(factors) {
        *value *= factor;
    }
}
