//! Attention of the tokens of a text to each other (Vaswani et al. 2017).

use tensor::{AttentionDropout, AttentionOptions, Offsets, Result, Tensor, TensorError};

use super::BertConfig;
use crate::layers::Projection;
use crate::module::{Module, Names};
use crate::{Forward, Init, Parameter};

/// What files call the parts of the projection.
const PARTS: [&str; 3] = ["query", "key", "value"];

/// Each head weighs the values of a text's tokens by how well their keys fit a token's query.
#[derive(Clone, Debug)]
pub struct SelfAttention {
    projection: Projection,
    heads: usize,
    dropout: f32,
}

impl Module for SelfAttention {
    fn visit<'a>(&'a self, path: &str, visit: &mut dyn FnMut(Names, &'a Parameter)) {
        self.projection.visit(path, &PARTS, visit);
    }

    fn visit_mut<'a>(&'a mut self, path: &str, visit: &mut dyn FnMut(Names, &'a mut Parameter)) {
        self.projection.visit_mut(path, &PARTS, visit);
    }
}

impl SelfAttention {
    pub(super) fn new(config: &BertConfig, init: &Init<'_>) -> Result<Self> {
        let hidden = config.hidden_size;
        Ok(Self {
            projection: Projection::new(3, hidden, hidden, init)?,
            heads: config.num_attention_heads,
            dropout: config.attention_probs_dropout_prob,
        })
    }

    /// `[tokens, hidden] -> [tokens, hidden]`.
    ///
    /// # Errors
    /// Those of [`Tensor::attention`].
    pub fn forward(&self, hidden: &Tensor, offsets: &Offsets, forward: Forward) -> Result<Tensor> {
        let [tokens, size] = hidden.shape()[..] else {
            return Err(TensorError::Shape {
                op: "self attention",
                reason: "takes hidden states [tokens, hidden]".to_owned(),
                shapes: vec![hidden.shape().clone()],
            });
        };
        let projected = self.projection.forward(hidden, forward)?;
        let projected = projected.reshape([tokens, 3, self.heads, size / self.heads])?;
        let dropout = forward.key().map(|key| AttentionDropout {
            probability: self.dropout,
            key,
        });
        let options = AttentionOptions {
            dropout,
            ..AttentionOptions::default()
        };
        projected
            .attention(offsets, &options)?
            .reshape([tokens, size])
    }
}
