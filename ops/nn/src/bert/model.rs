//! [`BertModel`]: embeddings, encoder and pooler.

use tensor::{Activation, Tensor};

use super::folder::Pretrained;
use super::{BertConfig, BertEmbeddings, BertEncoder, first_tokens};
use crate::layers::Linear;
use crate::module::module;
use crate::{Forward, Init, NnError, Packed, Result};

/// A map of each text's first token, with tanh.
#[derive(Clone, Debug)]
pub struct Pooler {
    dense: Linear,
}

module!(Pooler { dense });

impl Pooler {
    /// `[texts, hidden] -> [texts, hidden]`.
    ///
    /// # Errors
    /// Those of [`Tensor::linear`].
    pub fn forward(&self, first_tokens: &Tensor, forward: Forward) -> Result<Tensor> {
        Ok(self
            .dense
            .forward_with(first_tokens, Activation::Tanh, forward)?)
    }
}

/// The model below all heads.
#[derive(Clone, Debug)]
pub struct BertModel {
    config: BertConfig,
    embeddings: BertEmbeddings,
    encoder: BertEncoder,
    pooler: Option<Pooler>,
}

module!(BertModel {
    embeddings,
    encoder,
    pooler
});

impl BertModel {
    /// A model before training, without a pooler: see [`BertModel::with_pooler`].
    ///
    /// # Errors
    /// [`NnError::Config`] for a configuration that makes no model; [`tensor::TensorError::OutOfMemory`].
    pub fn without_pooler(config: &BertConfig, init: &Init<'_>) -> Result<Self> {
        config.check()?;
        let activation = config.activation()?;
        Ok(Self {
            config: config.clone(),
            embeddings: BertEmbeddings::new(config, &init.at(0))?,
            encoder: BertEncoder::new(config, activation, &init.at(1))?,
            pooler: None,
        })
    }

    /// A model before training.
    ///
    /// # Errors
    /// As [`BertModel::without_pooler`].
    pub fn with_pooler(config: &BertConfig, init: &Init<'_>) -> Result<Self> {
        let dense = Linear::new(config.hidden_size, config.hidden_size, &init.at(2))?;
        Ok(Self {
            pooler: Some(Pooler { dense }),
            ..Self::without_pooler(config, init)?
        })
    }

    /// Its configuration.
    pub fn config(&self) -> &BertConfig {
        &self.config
    }

    /// Its embeddings.
    pub fn embeddings(&self) -> &BertEmbeddings {
        &self.embeddings
    }

    /// The last hidden states, `[tokens, hidden]`.
    ///
    /// # Errors
    /// [`NnError::Input`] for a token or type that the model has no vector for, and a text that is too long.
    pub fn forward(&self, texts: &Packed, forward: Forward) -> Result<Tensor> {
        self.forward_visiting(texts, forward, |_| {})
    }

    /// The hidden states behind the embeddings and behind each layer, `[tokens, hidden]` each.
    ///
    /// # Errors
    /// As [`BertModel::forward`].
    pub fn hidden_states(&self, texts: &Packed, forward: Forward) -> Result<Vec<Tensor>> {
        let mut all = Vec::new();
        self.forward_visiting(texts, forward, |hidden| all.push(hidden.clone()))?;
        Ok(all)
    }

    fn forward_visiting(
        &self,
        texts: &Packed,
        forward: Forward,
        mut visit: impl FnMut(&Tensor),
    ) -> Result<Tensor> {
        self.check(texts)?;
        let embedded = self.embeddings.forward(texts, forward.at(0))?;
        visit(&embedded);
        Ok(self
            .encoder
            .forward(embedded, texts.offsets(), forward.at(1), visit)?)
    }

    /// The pooler's vector of each text, `[texts, hidden]`, from the last hidden states.
    ///
    /// # Errors
    /// [`NnError::Input`] if the model has no pooler; [`tensor::TensorError::Shape`] for a text without tokens.
    pub fn pooled(&self, hidden: &Tensor, texts: &Packed, forward: Forward) -> Result<Tensor> {
        let pooler = self
            .pooler
            .as_ref()
            .ok_or_else(|| refused("has no pooler".to_owned()))?;
        pooler.forward(&first_tokens(hidden, texts.offsets())?, forward)
    }

    fn check(&self, texts: &Packed) -> Result<()> {
        let config = &self.config;
        if texts.largest_id() as usize >= config.vocab_size {
            let reason = format!(
                "has no token {}: its vocabulary has {}; use the tokenizer of this model",
                texts.largest_id(),
                config.vocab_size
            );
            return Err(refused(reason));
        }
        if texts.largest_type() as usize >= config.type_vocab_size {
            return Err(refused(format!(
                "has {} types of tokens, but no type {}",
                config.type_vocab_size,
                texts.largest_type()
            )));
        }
        let longest = config.max_position_embeddings;
        match texts
            .offsets()
            .lengths()
            .position(|length| length > longest)
        {
            Some(text) => Err(refused(format!(
                "takes texts of {longest} tokens at most, and text {text} is longer; truncate it"
            ))),
            None => Ok(()),
        }
    }
}

fn refused(reason: String) -> NnError {
    NnError::Input {
        model: "BERT",
        reason,
    }
}

impl Pretrained for BertModel {
    const ARCHITECTURE: &'static str = "BertModel";
    const NEW: &'static [&'static str] = &["pooler"];

    fn new(config: &BertConfig, init: &Init<'_>) -> Result<Self> {
        Self::with_pooler(config, init)
    }

    fn config(&self) -> &BertConfig {
        &self.config
    }
}
