//! What a model thinks of given continuations.

use tensor::{CrossEntropy, DType, Reduction, Tensor, no_grad};

use super::LanguageModel;
use crate::bert::last_tokens;
use crate::{Cache, Forward, NnError, Packed, Result};

/// Tokens whose scores are held at once.
const CHUNK: usize = 256;

/// The cache of one row that has read `tokens`, for texts that all begin with them: it is read once for all.
///
/// # Errors
/// As [`LanguageModel::read`].
pub fn read_prefix<M: LanguageModel + ?Sized>(
    model: &M,
    mut cache: Cache,
    tokens: &[u32],
    forward: Forward,
) -> Result<Cache> {
    no_grad(|| {
        let texts = Packed::new(&[tokens], cache.device())?;
        model.read(&texts, &[0], &mut cache, forward)?;
        Ok(cache)
    })
}

/// The log-probability of each continuation behind each prompt, `[prompts, continuations]`: the sum of those of its tokens. The
/// cache has a row for each prompt, or one that all prompts go on from: see [`read_prefix`]. Prompts are read once for all
/// continuations.
///
/// # Errors
/// [`NnError::Input`] for a continuation without tokens, and as [`LanguageModel::read`]; [`tensor::TensorError::Shape`] for a
/// prompt without tokens.
pub fn continuation_scores<M: LanguageModel + ?Sized>(
    model: &M,
    mut cache: Cache,
    prompts: &[Vec<u32>],
    continuations: &[Vec<u32>],
    forward: Forward,
) -> Result<Vec<Vec<f32>>> {
    if let Some(place) = continuations.iter().position(Vec::is_empty) {
        return Err(NnError::Input {
            model: "continuations",
            reason: format!("continuation {place} has no tokens; give it a text"),
        });
    }
    if prompts.is_empty() || continuations.is_empty() {
        return Ok(vec![Vec::new(); prompts.len()]);
    }
    no_grad(|| {
        let device = cache.device().clone();
        let count = prompts.len() as u32;
        let parents: Vec<u32> = match cache.rows() {
            1 => vec![0; prompts.len()],
            _ => (0..count).collect(),
        };
        let texts = Packed::new(prompts, &device)?;
        let hidden = model.read(&texts, &parents, &mut cache, forward)?;
        let last = last_tokens(&hidden, texts.offsets())?;
        let scores = model.scores(&last, forward)?.cast(DType::F32)?;
        let first: Vec<u32> = continuations.iter().map(|tokens| tokens[0]).collect();
        let vocabulary = scores.shape()[1];
        if let Some(token) = first.iter().find(|token| **token as usize >= vocabulary) {
            return Err(NnError::Input {
                model: "continuations",
                reason: format!(
                    "the model has no token {token}: its vocabulary has {vocabulary}; use the tokenizer of this model"
                ),
            });
        }
        let first = Tensor::new(&first, [first.len()], &device)?;
        let first = scores.log_softmax(1)?.index_select(1, &first)?;
        let first = first.to_f32_vec()?;
        let mut sums: Vec<Vec<f32>> = first
            .chunks_exact(continuations.len())
            .map(<[f32]>::to_vec)
            .collect();
        let longer: Vec<usize> = (0..continuations.len())
            .filter(|&place| continuations[place].len() > 1)
            .collect();
        if longer.is_empty() {
            return Ok(sums);
        }
        // Rows of one prompt stay together, since those of an encoder-decoder share its source.
        let rows: Vec<(usize, usize)> = (0..prompts.len())
            .flat_map(|prompt| longer.iter().map(move |&place| (prompt, place)))
            .collect();
        let tokens: Vec<&[u32]> = rows
            .iter()
            .map(|&(_, place)| &continuations[place][..continuations[place].len() - 1])
            .collect();
        let parents: Vec<u32> = rows.iter().map(|&(prompt, _)| prompt as u32).collect();
        let texts = Packed::new(&tokens, &device)?;
        let hidden = model.read(&texts, &parents, &mut cache, forward)?;
        let targets: Vec<u32> = rows
            .iter()
            .flat_map(|&(_, place)| &continuations[place][1..])
            .copied()
            .collect();
        let losses = token_losses(model, &hidden, &targets, forward)?;
        let mut losses = losses.into_iter();
        for (&(prompt, place), tokens) in rows.iter().zip(&tokens) {
            let loss: f32 = losses.by_ref().take(tokens.len()).sum();
            sums[prompt][place] -= loss;
        }
        Ok(sums)
    })
}

/// Minus the log-probability of each target.
fn token_losses<M: LanguageModel + ?Sized>(
    model: &M,
    hidden: &Tensor,
    targets: &[u32],
    forward: Forward,
) -> Result<Vec<f32>> {
    let mut losses = Vec::with_capacity(targets.len());
    let options = CrossEntropy {
        reduction: Reduction::None,
        ..CrossEntropy::default()
    };
    for (chunk, targets) in targets.chunks(CHUNK).enumerate() {
        let hidden = hidden.narrow(0, chunk * CHUNK, targets.len())?;
        let scores = model.scores(&hidden, forward)?.cast(DType::F32)?;
        let targets = Tensor::new(targets, [targets.len()], scores.device())?;
        losses.extend(scores.cross_entropy(&targets, &options)?.to_f32_vec()?);
    }
    Ok(losses)
}
