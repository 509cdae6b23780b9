//! [`Encoder`]: embeddings, layers and pooler.

use tensor::{Activation, Tensor};

use super::{BertEmbeddings, BertEncoder, EncoderConfig, Family, first_tokens};
use crate::layers::Linear;
use crate::module::{Module, Names, join, module};
use crate::{Forward, Init, NnError, Packed, Parameter, Pretrained, Result};

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

/// The model below all heads, of any [`Family`].
#[derive(Clone, Debug)]
pub struct Encoder {
    config: EncoderConfig,
    family: Family,
    embeddings: BertEmbeddings,
    encoder: BertEncoder,
    pooler: Option<Pooler>,
}

impl Module for Encoder {
    fn visit<'a>(&'a self, path: &str, visit: &mut dyn FnMut(Names, &'a Parameter)) {
        let family = self.family;
        let mut visit = |names: Names, parameter: &'a Parameter| {
            let names = names.into_iter().map(|name| family.rename(name));
            visit(names.collect(), parameter);
        };
        self.embeddings.visit(&join(path, "embeddings"), &mut visit);
        self.encoder.visit(&join(path, "encoder"), &mut visit);
        self.pooler.visit(&join(path, "pooler"), &mut visit);
    }

    fn visit_mut<'a>(&'a mut self, path: &str, visit: &mut dyn FnMut(Names, &'a mut Parameter)) {
        let family = self.family;
        let mut visit = |names: Names, parameter: &'a mut Parameter| {
            let names = names.into_iter().map(|name| family.rename(name));
            visit(names.collect(), parameter);
        };
        self.embeddings
            .visit_mut(&join(path, "embeddings"), &mut visit);
        self.encoder.visit_mut(&join(path, "encoder"), &mut visit);
        self.pooler.visit_mut(&join(path, "pooler"), &mut visit);
    }
}

impl Encoder {
    /// A model before training, without a pooler: see [`Encoder::with_pooler`].
    ///
    /// # Errors
    /// [`NnError::Config`] for a configuration that makes no model; [`tensor::TensorError::OutOfMemory`].
    pub fn without_pooler(config: &EncoderConfig, init: &Init<'_>) -> Result<Self> {
        config.check()?;
        let activation = config.activation()?;
        Ok(Self {
            config: config.clone(),
            family: config.family()?,
            embeddings: BertEmbeddings::new(config, &init.at(0))?,
            encoder: BertEncoder::new(config, activation, &init.at(1))?,
            pooler: None,
        })
    }

    /// A model before training, with the pooler that BERT and RoBERTa have.
    ///
    /// # Errors
    /// As [`Encoder::without_pooler`].
    pub fn with_pooler(config: &EncoderConfig, init: &Init<'_>) -> Result<Self> {
        let mut model = Self::without_pooler(config, init)?;
        if model.family != Family::DistilBert {
            let dense = Linear::new(config.hidden_size, config.hidden_size, &init.at(2))?;
            model.pooler = Some(Pooler { dense });
        }
        Ok(model)
    }

    /// Its configuration.
    pub fn config(&self) -> &EncoderConfig {
        &self.config
    }

    /// Which models it is one of.
    pub fn family(&self) -> Family {
        self.family
    }

    /// The length of a token's vector.
    pub fn hidden_size(&self) -> usize {
        self.config.hidden_size
    }

    /// The tokens of a text at most.
    pub fn max_tokens(&self) -> usize {
        self.config.max_tokens()
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
    /// As [`Encoder::forward`].
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
            .ok_or_else(|| self.refused("has no pooler".to_owned()))?;
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
            return Err(self.refused(reason));
        }
        // DistilBERT has no types; its tokenizer gives them for pairs all the same.
        if self.family != Family::DistilBert
            && texts.largest_type() as usize >= config.type_vocab_size
        {
            return Err(self.refused(format!(
                "has {} types of tokens, but no type {}",
                config.type_vocab_size,
                texts.largest_type()
            )));
        }
        let longest = self.max_tokens();
        match texts
            .offsets()
            .lengths()
            .position(|length| length > longest)
        {
            Some(text) => Err(self.refused(format!(
                "takes texts of {longest} tokens at most, and text {text} is longer; truncate it"
            ))),
            None => Ok(()),
        }
    }

    fn refused(&self, reason: String) -> NnError {
        NnError::Input {
            model: self.family.name(),
            reason,
        }
    }
}

impl Pretrained for Encoder {
    type Config = EncoderConfig;

    fn architecture(config: &EncoderConfig) -> &'static str {
        match config.known_family() {
            Family::Bert => "BertModel",
            Family::DistilBert => "DistilBertModel",
            Family::Roberta => "RobertaModel",
        }
    }

    fn new_parts(_config: &EncoderConfig) -> &'static [&'static str] {
        &["pooler"]
    }

    fn new(config: &EncoderConfig, init: &Init<'_>) -> Result<Self> {
        Self::with_pooler(config, init)
    }

    fn config(&self) -> &EncoderConfig {
        &self.config
    }
}
