//! [`BertConfig`]: a model's config.json.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tensor::Activation;

use crate::layers::activation;
use crate::{NnError, Result, files};

/// The shape of a model, under the names of config.json. What else a file says is kept and written again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BertConfig {
    /// `bert`.
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
    /// The tokens of a text at most.
    pub max_position_embeddings: usize,
    /// How many types of tokens there are.
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
impl Default for BertConfig {
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

impl BertConfig {
    /// Reads and checks a config.json.
    ///
    /// # Errors
    /// [`NnError::Io`]; [`NnError::File`] for files that are no JSON, or no model that can be built here.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let config: Self = files::read_json(path)?;
        config
            .check()
            .map_err(|error| NnError::file(path, error.to_string()))?;
        Ok(config)
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
        if self.model_type != "bert" {
            return refuse(
                "model_type",
                &self.model_type,
                "only bert is known here; the tensors of other models have other names",
            );
        }
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
        let sizes = [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("num_attention_heads", self.num_attention_heads),
            ("intermediate_size", self.intermediate_size),
            ("max_position_embeddings", self.max_position_embeddings),
            ("type_vocab_size", self.type_vocab_size),
        ];
        if let Some((name, size)) = sizes
            .into_iter()
            .find(|(_, size)| *size == 0 || u32::try_from(*size).is_err())
        {
            return refuse(name, &size, "it must be from 1 to 2^32 - 1");
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
