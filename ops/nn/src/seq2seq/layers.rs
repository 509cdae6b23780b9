//! Layers of encoder and decoder.

use tensor::{Activation, Offsets, Tensor, checkpoint};

use super::attention::{CrossAttention, Heads, SelfAttention};
use super::{Seq2SeqConfig, Seq2SeqFamily};
use crate::cache::Growth;
use crate::layers::{LayerNorm, Linear, dropout};
use crate::module::{Module, module, named_parameters};
use crate::{Cache, Forward, Init};

/// As PyTorch's layer norms have it.
const EPSILON: f32 = 1e-5;

pub(super) fn norm(config: &Seq2SeqConfig, init: &Init<'_>) -> tensor::Result<LayerNorm> {
    LayerNorm::new(config.d_model, EPSILON, init)
}

/// How a part of a layer is added to what it is applied to.
#[derive(Clone, Copy, Debug)]
struct Residual {
    family: Seq2SeqFamily,
    dropout: f32,
}

impl Residual {
    fn around(
        self,
        norm: &LayerNorm,
        hidden: &Tensor,
        forward: Forward,
        part: impl FnOnce(&Tensor) -> tensor::Result<Tensor>,
    ) -> tensor::Result<Tensor> {
        let add = |part: &Tensor| dropout(part, self.dropout, forward)?.add(hidden);
        match self.family {
            Seq2SeqFamily::Bart => norm.forward(&add(&part(hidden)?)?, forward),
            Seq2SeqFamily::M2m100 => add(&part(&norm.forward(hidden, forward)?)?),
        }
    }
}

/// The feed-forward part.
#[derive(Clone, Copy, Debug)]
struct Inner {
    activation: Activation,
    dropout: f32,
}

impl Inner {
    fn forward(
        self,
        [first, second]: [&Linear; 2],
        hidden: &Tensor,
        forward: Forward,
    ) -> tensor::Result<Tensor> {
        let inner = first.forward_with(hidden, self.activation, forward)?;
        second.forward(&dropout(&inner, self.dropout, forward)?, forward)
    }
}

/// A layer of the encoder.
#[derive(Clone, Debug)]
pub(super) struct EncoderLayer {
    self_attn: SelfAttention,
    self_attn_layer_norm: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    final_layer_norm: LayerNorm,
    residual: Residual,
    inner: Inner,
}

module!(EncoderLayer {
    self_attn,
    self_attn_layer_norm,
    fc1,
    fc2,
    final_layer_norm,
});

/// A layer of the decoder.
#[derive(Clone, Debug)]
pub(super) struct DecoderLayer {
    self_attn: SelfAttention,
    self_attn_layer_norm: LayerNorm,
    encoder_attn: CrossAttention,
    encoder_attn_layer_norm: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    final_layer_norm: LayerNorm,
    residual: Residual,
    inner: Inner,
}

module!(DecoderLayer {
    self_attn,
    self_attn_layer_norm,
    encoder_attn,
    encoder_attn_layer_norm,
    fc1,
    fc2,
    final_layer_norm,
});

fn parts(config: &Seq2SeqConfig, family: Seq2SeqFamily) -> crate::Result<(Residual, Inner)> {
    Ok((
        Residual {
            family,
            dropout: config.dropout,
        },
        Inner {
            activation: config.activation()?,
            dropout: config.activation_dropout,
        },
    ))
}

impl EncoderLayer {
    pub fn new(
        config: &Seq2SeqConfig,
        family: Seq2SeqFamily,
        init: &Init<'_>,
    ) -> crate::Result<Self> {
        let (hidden, inner_size) = (config.d_model, config.encoder_ffn_dim);
        let heads = Heads {
            count: config.encoder_attention_heads,
            dropout: config.attention_dropout,
        };
        let (residual, inner) = parts(config, family)?;
        Ok(Self {
            self_attn: SelfAttention::new(hidden, heads, false, &init.at(0))?,
            self_attn_layer_norm: norm(config, init)?,
            fc1: Linear::new(hidden, inner_size, &init.at(1))?,
            fc2: Linear::new(inner_size, hidden, &init.at(2))?,
            final_layer_norm: norm(config, init)?,
            residual,
            inner,
        })
    }

    /// `[tokens, hidden] -> [tokens, hidden]`.
    pub fn forward(
        &self,
        hidden: &Tensor,
        offsets: &Offsets,
        forward: Forward,
    ) -> tensor::Result<Tensor> {
        let norm = &self.self_attn_layer_norm;
        let hidden = self
            .residual
            .around(norm, hidden, forward.at(0), |hidden| {
                self.self_attn.forward(hidden, offsets, None, forward.at(1))
            })?;
        let norm = &self.final_layer_norm;
        self.residual
            .around(norm, &hidden, forward.at(2), |hidden| {
                self.inner
                    .forward([&self.fc1, &self.fc2], hidden, forward.at(3))
            })
    }

