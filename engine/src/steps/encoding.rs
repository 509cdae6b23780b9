//! How texts become vectors: what `embed` and `search` are told, and do, alike.

use std::time::Instant;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::joined::Shared;
use super::transformer::encoder::{Encoder, EncoderOptions, PoolingKind};
use super::transformer::inference::InferencePrecision;
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
    /// What the model computes in. Vectors in half precision point where those in single precision do: cosines between the two are above
    /// 0.999. Default: "f32".
    #[serde(default, skip_serializing_if = "InferencePrecision::is_default")]
    precision: InferencePrecision,
}

fn text_column() -> String {
    "text".to_owned()
}

impl Shared for Encoding {
    const FIELDS: &'static [&'static str] =
        &["text", "max_length", "pooling", "normalize", "precision"];
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
        let options = EncoderOptions {
            max_length: self.max_length,
            pooling: self.pooling,
            normalize: self.normalize,
            precision: self.precision,
        };
        let encoder = Encoder::open(context.path("model")?, &options, &context.open_device()?)?;
        let texts = encoder.tokens.of_port(context, port, &self.text)?;
        let began = Instant::now();
        let vectors = encoder.vectors(&texts, &|done| {
            let (done, all) = (done as u64, texts.len() as u64);
            context.progress.update(done, all, "texts");
            context.is_cancelled()
        })?;
        let seconds = began.elapsed().as_secs_f64();
        let all: usize = texts.iter().map(methods::Text::len).sum();
        Ok(Encoded {
            vectors,
            dimension: encoder.dimension,
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
