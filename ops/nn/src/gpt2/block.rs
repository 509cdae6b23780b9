//! One layer: attention to what came before, and a feed-forward part, each of what was normalised first.

use tensor::{
    Activation, AttentionDropout, AttentionOptions, Offsets, Result, Tensor, TensorError,
    checkpoint,
};

use super::Gpt2Config;
use crate::cache::Growth;
use crate::layers::{LayerNorm, Linear, dropout};
use crate::module::{module, named_parameters};
use crate::{Cache, Forward, Init};

#[derive(Clone, Debug)]
struct Attention {
    /// Query, key and value of each token.
    c_attn: Linear,
    c_proj: Linear,
    heads: usize,
    scale: f32,
    dropout: f32,
}

module!(Attention { c_attn, c_proj });

#[derive(Clone, Debug)]
struct Mlp {
    c_fc: Linear,
    c_proj: Linear,
    activation: Activation,
}

module!(Mlp { c_fc, c_proj });

#[derive(Clone, Debug)]
pub(super) struct Block {
    ln_1: LayerNorm,
    attn: Attention,
    ln_2: LayerNorm,
    mlp: Mlp,
    dropout: f32,
}

module!(Block {
    ln_1,
    attn,
    ln_2,
    mlp
});

impl Attention {
    /// `[tokens, hidden] -> [tokens, hidden]`.
    fn forward(
        &self,
        hidden: &Tensor,
        offsets: &Offsets,
        past: Option<(&mut Cache, usize, &Growth)>,
        forward: Forward,
    ) -> Result<Tensor> {
        let [tokens, size] = hidden.shape()[..] else {
            return Err(TensorError::Shape {
                op: "self attention",
                reason: "takes hidden states [tokens, hidden]".to_owned(),
                shapes: vec![hidden.shape().clone()],
            });
        };
        let projected = self.c_attn.forward(hidden, forward)?;
        let projected = projected.reshape([tokens, 3, self.heads, size / self.heads])?;
        let options = AttentionOptions {
            causal: true,
            scale: Some(self.scale),
            dropout: forward.key().map(|key| AttentionDropout {
                probability: self.dropout,
                key,
            }),
            ..AttentionOptions::default()
        };
        let context = match past {
            None => projected.attention(offsets, &options)?,
            Some((cache, layer, growth)) => {
                let part = |place| projected.narrow(1, place, 1)?.squeeze(1);
                let [keys, values] = cache.extend(layer, growth, [part(1)?, part(2)?])?;
                part(0)?.attention_to([keys, values], offsets, growth.offsets(), &options)?
            }
        };
        self.c_proj
            .forward(&context.reshape([tokens, size])?, forward)
    }
}

impl Block {
    pub fn new(config: &Gpt2Config, layer: usize, init: &Init<'_>) -> crate::Result<Self> {
        let (hidden, inner) = (config.n_embd, config.inner_size());
        // Residuals add up: what is added is drawn smaller the more layers there are (Radford et al. 2019, section 2.3).
        let residual = Init {
            deviation: init.deviation / (2.0 * config.n_layer as f32).sqrt(),
            ..init.clone()
        };
        let map = |inputs, outputs, init: &Init<'_>| {
            Linear::new(inputs, outputs, init).map(Linear::stored_transposed)
        };
        let norm = || LayerNorm::new(hidden, config.layer_norm_epsilon, init);
        Ok(Self {
            ln_1: norm()?,
            attn: Attention {
                c_attn: map(hidden, 3 * hidden, &init.at(0))?,
                c_proj: map(hidden, hidden, &residual.at(1))?,
                heads: config.n_head,
                scale: config.scale(layer),
                dropout: config.attn_pdrop,
            },
            ln_2: norm()?,
            mlp: Mlp {
                c_fc: map(hidden, inner, &init.at(2))?,
                c_proj: map(inner, hidden, &residual.at(3))?,
                activation: config.activation()?,
            },
            dropout: config.resid_pdrop,
        })
    }

    /// `[tokens, hidden] -> [tokens, hidden]`, behind what the cache remembers, if there is one.
    pub fn forward(
        &self,
        hidden: &Tensor,
        offsets: &Offsets,
        past: Option<(&mut Cache, usize, &Growth)>,
        forward: Forward,
    ) -> Result<Tensor> {
        let normal = self.ln_1.forward(hidden, forward)?;
        let attended = self.attn.forward(&normal, offsets, past, forward.at(0))?;
        let hidden = dropout(&attended, self.dropout, forward.at(1))?.add(hidden)?;
        let normal = self.ln_2.forward(&hidden, forward)?;
        let Mlp {
            c_fc,
            c_proj,
            activation,
        } = &self.mlp;
        let inner = c_fc.forward_with(&normal, *activation, forward)?;
        let inner = c_proj.forward(&inner, forward)?;
        dropout(&inner, self.dropout, forward.at(2))?.add(&hidden)
    }

    /// The same, computed again in the backward pass instead of kept for it.
    pub fn forward_again(
        &self,
        hidden: &Tensor,
        offsets: &Offsets,
        forward: Forward,
    ) -> Result<Tensor> {
        let (block, offsets) = (self.clone(), offsets.clone());
        let parameters: Vec<&Tensor> = named_parameters(self)
            .into_iter()
            .map(|(_, parameter)| parameter.tensor())
            .collect();
        checkpoint(&[hidden], &parameters, move |inputs| {
            block.forward(&inputs[0], &offsets, None, forward)
        })
    }
}
