//! A model that turns texts into vectors.

use std::path::Path;

use methods::{Text, embed};
use nn::bert::Pretrained;
use nn::{EncoderConfig, Forward, ModelConfig, Pooling, SentenceEncoder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tensor::{Device, RandomKey};

use super::super::StepError;
use super::inference::InferencePrecision;
use super::tokens::Tokens;

/// How a text's vector comes from those of its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PoolingKind {
    /// Their mean.
    Mean,
    /// That of the first.
    Cls,
    /// That of the last.
    Last,
}

/// How texts become vectors, where a model's folder does not say it or is not to be followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct EncoderOptions {
    /// Tokens of a text at most.
    #[serde(default)]
    pub max_length: Option<usize>,
    /// How a text's vector comes from those of its tokens.
    #[serde(default)]
    pub pooling: Option<PoolingKind>,
    /// Whether vectors have length 1.
    #[serde(default)]
    pub normalize: Option<bool>,
    /// What the model computes in.
    #[serde(default)]
    pub precision: InferencePrecision,
}

/// A model that turns texts into vectors, with its tokenizer.
pub struct Encoder {
    /// Texts as its tokens.
    pub tokens: Tokens,
    /// The length of the vectors.
    pub dimension: usize,
    network: SentenceEncoder,
    forward: Forward,
}

impl Encoder {
    /// Reads a model's folder.
    pub fn open(
        folder: &Path,
        options: &EncoderOptions,
        device: &Device,
    ) -> Result<Encoder, StepError> {
        let config = EncoderConfig::from_file(folder.join("config.json"))?;
        let tokens = Tokens::open(folder, options.max_length)?.within(config.max_tokens());
        let (network, _) = SentenceEncoder::from_folder(folder, RandomKey::new(0), device)?;
        let pooling = match options.pooling {
            None => network.pooling(),
            Some(PoolingKind::Mean) => Pooling::Mean,
            Some(PoolingKind::Cls) => Pooling::Cls,
            Some(PoolingKind::Last) => Pooling::Last,
        };
        let normalizes = options.normalize.unwrap_or(network.normalizes());
        Ok(Encoder {
            tokens,
            dimension: config.hidden_size,
            network: network.with_pooling(pooling, normalizes),
            forward: options.precision.forward(device),
        })
    }

    /// One vector a text, `[texts * dimension]`. `stop` is told how many are done, and ends the work by saying true.
    pub fn vectors(
        &self,
        texts: &[Text],
        stop: &dyn Fn(usize) -> bool,
    ) -> Result<Vec<f32>, StepError> {
        Ok(embed(&self.network, texts, self.forward, stop)?)
    }
}
