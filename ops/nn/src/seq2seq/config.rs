//! [`Seq2SeqConfig`]: a model's config.json.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tensor::Activation;

use crate::config::{self, Tokens, check_heads, check_shares, check_sizes, check_small, refusal};
use crate::layers::activation;
use crate::{ModelConfig, Result};

/// Which models it is one of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seq2SeqFamily {
    /// Normalises behind each part and behind the embeddings, and learns positions.
    Bart,
    /// Normalises in front of each part and at the end; positions are sines.
    M2m100,
}

impl Seq2SeqFamily {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bart => "BART",
            Self::M2m100 => "M2M100",
        }
    }
}

/// The shape of a model, under the names of config.json. What else a file says is kept and written again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Seq2SeqConfig {
    /// `bart` or `m2m_100`.
    pub model_type: String,
    /// Rows of the table of words.
    pub vocab_size: usize,
    /// The tokens of a text at most.
    pub max_position_embeddings: usize,
    /// The length of the vectors between layers.
    pub d_model: usize,
    /// Layers of the encoder.
    pub encoder_layers: usize,
    /// Layers of the decoder.
    pub decoder_layers: usize,
    /// Heads of each attention of the encoder; `d_model` is a multiple.
    pub encoder_attention_heads: usize,
    /// Heads of each attention of the decoder; `d_model` is a multiple.
    pub decoder_attention_heads: usize,
    /// The length of the vectors inside of the encoder's feed-forward parts.
    pub encoder_ffn_dim: usize,
    /// The length of the vectors inside of the decoder's feed-forward parts.
    pub decoder_ffn_dim: usize,
    /// The activation of the feed-forward parts.
    pub activation_function: String,
    /// The share of elements that dropout takes before something is added to the residual, and behind the embeddings.
    pub dropout: f32,
    /// The share of attention weights that dropout takes.
    pub attention_dropout: f32,
    /// The share of elements that dropout takes inside of the feed-forward parts.
    pub activation_dropout: f32,
    /// The share of elements that dropout takes around a classifier.
    pub classifier_dropout: f32,
    /// The standard deviation of weights before training.
    pub init_std: f32,
    /// Whether words' vectors are multiplied by the root of `d_model`.
    pub scale_embedding: bool,
    /// Whether the scores' weights are the table of words: `true`.
    pub tie_word_embeddings: bool,
    /// The token that pads, whose vector is not trained.
    pub pad_token_id: Option<u32>,
    /// Which tokens end a text.
    pub eos_token_id: Tokens,
    /// The token that the decoder begins with.
    pub decoder_start_token_id: u32,
    /// The token that is written first, in older files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forced_bos_token_id: Option<u32>,
    /// The token that is written last where a text grows too long, in older files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forced_eos_token_id: Option<u32>,
    /// The names of the labels that a classifier tells apart, by their numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id2label: Option<BTreeMap<String, String>>,
    /// The numbers of the labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label2id: Option<BTreeMap<String, u32>>,
    /// Everything else.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// BART-large.
impl Default for Seq2SeqConfig {
    fn default() -> Self {
        Self {
            model_type: "bart".to_owned(),
            vocab_size: 50265,
            max_position_embeddings: 1024,
            d_model: 1024,
            encoder_layers: 12,
            decoder_layers: 12,
            encoder_attention_heads: 16,
            decoder_attention_heads: 16,
            encoder_ffn_dim: 4096,
            decoder_ffn_dim: 4096,
            activation_function: "gelu".to_owned(),
            dropout: 0.1,
            attention_dropout: 0.0,
            activation_dropout: 0.0,
            classifier_dropout: 0.0,
            init_std: 0.02,
            scale_embedding: false,
            tie_word_embeddings: true,
            pad_token_id: Some(1),
            eos_token_id: Tokens::One(2),
            decoder_start_token_id: 2,
            forced_bos_token_id: None,
            forced_eos_token_id: None,
            id2label: None,
            label2id: None,
            other: Map::new(),
        }
    }
}

