//! [`EncoderConfig`]: a model's config.json.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tensor::Activation;

use super::Family;
use crate::layers::activation;
use crate::{ModelConfig, NnError, Result};

/// The shape of a model of any [`Family`], under the names of BERT's config.json; [`ModelConfig::to_json`] gives those of the
/// family. What else a file says is kept and written again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EncoderConfig {
    /// `bert`, `distilbert` or `roberta`.
    pub model_type: String,
    /// Rows of the table of word embeddings.
    pub vocab_size: usize,
    /// The length of the vectors between layers.
    pub hidden_size: usize,
    /// Layers of the encoder.
    pub num_hidden_layers: usize,
    /// Heads of each attention; `hidden_size` is a multiple.
    pub num_attention_heads: usize,
    /// The length of the vectors inside of the feed-forward part.
    pub intermediate_size: usize,
    /// The activation of the feed-forward part.
    pub hidden_act: String,
    /// The share of elements that dropout takes behind embeddings, attention and feed-forward part.
    pub hidden_dropout_prob: f32,
    /// The share of attention weights that dropout takes.
    pub attention_probs_dropout_prob: f32,
    /// Rows of the table of positions: see [`EncoderConfig::max_tokens`].
    pub max_position_embeddings: usize,
    /// How many types of tokens there are; 0 where tokens have none.
    pub type_vocab_size: usize,
    /// The standard deviation of weights before training.
    pub initializer_range: f32,
    /// Added to variances by layer norms.
    pub layer_norm_eps: f32,
    /// The token that pads, whose embedding is not trained.
    pub pad_token_id: Option<u32>,
    /// The share of elements that dropout takes in front of a classifier; without it, `hidden_dropout_prob`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classifier_dropout: Option<f32>,
    /// The names of the labels that a classifier tells apart, by their numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id2label: Option<BTreeMap<String, String>>,
    /// The numbers of the labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label2id: Option<BTreeMap<String, u32>>,
    /// How many labels a classifier tells apart, where they have no names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_labels: Option<usize>,
    /// How positions enter: `absolute`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position_embedding_type: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// BERT-base.
impl Default for EncoderConfig {
    fn default() -> Self {
        Self {
            model_type: "bert".to_owned(),
            vocab_size: 30522,
            hidden_size: 768,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            intermediate_size: 3072,
            hidden_act: "gelu".to_owned(),
            hidden_dropout_prob: 0.1,
            attention_probs_dropout_prob: 0.1,
            max_position_embeddings: 512,
            type_vocab_size: 2,
            initializer_range: 0.02,
            layer_norm_eps: 1e-12,
            pad_token_id: Some(0),
            classifier_dropout: None,
            id2label: None,
            label2id: None,
            num_labels: None,
            position_embedding_type: None,
            other: Map::new(),
        }
    }
}

impl EncoderConfig {
    /// A family's usual shape.
    pub fn of(family: Family) -> Self {
        let bert = Self {
            model_type: family.model_type().to_owned(),
            ..Self::default()
        };
        match family {
            Family::Bert => bert,
            Family::DistilBert => Self {
                num_hidden_layers: 6,
                type_vocab_size: 0,
                classifier_dropout: Some(0.2),
                ..bert
            },
            Family::Roberta => Self {
                vocab_size: 50265,
                pad_token_id: Some(1),
                ..bert
            },
        }
    }

