//! Writing texts further, one token at a time: greedily, by beam search, or by chance; and what a model thinks of given
//! continuations. All work on any [`LanguageModel`], on many texts at once, and read each token once.
//!
//! Rules and scores are those of `transformers`' `generate`.

mod beam;
mod continuations;
mod options;
mod reader;
mod rules;
mod single;

use tensor::Tensor;

use crate::{Cache, Forward, Packed, Result};

pub use continuations::{continuation_scores, read_prefix};
pub use options::{EarlyStopping, GenerateOptions, Sampling};

/// A model that tells the next token.
pub trait LanguageModel {
    /// The hidden states of new tokens, `[tokens, hidden]`, where text `i` goes on from row `parents[i]` of the cache, which then
    /// holds these texts as its rows.
    ///
    /// # Errors
    /// [`NnError::Input`](crate::NnError::Input) for a token that the model has no vector for, and for a text that is too long;
    /// [`tensor::TensorError::Shape`] for a parent that is not there.
    fn read(
        &self,
        texts: &Packed,
        parents: &[u32],
        cache: &mut Cache,
        forward: Forward,
    ) -> Result<Tensor>;

    /// The scores of what comes next, `[tokens, hidden] -> [tokens, vocab_size]`.
    ///
    /// # Errors
    /// Those of the ops.
    fn scores(&self, hidden: &Tensor, forward: Forward) -> Result<Tensor>;

    /// The tokens of a text at most.
    fn max_tokens(&self) -> usize;
}

/// What was written behind a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The new tokens, with the one that ends the text where there is one.
    pub tokens: Vec<u32>,
    /// The sum of the tokens' log-probabilities; in beam search divided by the number of tokens to the power of
    /// `length_penalty`.
    pub score: f32,
}

/// Writes each prompt further, from a cache with a row for each: an empty one of a decoder, or one of an encoder-decoder whose
/// sources were read. Gives as many ways to go on as `options` ask for, for each prompt, the best first in beam search.
///
/// # Errors
/// [`NnError::Input`](crate::NnError::Input) for options that contradict each other, prompts that leave no place, and what
/// [`LanguageModel::read`] refuses; [`tensor::TensorError::Shape`] for a prompt without tokens.
pub fn generate<M: LanguageModel + ?Sized>(
    model: &M,
    prompts: &[Vec<u32>],
    cache: Cache,
    options: &GenerateOptions,
    forward: Forward,
) -> Result<Vec<Vec<Written>>> {
    options.check(model.max_tokens(), prompts)?;
    if options.max_new_tokens == 0 || prompts.is_empty() {
        let nothing = Written {
            tokens: Vec::new(),
            score: 0.0,
        };
        return Ok(vec![vec![nothing; options.per_prompt]; prompts.len()]);
    }
    let reader = reader::Reader::new(model, cache, forward);
    match options.beams {
        1 => single::search(reader, prompts, options),
        _ => beam::search(reader, prompts, options),
    }
}