impl Seq2SeqConfig {
    /// A family's usual shape: BART-large, or M2M100 of 418 million parameters.
    pub fn of(family: Seq2SeqFamily) -> Self {
        match family {
            Seq2SeqFamily::Bart => Self::default(),
            Seq2SeqFamily::M2m100 => Self {
                model_type: "m2m_100".to_owned(),
                vocab_size: 128_112,
                activation_function: "relu".to_owned(),
                attention_dropout: 0.1,
                scale_embedding: true,
                ..Self::default()
            },
        }
    }

    /// Which models it is one of.
    ///
    /// # Errors
    /// [`NnError::Config`](crate::NnError::Config) for others, with those that there are.
    pub fn family(&self) -> Result<Seq2SeqFamily> {
        family(&self.model_type)
    }

    /// Fails for a model that cannot be built.
    ///
    /// # Errors
    /// [`NnError::Config`](crate::NnError::Config) with the name of the number that is wrong.
    pub fn check(&self) -> Result<()> {
        self.family()?;
        if !self.tie_word_embeddings {
            let reason = "only scores whose weights are the table of words are known here";
            return Err(refusal("tie_word_embeddings", false, reason));
        }
        for name in ["normalize_before", "add_final_layer_norm"] {
            let is_odd = self.other.get(name) == Some(&Value::Bool(true));
            if is_odd && self.model_type == "bart" {
                let reason = "BART normalises behind each part; this is another model";
                return Err(refusal("normalize_before", true, reason));
            }
        }
        check_sizes(&[
            ("vocab_size", self.vocab_size),
            ("max_position_embeddings", self.max_position_embeddings),
            ("d_model", self.d_model),
            ("encoder_attention_heads", self.encoder_attention_heads),
            ("decoder_attention_heads", self.decoder_attention_heads),
            ("encoder_ffn_dim", self.encoder_ffn_dim),
            ("decoder_ffn_dim", self.decoder_ffn_dim),
        ])?;
        check_heads(
            "encoder_attention_heads",
            self.encoder_attention_heads,
            self.d_model,
        )?;
        check_heads(
            "decoder_attention_heads",
            self.decoder_attention_heads,
            self.d_model,
        )?;
        check_shares(&[
            ("dropout", self.dropout),
            ("attention_dropout", self.attention_dropout),
            ("activation_dropout", self.activation_dropout),
            ("classifier_dropout", self.classifier_dropout),
        ])?;
        check_small(&[("init_std", self.init_std)])?;
        self.activation().map(|_| ())
    }

    /// The activation of the feed-forward parts.
    ///
    /// # Errors
    /// [`NnError::Config`](crate::NnError::Config) for one that is not known.
    pub fn activation(&self) -> Result<Activation> {
        activation(&self.activation_function)
    }

    /// How many labels a classifier tells apart: 3 where the file does not say, as in `transformers`.
    pub fn labels(&self) -> usize {
        let named = self.id2label.as_ref().map(BTreeMap::len);
        let counted = self.other.get("num_labels").and_then(Value::as_u64);
        named.or(counted.map(|count| count as usize)).unwrap_or(3)
    }
}

fn family(model_type: &str) -> Result<Seq2SeqFamily> {
    match model_type {
        "bart" => Ok(Seq2SeqFamily::Bart),
        "m2m_100" => Ok(Seq2SeqFamily::M2m100),
        _ => Err(refusal(
            "model_type",
            model_type,
            "the encoder-decoders that are known here are bart, m2m_100",
        )),
    }
}

impl ModelConfig for Seq2SeqConfig {
    fn from_json(found: Map<String, Value>) -> Result<Self> {
        let model_type = found.get("model_type").map_or("bart", |kind| {
            kind.as_str().unwrap_or("something that is no text")
        });
        let config = config::read_over(&Self::of(family(model_type)?), found)?;
        config.check()?;
        Ok(config)
    }

    fn to_json(&self) -> Result<Map<String, Value>> {
        config::write(self)
    }

    fn initializer_range(&self) -> f32 {
        self.init_std
    }

    fn prefix(&self) -> &'static str {
        "model"
    }
}
