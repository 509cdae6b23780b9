//! `op = "embed"`: texts as vectors that can be compared.

use std::sync::Arc;
use std::time::Instant;

use arrow_schema::{DataType, Field};
use methods::embed;
use nn::bert::Pretrained;
use nn::{EncoderConfig, Forward, ModelConfig, Pooling, SentenceEncoder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use table::columns;
use tensor::RandomKey;

use super::transformer::tokens::Tokens;
use super::words::{number, rows};
use super::{
    Check, ColumnType, Context, InputPort, OutputPort, PortType, Resources, Step, StepError,
    StepKind,
};

/// Turns texts into vectors by a sentence encoder, or by any transformer.
///
/// The output `embedded` has the columns of the input and the column `vector`. Texts are sorted by length and packed without padding;
/// their order in the table stays.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Embed {
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

impl StepKind for Embed {
    const OP: &'static str = "embed";
    const VERSION: u32 = 1;
}

impl Step for Embed {
    fn inputs(&self) -> Vec<InputPort> {
        vec![
            InputPort::one("table", PortType::Table),
            InputPort::one("model", PortType::Model),
        ]
    }

    fn outputs(&self) -> Vec<OutputPort> {
        vec![OutputPort::new("embedded", PortType::Table)]
    }

    fn check(&self, check: &mut Check) {
        check.require("text", "table", &self.text, ColumnType::Text);
    }

    fn resources(&self) -> Resources {
        Resources::of_tensors()
    }

    fn run(&self, context: &Context<'_>) -> Result<(), StepError> {
        let folder = context.path("model")?;
        let config = EncoderConfig::from_file(folder.join("config.json"))?;
        let tokens = Tokens::open(folder, self.max_length)?.within(config.max_tokens());
        let texts = tokens.of_port(context, "table", &self.text)?;
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
        let size = config.hidden_size;
        let column = match texts.is_empty() {
            false => columns::vectors(vectors, size),
            true => Some(arrow_array::new_empty_array(&DataType::FixedSizeList(
                Arc::new(Field::new_list_field(DataType::Float32, true)),
                size as i32,
            ))),
        };
        let column = column
            .ok_or_else(|| StepError::new(format!("vectors of {size} numbers make no column")))?;
        let embedded = context.table("table")?.with_column("vector", column)?;
        context.write_table("embedded", &embedded)?;
        let all: usize = texts.iter().map(methods::Text::len).sum();
        context.note(format!(
            "{} as vectors of {}, {} tokens/s",
            rows(texts.len()),
            number(size),
            number((all as f64 / seconds.max(1e-9)) as usize)
        ));
        Ok(())
    }
}