    /// Reads and checks a config.json.
    ///
    /// # Errors
    /// [`NnError::Io`]; [`NnError::File`] for files that are no JSON, or no model that can be built here.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        Self::from_file(path)
    }

    /// Which models it is one of.
    ///
    /// # Errors
    /// [`NnError::Config`] for others, with those that there are.
    pub fn family(&self) -> Result<Family> {
        family(&self.model_type)
    }

    /// The family of a configuration that was checked.
    pub(super) fn known_family(&self) -> Family {
        self.family().unwrap_or(Family::Bert)
    }

    /// The row of the table of positions that a text's first token has.
    pub fn first_position(&self) -> usize {
        match self.family() {
            Ok(Family::Roberta) => self.pad_token_id.map_or(0, |padding| padding as usize + 1),
            _ => 0,
        }
    }

    /// The tokens of a text at most.
    pub fn max_tokens(&self) -> usize {
        self.max_position_embeddings
            .saturating_sub(self.first_position())
    }

    /// Fails for a model that cannot be built.
    ///
    /// # Errors
    /// [`NnError::Config`] with the name of the number that is wrong.
    pub fn check(&self) -> Result<()> {
        let refuse = |name, value: &dyn ToString, reason: &str| {
            Err(NnError::Config {
                name,
                value: value.to_string(),
                reason: reason.to_owned(),
            })
        };
        let family = self.family()?;
        if let Some(kind) = self
            .position_embedding_type
            .as_deref()
            .filter(|kind| *kind != "absolute")
        {
            return refuse(
                "position_embedding_type",
                &kind,
                "only absolute positions are known here",
            );
        }
        if self.other.get("is_decoder") == Some(&Value::Bool(true)) {
            return refuse("is_decoder", &true, "only encoders are known here");
        }
        if self.other.get("sinusoidal_pos_embds") == Some(&Value::Bool(true)) {
            return refuse(
                "sinusoidal_pos_embds",
                &true,
                "only learned positions are known here",
            );
        }
        if family == Family::Roberta && self.pad_token_id.is_none() {
            let reason = "positions are counted from it in RoBERTa; give the tokenizer's";
            return refuse("pad_token_id", &"null", reason);
        }
        if family == Family::DistilBert && self.layer_norm_eps != 1e-12 {
            return refuse(
                "layer_norm_eps",
                &self.layer_norm_eps,
                "it is always 1e-12 in DistilBERT",
            );
        }
        let sizes = [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("num_attention_heads", self.num_attention_heads),
            ("intermediate_size", self.intermediate_size),
            ("max_position_embeddings", self.max_position_embeddings),
            (
                "type_vocab_size",
                match family {
                    Family::DistilBert => 1,
                    Family::Bert | Family::Roberta => self.type_vocab_size,
                },
            ),
        ];
        if let Some((name, size)) = sizes
            .into_iter()
            .find(|(_, size)| *size == 0 || u32::try_from(*size).is_err())
        {
            return refuse(name, &size, "it must be from 1 to 2^32 - 1");
        }
        if self.max_tokens() == 0 {
            let reason = format!(
                "the first {} rows are not used for positions",
                self.first_position()
            );
            return refuse(
                "max_position_embeddings",
                &self.max_position_embeddings,
                &reason,
            );
        }
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            let reason = format!(
                "hidden_size, {}, must be a multiple of it",
                self.hidden_size
            );
            return refuse("num_attention_heads", &self.num_attention_heads, &reason);
        }
        let shares = [
            ("hidden_dropout_prob", self.hidden_dropout_prob),
            (
                "attention_probs_dropout_prob",
                self.attention_probs_dropout_prob,
            ),
            ("classifier_dropout", self.classifier_dropout()),
        ];
        if let Some((name, share)) = shares
            .into_iter()
            .find(|(_, share)| !(0.0..1.0).contains(share))
        {
            return refuse(name, &share, "it must be from 0 to less than 1");
        }
        if !(self.layer_norm_eps >= 0.0 && self.layer_norm_eps.is_finite()) {
            return refuse(
                "layer_norm_eps",
                &self.layer_norm_eps,
                "it must be a small positive number",
            );
        }
        if !(self.initializer_range >= 0.0 && self.initializer_range.is_finite()) {
            return refuse(
                "initializer_range",
                &self.initializer_range,
                "it must be a small positive number",
            );
        }
        self.activation().map(|_| ())
    }

    /// The activation of the feed-forward part.
    ///
    /// # Errors
    /// [`NnError::Config`] for one that is not known.
    pub fn activation(&self) -> Result<Activation> {
        activation(&self.hidden_act)
    }

    /// The share of elements that dropout takes in front of a classifier.
    pub fn classifier_dropout(&self) -> f32 {
        self.classifier_dropout.unwrap_or(self.hidden_dropout_prob)
    }

    /// How many labels a classifier tells apart: 2 where the file does not say.
    pub fn labels(&self) -> usize {
        let named = self.id2label.as_ref().map(BTreeMap::len);
        named.or(self.num_labels).unwrap_or(2)
    }

    /// The same with these labels.
    #[must_use]
    pub fn with_labels<S: AsRef<str>>(mut self, labels: &[S]) -> Self {
        let names = || labels.iter().map(|label| label.as_ref().to_owned());
        self.id2label = Some(
            (0..)
                .zip(names())
                .map(|(id, name): (u32, _)| (id.to_string(), name))
                .collect(),
        );
        self.label2id = Some(names().zip(0..).collect());
        self.num_labels = None;
        self
    }
}

impl ModelConfig for EncoderConfig {
    fn from_json(mut found: Map<String, Value>) -> Result<Self> {
        let model_type = found.get("model_type").map_or("bert", |kind| {
            kind.as_str().unwrap_or("something that is no text")
        });
        let family = family(model_type)?;
        for (theirs, ours) in family.config_keys() {
            if let Some(value) = found.remove(*theirs) {
                found.insert((*ours).to_owned(), value);
            }
        }
        let unreadable = |error: serde_json::Error| NnError::Config {
            name: "config.json",
            value: "not as expected".to_owned(),
            reason: error.to_string(),
        };
        let mut whole = serde_json::to_value(Self::of(family)).map_err(unreadable)?;
        if let Some(whole) = whole.as_object_mut() {
            whole.extend(found);
        }
        let config: Self = serde_json::from_value(whole).map_err(unreadable)?;
        config.check()?;
        Ok(config)
    }

    fn to_json(&self) -> Result<Map<String, Value>> {
        let family = self.family()?;
        let value = serde_json::to_value(self).map_err(|error| NnError::Config {
            name: "config.json",
            value: "not to be written".to_owned(),
            reason: error.to_string(),
        })?;
        let Value::Object(mut all) = value else {
            return Ok(Map::new());
        };
        for (theirs, ours) in family.config_keys() {
            if let Some(value) = all.remove(*ours) {
                all.insert((*theirs).to_owned(), value);
            }
        }
        if family == Family::DistilBert {
            all.remove("type_vocab_size");
            all.remove("layer_norm_eps");
        }
        Ok(all)
    }

    fn initializer_range(&self) -> f32 {
        self.initializer_range
    }

    fn prefix(&self) -> &'static str {
        self.family().map_or("", Family::model_type)
    }
}

fn family(model_type: &str) -> Result<Family> {
    Family::of(model_type).ok_or_else(|| NnError::Config {
        name: "model_type",
        value: model_type.to_owned(),
        reason: format!(
            "the encoders that are known here are {}",
            Family::ALL.map(Family::model_type).join(", ")
        ),
    })
}
