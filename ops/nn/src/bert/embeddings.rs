//! Words, positions and types of tokens as vectors.

use tensor::{Result, Tensor};

use super::BertConfig;
use crate::layers::{Embedding, LayerNorm, dropout};
use crate::module::module;
use crate::{Forward, Init, Packed};

/// The sum of three embeddings, normalised.
#[derive(Clone, Debug)]
pub struct BertEmbeddings {
    word_embeddings: Embedding,
    position_embeddings: Embedding,
    token_type_embeddings: Option<Embedding>,
    layer_norm: LayerNorm,
    dropout: f32,
    first_position: usize,
}

module!(BertEmbeddings {
    word_embeddings,
    position_embeddings,
    token_type_embeddings,
    layer_norm as "LayerNorm",
});

impl BertEmbeddings {
    pub(super) fn new(config: &BertConfig, init: &Init<'_>) -> Result<Self> {
        let hidden = config.hidden_size;
        Ok(Self {
            word_embeddings: Embedding::new(
                config.vocab_size,
                hidden,
                config.pad_token_id,
                &init.at(0),
            )?,
            position_embeddings: Embedding::new(
                config.max_position_embeddings,
                hidden,
                config.first_position().checked_sub(1).map(|row| row as u32),
                &init.at(1),
            )?,
            token_type_embeddings: match config.type_vocab_size {
                0 => None,
                types => Some(Embedding::new(types, hidden, None, &init.at(2))?),
            },
            layer_norm: LayerNorm::new(hidden, config.layer_norm_eps, init)?,
            dropout: config.hidden_dropout_prob,
            first_position: config.first_position(),
        })
    }

    /// `[tokens, hidden]`.
    ///
    /// # Errors
    /// [`tensor::TensorError::Index`] for tokens, positions or types that the tables have no rows for.
    pub fn forward(&self, texts: &Packed, forward: Forward) -> Result<Tensor> {
        let words = self.word_embeddings.forward(texts.token_ids(), forward)?;
        let typed = match (&self.token_type_embeddings, texts.token_types()) {
            (None, _) => words,
            (Some(table), Some(types)) => words.add(&table.forward(types, forward)?)?,
            (Some(table), None) => {
                words.add(&forward.cast(&table.weight().tensor().narrow(0, 0, 1)?)?)?
            }
        };
        let positions = self.position_embeddings.forward_from(
            self.first_position,
            texts.positions(),
            forward,
        )?;
        let sum = typed.add(&positions)?;
        dropout(
            &self.layer_norm.forward(&sum, forward)?,
            self.dropout,
            forward,
        )
    }

    /// The table of words, `[vocab_size, hidden]`.
    pub fn words(&self) -> &Embedding {
        &self.word_embeddings
    }
}
