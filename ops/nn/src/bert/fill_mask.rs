//! Words for masked places, the likeliest first, or among given ones.

use tensor::{DType, Tensor, no_grad};

use super::MaskedLm;
use crate::{Forward, NnError, Packed, Result};

/// A word that may be behind a mask.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Filling {
    /// The word.
    pub token: u32,
    /// How likely it is, among all words of the vocabulary.
    pub probability: f32,
}

/// Which words are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fillings<'a> {
    /// So many of the likeliest.
    Top(usize),
    /// These.
    Of(&'a [u32]),
}

impl MaskedLm {
    /// What may be behind each `mask` of each text, the likeliest first: `[texts][masks][words]`. As the pipeline `fill-mask` of
    /// `transformers`, whose probabilities are of the whole vocabulary also where words are given.
    ///
    /// # Errors
    /// As [`MaskedLm::forward`]; [`NnError::Input`] for words that the vocabulary does not have.
    pub fn fill(
        &self,
        texts: &Packed,
        mask: u32,
        asked: Fillings<'_>,
        forward: Forward,
    ) -> Result<Vec<Vec<Vec<Filling>>>> {
        let family = self.encoder().family().name();
        let vocabulary = self.encoder().config().vocab_size;
        let places: Vec<u32> = (0..)
            .zip(texts.ids())
            .filter(|(_, token)| **token == mask)
            .map(|(place, _)| place)
            .collect();
        let unknown = match asked {
            Fillings::Top(_) => None,
            Fillings::Of(words) => words.iter().find(|word| **word as usize >= vocabulary),
        };
        if let Some(word) = unknown {
            return Err(NnError::Input {
                model: family,
                reason: format!(
                    "has no token {word}: its vocabulary has {vocabulary}; use the tokenizer of this model"
                ),
            });
        }
        let found = match places.is_empty() {
            true => Vec::new(),
            false => no_grad(|| {
                let places = Tensor::new(&places, [places.len()], texts.device())?;
                let scores = self.forward(texts, Some(&places), forward)?;
                fillings(&scores.cast(DType::F32)?.softmax(1)?, asked)
            })?,
        };
        let mut found = found.into_iter();
        let masks = texts
            .ids_by_text()
            .map(|ids| ids.iter().filter(|token| **token == mask).count());
        Ok(masks
            .map(|masks| found.by_ref().take(masks).collect())
            .collect())
    }
}

/// Of each row of probabilities.
fn fillings(probabilities: &Tensor, asked: Fillings<'_>) -> Result<Vec<Vec<Filling>>> {
    let (rows, vocabulary) = (probabilities.shape()[0], probabilities.shape()[1]);
    let pair = |(&token, &probability)| Filling { token, probability };
    Ok(match asked {
        Fillings::Top(0) | Fillings::Of([]) => vec![Vec::new(); rows],
        Fillings::Top(count) => {
            let count = count.min(vocabulary);
            let (values, tokens) = probabilities.top_k(count, 1)?;
            let (values, tokens) = (values.to_f32_vec()?, tokens.to_vec::<u32>()?);
            let rows = tokens.chunks_exact(count).zip(values.chunks_exact(count));
            rows.map(|(tokens, values)| tokens.iter().zip(values).map(pair).collect())
                .collect()
        }
        Fillings::Of(words) => {
            let index = Tensor::new(words, [words.len()], probabilities.device())?;
            let values = probabilities.index_select(1, &index)?.to_f32_vec()?;
            let rows = values.chunks_exact(words.len()).map(|values| {
                let mut row: Vec<Filling> = words.iter().zip(values).map(pair).collect();
                row.sort_by(|one, other| other.probability.total_cmp(&one.probability));
                row
            });
            rows.collect()
        }
    })
}
