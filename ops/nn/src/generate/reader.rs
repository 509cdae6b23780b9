//! [`Reader`]: a model that reads token by token, and the likeliest next ones.

use tensor::{DType, Tensor, no_grad};

use super::LanguageModel;
use super::rules::Next;
use crate::bert::last_tokens;
use crate::{Cache, Forward, Packed, Result};

pub(super) struct Reader<'a, M: ?Sized> {
    model: &'a M,
    cache: Cache,
    forward: Forward,
}

/// A token that may come next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Candidate {
    pub token: u32,
    pub log_probability: f32,
}

impl<'a, M: LanguageModel + ?Sized> Reader<'a, M> {
    pub fn new(model: &'a M, cache: Cache, forward: Forward) -> Self {
        Self {
            model,
            cache,
            forward,
        }
    }

    /// The log-probabilities of what comes next, `[rows, vocab_size]`, once each row has read its tokens behind its parent's.
    pub fn read<T: AsRef<[u32]>>(&mut self, tokens: &[T], parents: &[u32]) -> Result<Tensor> {
        no_grad(|| {
            let texts = Packed::new(tokens, self.cache.device())?;
            let hidden = self
                .model
                .read(&texts, parents, &mut self.cache, self.forward)?;
            let last = last_tokens(&hidden, texts.offsets())?;
            let scores = self.model.scores(&last, self.forward)?;
            Ok(scores.cast(DType::F32)?.log_softmax(1)?)
        })
    }
}

/// For each row its `count` likeliest next tokens that the rules allow, or fewer where there are not so many, the likeliest
/// first.
pub(super) fn candidates(
    log_probabilities: &Tensor,
    count: usize,
    rules: &[Next],
) -> Result<Vec<Vec<Candidate>>> {
    let banned = rules.iter().map(Next::banned).max().unwrap_or(0);
    let vocabulary = log_probabilities.shape()[1];
    let width = (count + banned).min(vocabulary);
    let (values, tokens) = log_probabilities.top_k(width, 1)?;
    let (values, tokens) = (values.to_f32_vec()?, tokens.to_vec::<u32>()?);
    let rows = values.chunks_exact(width).zip(tokens.chunks_exact(width));
    let allowed = rows.zip(rules).map(|((values, tokens), rule)| match rule {
        Next::Only(token) => vec![Candidate {
            token: *token,
            log_probability: 0.0,
        }],
        Next::AllBut(banned) => (tokens.iter().zip(values))
            .filter(|(token, _)| !banned.contains(token))
            .take(count)
            .map(|(&token, &log_probability)| Candidate {
                token,
                log_probability,
            })
            .collect(),
    });
    Ok(allowed.collect())
}
