//! [`MaskedLm`]: which words are behind masks.

use serde_json::Value;
use tensor::{Activation, CrossEntropy, Tensor};

use super::{Encoder, EncoderConfig, Family};
use crate::layers::{LayerNorm, Linear};
use crate::module::module_named;
use crate::{Forward, Init, NnError, Packed, Parameter, Pretrained, Result};

/// A score for each word of the vocabulary at each place; the scores' weights are the word embeddings.
#[derive(Clone, Debug)]
pub struct MaskedLm {
    encoder: Encoder,
    dense: Linear,
    layer_norm: LayerNorm,
    bias: Parameter,
    activation: Activation,
}

module_named!(
    MaskedLm,
    model {
        encoder: model.encoder.family().model_type(),
        dense: model.encoder.family().masked_lm_parts()[0],
        layer_norm: model.encoder.family().masked_lm_parts()[1],
        bias: model.encoder.family().masked_lm_parts()[2],
    }
);

impl MaskedLm {
    /// What the scores are computed from, `[places, hidden]`, at the tokens whose numbers `places` holds, or at all.
    ///
    /// # Errors
    /// As [`Encoder::forward`]; [`tensor::TensorError::Index`] for a place past the end.
    pub fn transformed(
        &self,
        texts: &Packed,
        places: Option<&Tensor>,
        forward: Forward,
    ) -> Result<Tensor> {
        let hidden = self.encoder.forward(texts, forward)?;
        let hidden = match places {
            Some(places) => hidden.index_select(0, places)?,
            None => hidden,
        };
        let hidden = self.dense.forward_with(&hidden, self.activation, forward)?;
        Ok(self.layer_norm.forward(&hidden, forward)?)
    }

    /// The scores, `[places, vocab_size]`.
    ///
    /// # Errors
    /// As [`MaskedLm::transformed`].
    pub fn forward(
        &self,
        texts: &Packed,
        places: Option<&Tensor>,
        forward: Forward,
    ) -> Result<Tensor> {
        let hidden = self.transformed(texts, places, forward)?;
        self.scores(&hidden, forward)
    }

    /// The scores, `[places, vocab_size]`, from what [`MaskedLm::transformed`] gives.
    ///
    /// # Errors
    /// Those of the ops.
    pub fn scores(&self, transformed: &Tensor, forward: Forward) -> Result<Tensor> {
        let words = self.encoder.embeddings().words().weight();
        Ok(forward.linear(
            transformed,
            words.tensor(),
            self.bias.tensor(),
            Activation::None,
        )?)
    }

    /// The mean cross entropy of the words `targets`, `[places]`, at the tokens whose numbers `places` holds. It never holds
    /// the scores of all places at once.
    ///
    /// # Errors
    /// As [`MaskedLm::transformed`]; [`tensor::TensorError::Shape`] if there are more or fewer targets than places.
    pub fn loss(
        &self,
        texts: &Packed,
        places: &Tensor,
        targets: &Tensor,
        forward: Forward,
    ) -> Result<Tensor> {
        let hidden = self.transformed(texts, Some(places), forward)?;
        let [weight, bias] = self.decoder(forward)?;
        Ok(hidden.linear_cross_entropy(&weight, Some(&bias), targets, &CrossEntropy::default())?)
    }

    /// What maps [`MaskedLm::transformed`] to scores: weight `[vocab_size, hidden]` and bias `[vocab_size]`.
    ///
    /// # Errors
    /// [`tensor::TensorError::OutOfMemory`].
    pub fn decoder(&self, forward: Forward) -> Result<[Tensor; 2]> {
        let weight = forward.cast(self.encoder.embeddings().words().weight().tensor())?;
        let bias = forward.cast(self.bias.tensor())?;
        Ok([weight, bias])
    }

    /// The model below the head.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// The same under its older name.
    pub fn bert(&self) -> &Encoder {
        &self.encoder
    }
}

impl Pretrained for MaskedLm {
    type Config = EncoderConfig;

    fn architecture(config: &EncoderConfig) -> &'static str {
        match config.known_family() {
            Family::Bert => "BertForMaskedLM",
            Family::DistilBert => "DistilBertForMaskedLM",
            Family::Roberta => "RobertaForMaskedLM",
        }
    }

    fn new_parts(config: &EncoderConfig) -> &'static [&'static str] {
        match config.known_family() {
            Family::Bert => &["cls"],
            Family::DistilBert => &["vocab_transform", "vocab_layer_norm", "vocab_projector"],
            Family::Roberta => &["lm_head"],
        }
    }

    fn tied(config: &EncoderConfig) -> &'static [&'static str] {
        match config.known_family() {
            Family::Bert => &[
                "cls.predictions.decoder.weight",
                "cls.predictions.decoder.bias",
            ],
            Family::DistilBert => &["vocab_projector.weight"],
            Family::Roberta => &["lm_head.decoder.weight", "lm_head.decoder.bias"],
        }
    }

    fn new(config: &EncoderConfig, init: &Init<'_>) -> Result<Self> {
        if config.other.get("tie_word_embeddings") == Some(&Value::Bool(false)) {
            return Err(NnError::Config {
                name: "tie_word_embeddings",
                value: "false".to_owned(),
                reason: "only scores whose weights are the word embeddings are known here"
                    .to_owned(),
            });
        }
        let hidden = config.hidden_size;
        let family = config.family()?;
        Ok(Self {
            encoder: Encoder::without_pooler(config, &init.at(0))?,
            dense: Linear::new(hidden, hidden, &init.at(1))?,
            layer_norm: LayerNorm::new(hidden, config.layer_norm_eps, init)?,
            bias: init.constant(0.0, [config.vocab_size])?,
            activation: match family {
                Family::Roberta => Activation::Gelu,
                Family::Bert | Family::DistilBert => config.activation()?,
            },
        })
    }

    fn config(&self) -> &EncoderConfig {
        self.encoder.config()
    }
}
