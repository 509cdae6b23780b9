//! [`EncoderConfig`]: a model's config.json.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tensor::Activation;

use super::{Family, Pooling};
use crate::config::{self, check_heads, check_shares, check_sizes, check_small, refusal};
use crate::layers::activation;
use crate::{ModelConfig, Result};

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
    /// How a text's vector for a classifier comes from its tokens'; without it, as the family has it, by a map of the first token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classifier_pooling: Option<Pooling>,
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
            classifier_pooling: None,
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
    /// [`NnError::Io`](crate::NnError::Io); [`NnError::File`](crate::NnError::File) for files that are no JSON, or no model that can be built here.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        Self::from_file(path)
    }

    /// Which models it is one of.
    ///
    /// # Errors
    /// [`NnError::Config`](crate::NnError::Config) for others, with those that there are.
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
    /// [`NnError::Config`](crate::NnError::Config) with the name of the number that is wrong.
    pub fn check(&self) -> Result<()> {
        let family = self.family()?;
        if let Some(kind) = self
            .position_embedding_type
            .as_deref()
            .filter(|kind| *kind != "absolute")
        {
            return Err(refusal(
                "position_embedding_type",
                kind,
                "only absolute positions are known here",
            ));
        }
        if self.other.get("is_decoder") == Some(&Value::Bool(true)) {
            return Err(refusal("is_decoder", true, "only encoders are known here"));
        }
        if self.other.get("sinusoidal_pos_embds") == Some(&Value::Bool(true)) {
            return Err(refusal(
                "sinusoidal_pos_embds",
                true,
                "only learned positions are known here",
            ));
        }
        if family == Family::Roberta && self.pad_token_id.is_none() {
            let reason = "positions are counted from it in RoBERTa; give the tokenizer's";
            return Err(refusal("pad_token_id", "null", reason));
        }
        if family == Family::DistilBert && self.layer_norm_eps != 1e-12 {
            return Err(refusal(
                "layer_norm_eps",
                self.layer_norm_eps,
                "it is always 1e-12 in DistilBERT",
            ));
        }
        check_sizes(&[
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
        ])?;
        if self.max_tokens() == 0 {
            let reason = format!(
                "the first {} rows are not used for positions",
                self.first_position()
            );
            return Err(refusal(
                "max_position_embeddings",
                self.max_position_embeddings,
                reason,
            ));
        }
        check_heads(
            "num_attention_heads",
            self.num_attention_heads,
            self.hidden_size,
        )?;
        check_shares(&[
            ("hidden_dropout_prob", self.hidden_dropout_prob),
            (
                "attention_probs_dropout_prob",
                self.attention_probs_dropout_prob,
            ),
            ("classifier_dropout", self.classifier_dropout()),
        ])?;
        check_small(&[
            ("layer_norm_eps", self.layer_norm_eps),
            ("initializer_range", self.initializer_range),
        ])?;
        self.activation().map(|_| ())
    }

    /// The activation of the feed-forward part.
    ///
    /// # Errors
    /// [`NnError::Config`](crate::NnError::Config) for one that is not known.
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
        let config = config::read_over(&Self::of(family), found)?;
        config.check()?;
        Ok(config)
    }

    fn to_json(&self) -> Result<Map<String, Value>> {
        let family = self.family()?;
        let mut all = config::write(self)?;
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
    Family::of(model_type).ok_or_else(|| {
        let known = Family::ALL.map(Family::model_type).join(", ");
        let reason = format!("the encoders that are known here are {known}");
        refusal("model_type", model_type, reason)
    })
}
