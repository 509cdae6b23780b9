//! How texts become vectors: what `embed` and `search` are told, and do, alike.

use std::time::Instant;

use methods::embed;
use nn::bert::Pretrained;
use nn::{EncoderConfig, Forward, ModelConfig, Pooling, SentenceEncoder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tensor::RandomKey;

use super::joined::Shared;
use super::transformer::tokens::Tokens;
use super::{Check, ColumnType, Context, StepError};

/// How texts become vectors.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Encoding {
    /// The column of texts; a null is an empty text.
    #[serde(default = "text_column")]
    text: String,
    /// Tokens of a text at most, the special ones included; longer texts are cut. Default: what the model's tokenizer says, and
    /// never more than the model takes.
    #[serde(default)]
    #[schemars(range(min = 3))]
    max_length: Option<usize>,
    /// How a text's vector comes from those of its tokens: their `mean`, that of the first (`cls`) or of the `last`. Default: what a
    /// folder of sentence-transformers says, else the mean.
    #[serde(default)]
    pooling: Option<PoolingKind>,
    /// Whether vectors have length 1, so that inner products are cosines. Default: what a folder of sentence-transformers says, else
    /// true.
    #[serde(default)]
    normalize: Option<bool>,
    /// Whether products are computed in the 16-bit type that the processor is fast at; vectors then differ by about 1e-3.
    #[serde(default)]
    half: bool,
}

/// How a text's vector comes from those of its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum PoolingKind {
    /// Their mean.
    Mean,
    /// That of the first.
    Cls,
    /// That of the last.
    Last,
}

fn text_column() -> String {
    "text".to_owned()
}

impl Shared for Encoding {
    const FIELDS: &'static [&'static str] = &["text", "max_length", "pooling", "normalize", "half"];
}

/// Texts as vectors.
pub struct Encoded {
    /// `[texts, dimension]`.
    pub vectors: Vec<f32>,
    /// The length of a vector.
    pub dimension: usize,
    /// How many tokens were read a second.
    pub tokens_per_second: f64,
}

impl Encoding {
    /// Checks the column of texts.
    pub fn check(&self, check: &mut Check, port: &str) {
        check.require("text", port, &self.text, ColumnType::Text);
    }

    /// The texts of the rows at `port`, by the model that feeds the port `model`.
    pub fn encode(&self, context: &Context<'_>, port: &str) -> Result<Encoded, StepError> {
        let folder = context.path("model")?;
        let config = EncoderConfig::from_file(folder.join("config.json"))?;
        let tokens = Tokens::open(folder, self.max_length)?.within(config.max_tokens());
        let texts = tokens.of_port(context, port, &self.text)?;
        let device = context.open_device()?;
        let (network, _) = SentenceEncoder::from_folder(folder, RandomKey::new(0), &device)?;
        let pooling = match self.pooling {
            None => network.pooling(),
            Some(PoolingKind::Mean) => Pooling::Mean,
            Some(PoolingKind::Cls) => Pooling::Cls,
            Some(PoolingKind::Last) => Pooling::Last,
        };
        let normalizes = self.normalize.unwrap_or(network.normalizes());
        let network = network.with_pooling(pooling, normalizes);
        let forward = match self.half {
            true => Forward::inference().with_half_products(),
            false => Forward::inference(),
        };
        let began = Instant::now();
        let vectors = embed(&network, &texts, forward, &|done| {
            let (done, all) = (done as u64, texts.len() as u64);
            context.progress.update(done, all, "texts");
            context.is_cancelled()
        })?;
        let seconds = began.elapsed().as_secs_f64();
        let all: usize = texts.iter().map(methods::Text::len).sum();
        Ok(Encoded {
            vectors,
            dimension: config.hidden_size,
            tokens_per_second: all as f64 / seconds.max(1e-9),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_are_those_of_the_struct() {
        super::super::joined::assert_fields::<Encoding>();
    }
}
