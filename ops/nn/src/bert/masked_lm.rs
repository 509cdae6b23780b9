//! [`BertForMaskedLm`]: which words are behind masks.

use tensor::{Activation, CrossEntropy, Tensor};

use super::folder::Pretrained;
use super::{BertConfig, BertModel};
use crate::layers::{LayerNorm, Linear};
use crate::module::module;
use crate::{Forward, Init, Packed, Parameter, Result};

#[derive(Clone, Debug)]
struct Transform {
    dense: Linear,
    layer_norm: LayerNorm,
}

module!(Transform { dense, layer_norm as "LayerNorm" });

#[derive(Clone, Debug)]
struct Predictions {
    bias: Parameter,
    transform: Transform,
}

module!(Predictions { bias, transform });

#[derive(Clone, Debug)]
struct Head {
    predictions: Predictions,
}

module!(Head { predictions });

/// A score for each word of the vocabulary at each place; the scores' weights are the word embeddings.
#[derive(Clone, Debug)]
pub struct BertForMaskedLm {
    bert: BertModel,
    cls: Head,
    activation: Activation,
}

module!(BertForMaskedLm { bert, cls });

impl BertForMaskedLm {
    /// What the scores are computed from, `[places, hidden]`, at the tokens whose numbers `places` holds, or at all.
    ///
    /// # Errors
    /// As [`BertModel::forward`]; [`tensor::TensorError::Index`] for a place past the end.
    pub fn transformed(
        &self,
        texts: &Packed,
        places: Option<&Tensor>,
        forward: Forward,
    ) -> Result<Tensor> {
        let hidden = self.bert.forward(texts, forward)?;
        let hidden = match places {
            Some(places) => hidden.index_select(0, places)?,
            None => hidden,
        };
        let transform = &self.cls.predictions.transform;
        let hidden = transform
            .dense
            .forward_with(&hidden, self.activation, forward)?;
        Ok(transform.layer_norm.forward(&hidden, forward)?)
    }

    /// The scores, `[places, vocab_size]`.
    ///
    /// # Errors
    /// As [`BertForMaskedLm::transformed`].
    pub fn forward(
        &self,
        texts: &Packed,
        places: Option<&Tensor>,
        forward: Forward,
    ) -> Result<Tensor> {
        let hidden = self.transformed(texts, places, forward)?;
        let weight = forward.cast(self.bert.embeddings().words().weight().tensor())?;
        let bias = forward.cast(self.cls.predictions.bias.tensor())?;
        Ok(hidden.dense(&weight, Some(&bias), Activation::None)?)
    }

    /// The mean cross entropy of the words `targets`, `[places]`, at the tokens whose numbers `places` holds. It never holds
    /// the scores of all places at once.
    ///
    /// # Errors
    /// As [`BertForMaskedLm::transformed`]; [`tensor::TensorError::Shape`] if there are more or fewer targets than places.
    pub fn loss(
        &self,
        texts: &Packed,
        places: &Tensor,
        targets: &Tensor,
        forward: Forward,
    ) -> Result<Tensor> {
        let hidden = self.transformed(texts, Some(places), forward)?;
        let weight = forward.cast(self.bert.embeddings().words().weight().tensor())?;
        let bias = forward.cast(self.cls.predictions.bias.tensor())?;
        Ok(hidden.linear_cross_entropy(&weight, Some(&bias), targets, &CrossEntropy::default())?)
    }

    /// The model below the head.
    pub fn bert(&self) -> &BertModel {
        &self.bert
    }
}

impl Pretrained for BertForMaskedLm {
    const ARCHITECTURE: &'static str = "BertForMaskedLM";
    const NEW: &'static [&'static str] = &["cls"];
    const TIED: &'static [&'static str] = &[
        "cls.predictions.decoder.weight",
        "cls.predictions.decoder.bias",
    ];

    fn new(config: &BertConfig, init: &Init<'_>) -> Result<Self> {
        let hidden = config.hidden_size;
        let transform = Transform {
            dense: Linear::new(hidden, hidden, &init.at(1))?,
            layer_norm: LayerNorm::new(hidden, config.layer_norm_eps, init)?,
        };
        Ok(Self {
            bert: BertModel::without_pooler(config, &init.at(0))?,
            cls: Head {
                predictions: Predictions {
                    bias: init.constant(0.0, [config.vocab_size])?,
                    transform,
                },
            },
            activation: config.activation()?,
        })
    }

    fn config(&self) -> &BertConfig {
        self.bert.config()
    }
}