    /// The same, computed again in the backward pass instead of kept for it.
    pub fn forward_again(
        &self,
        hidden: &Tensor,
        offsets: &Offsets,
        forward: Forward,
    ) -> tensor::Result<Tensor> {
        let (layer, offsets) = (self.clone(), offsets.clone());
        checkpoint(&[hidden], &tensors(self), move |inputs| {
            layer.forward(&inputs[0], &offsets, forward)
        })
    }
}

fn tensors<M: Module>(module: &M) -> Vec<&Tensor> {
    let parameters = named_parameters(module).into_iter();
    parameters
        .map(|(_, parameter)| parameter.tensor())
        .collect()
}

/// What a decoder's tokens attend to.
pub(super) enum Source<'a> {
    /// Hidden states of the encoder, and where their texts begin and end.
    Encoded(&'a Tensor, &'a Offsets),
    /// What was remembered of them, and of the tokens before.
    Remembered(&'a mut Cache, usize, &'a Growth),
}

impl DecoderLayer {
    pub fn new(
        config: &Seq2SeqConfig,
        family: Seq2SeqFamily,
        init: &Init<'_>,
    ) -> crate::Result<Self> {
        let (hidden, inner_size) = (config.d_model, config.decoder_ffn_dim);
        let heads = Heads {
            count: config.decoder_attention_heads,
            dropout: config.attention_dropout,
        };
        let (residual, inner) = parts(config, family)?;
        Ok(Self {
            self_attn: SelfAttention::new(hidden, heads, true, &init.at(0))?,
            self_attn_layer_norm: norm(config, init)?,
            encoder_attn: CrossAttention::new(hidden, heads, &init.at(3))?,
            encoder_attn_layer_norm: norm(config, init)?,
            fc1: Linear::new(hidden, inner_size, &init.at(1))?,
            fc2: Linear::new(inner_size, hidden, &init.at(2))?,
            final_layer_norm: norm(config, init)?,
            residual,
            inner,
        })
    }

    /// Keys and values of the source's hidden states.
    pub fn source(&self, encoded: &Tensor, forward: Forward) -> tensor::Result<[Tensor; 2]> {
        self.encoder_attn.source(encoded, forward)
    }

    /// `[tokens, hidden] -> [tokens, hidden]`.
    pub fn forward(
        &self,
        hidden: &Tensor,
        offsets: &Offsets,
        mut source: Source<'_>,
        forward: Forward,
    ) -> tensor::Result<Tensor> {
        let norm = &self.self_attn_layer_norm;
        let hidden = self
            .residual
            .around(norm, hidden, forward.at(0), |hidden| {
                let past = match &mut source {
                    Source::Encoded(..) => None,
                    Source::Remembered(cache, layer, growth) => {
                        Some((&mut **cache, *layer, *growth))
                    }
                };
                self.self_attn.forward(hidden, offsets, past, forward.at(1))
            })?;
        let norm = &self.encoder_attn_layer_norm;
        let hidden = self
            .residual
            .around(norm, &hidden, forward.at(2), |hidden| {
                let attend = |projected: &[Tensor; 2], offsets: [&Offsets; 2]| {
                    self.encoder_attn
                        .forward(hidden, projected, offsets, forward.at(3))
                };
                match &source {
                    Source::Encoded(encoded, of_source) => {
                        let projected = self.encoder_attn.source(encoded, forward)?;
                        attend(&projected, [offsets, of_source])
                    }
                    Source::Remembered(cache, layer, growth) => {
                        let (projected, offsets) = cache.source(*layer, growth)?;
                        attend(projected, offsets)
                    }
                }
            })?;
        let norm = &self.final_layer_norm;
        self.residual
            .around(norm, &hidden, forward.at(4), |hidden| {
                self.inner
                    .forward([&self.fc1, &self.fc2], hidden, forward.at(5))
            })
    }

    /// The same, computed again in the backward pass instead of kept for it.
    pub fn forward_again(
        &self,
        hidden: &Tensor,
        offsets: &Offsets,
        (encoded, of_source): (&Tensor, &Offsets),
        forward: Forward,
    ) -> tensor::Result<Tensor> {
        let (layer, offsets, of_source) = (self.clone(), offsets.clone(), of_source.clone());
        checkpoint(&[hidden, encoded], &tensors(self), move |inputs| {
            let source = Source::Encoded(&inputs[1], &of_source);
            layer.forward(&inputs[0], &offsets, source, forward)
        })
    }
}
