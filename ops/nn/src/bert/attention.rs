//! Attention of the tokens of a text to each other (Vaswani et al. 2017).

use tensor::{
    Activation, AttentionDropout, AttentionOptions, Offsets, Result, Tensor, TensorError,
};

use super::BertConfig;
use crate::module::{Module, Names, join};
use crate::{Forward, Init, Parameter};

/// Query, key and value of each token, from one product.
#[derive(Clone, Debug)]
struct Projection {
    /// `[3 hidden, hidden]`.
    weight: Parameter,
    /// `[3 hidden]`.
    bias: Parameter,
}

fn names(path: &str, kind: &str) -> Names {
    ["query", "key", "value"]
        .map(|part| join(&join(path, part), kind))
        .to_vec()
}

impl Module for Projection {
    fn visit<'a>(&'a self, path: &str, visit: &mut dyn FnMut(Names, &'a Parameter)) {
        visit(names(path, "weight"), &self.weight);
        visit(names(path, "bias"), &self.bias);
    }

    fn visit_mut<'a>(&'a mut self, path: &str, visit: &mut dyn FnMut(Names, &'a mut Parameter)) {
        visit(names(path, "weight"), &mut self.weight);
        visit(names(path, "bias"), &mut self.bias);
    }
}

/// Each head weighs the values of a text's tokens by how well their keys fit a token's query.
#[derive(Clone, Debug)]
pub struct SelfAttention {
    projection: Projection,
    heads: usize,
    dropout: f32,
}

impl Module for SelfAttention {
    fn visit<'a>(&'a self, path: &str, visit: &mut dyn FnMut(Names, &'a Parameter)) {
        self.projection.visit(path, visit);
    }

    fn visit_mut<'a>(&'a mut self, path: &str, visit: &mut dyn FnMut(Names, &'a mut Parameter)) {
        self.projection.visit_mut(path, visit);
    }
}

impl SelfAttention {
    pub(super) fn new(config: &BertConfig, init: &Init<'_>) -> Result<Self> {
        let hidden = config.hidden_size;
        Ok(Self {
            projection: Projection {
                weight: init.normal([3 * hidden, hidden])?,
                bias: init.constant(0.0, [3 * hidden])?,
            },
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
        let Projection { weight, bias } = &self.projection;
        let projected = forward.linear(hidden, weight.tensor(), bias.tensor(), Activation::None)?;
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
