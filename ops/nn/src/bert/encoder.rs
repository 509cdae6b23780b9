//! The encoder: layers of attention and of a feed-forward part, each added to what it is applied to.

use tensor::{Activation, Offsets, Result, Tensor, checkpoint};

use super::{BertConfig, SelfAttention};
use crate::layers::{LayerNorm, Linear};
use crate::module::{module, named_parameters};
use crate::{Forward, Init};

/// A map whose result is added to a residual and normalised.
#[derive(Clone, Debug)]
struct Output {
    dense: Linear,
    layer_norm: LayerNorm,
    dropout: f32,
}

module!(Output { dense, layer_norm as "LayerNorm" });

impl Output {
    fn new(inputs: usize, config: &BertConfig, init: &Init<'_>) -> Result<Self> {
        Ok(Self {
            dense: Linear::new(inputs, config.hidden_size, init)?,
            layer_norm: LayerNorm::new(config.hidden_size, config.layer_norm_eps, init)?,
            dropout: config.hidden_dropout_prob,
        })
    }

    fn forward(&self, x: &Tensor, residual: &Tensor, forward: Forward) -> Result<Tensor> {
        let x = self.dense.forward(x, forward)?;
        (self.layer_norm).forward_sum(&x, residual, self.dropout, forward)
    }
}

#[derive(Clone, Debug)]
struct Attention {
    of_itself: SelfAttention,
    output: Output,
}

module!(Attention { of_itself as "self", output });

#[derive(Clone, Debug)]
struct Intermediate {
    dense: Linear,
}

module!(Intermediate { dense });

/// One layer of the encoder.
#[derive(Clone, Debug)]
pub struct BertLayer {
    attention: Attention,
    intermediate: Intermediate,
    output: Output,
    activation: Activation,
}

module!(BertLayer {
    attention,
    intermediate,
    output
});

impl BertLayer {
    fn new(config: &BertConfig, activation: Activation, init: &Init<'_>) -> Result<Self> {
        let (hidden, intermediate) = (config.hidden_size, config.intermediate_size);
        Ok(Self {
            attention: Attention {
                of_itself: SelfAttention::new(config, &init.at(0))?,
                output: Output::new(hidden, config, &init.at(1))?,
            },
            intermediate: Intermediate {
                dense: Linear::new(hidden, intermediate, &init.at(2))?,
            },
            output: Output::new(intermediate, config, &init.at(3))?,
            activation,
        })
    }

    /// `[tokens, hidden] -> [tokens, hidden]`.
    ///
    /// # Errors
    /// Those of the ops.
    pub fn forward(&self, hidden: &Tensor, offsets: &Offsets, forward: Forward) -> Result<Tensor> {
        let context = self
            .attention
            .of_itself
            .forward(hidden, offsets, forward.at(0))?;
        let attended = self
            .attention
            .output
            .forward(&context, hidden, forward.at(1))?;
        let inner = self
            .intermediate
            .dense
            .forward_with(&attended, self.activation, forward)?;
        self.output.forward(&inner, &attended, forward.at(2))
    }

    /// The same, computed again in the backward pass instead of kept for it.
    fn forward_again(
        &self,
        hidden: &Tensor,
        offsets: &Offsets,
        forward: Forward,
    ) -> Result<Tensor> {
        let (layer, offsets) = (self.clone(), offsets.clone());
        let parameters: Vec<&Tensor> = named_parameters(self)
            .into_iter()
            .map(|(_, parameter)| parameter.tensor())
            .collect();
        checkpoint(&[hidden], &parameters, move |inputs| {
            layer.forward(&inputs[0], &offsets, forward)
        })
    }
}

/// All layers.
#[derive(Clone, Debug)]
pub struct BertEncoder {
    layer: Vec<BertLayer>,
}

module!(BertEncoder { layer });

impl BertEncoder {
    pub(super) fn new(
        config: &BertConfig,
        activation: Activation,
        init: &Init<'_>,
    ) -> Result<Self> {
        let places = 0..config.num_hidden_layers as u64;
        let layer = places.map(|place| BertLayer::new(config, activation, &init.at(place)));
        Ok(Self {
            layer: layer.collect::<Result<_>>()?,
        })
    }

    /// The hidden states behind each layer, `[tokens, hidden]`, given to `visit`; returns the last ones.
    ///
    /// # Errors
    /// Those of the ops.
    pub fn forward(
        &self,
        embedded: Tensor,
        offsets: &Offsets,
        forward: Forward,
        mut visit: impl FnMut(&Tensor),
    ) -> Result<Tensor> {
        let mut hidden = embedded;
        for (place, layer) in (0..).zip(&self.layer) {
            let forward = forward.at(place);
            hidden = match forward.recomputes() {
                true => layer.forward_again(&hidden, offsets, forward)?,
                false => layer.forward(&hidden, offsets, forward)?,
            };
            visit(&hidden);
        }
        Ok(hidden)
    }
}
