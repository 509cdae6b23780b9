//! `op = "embed"`: texts as vectors that can be compared.

use std::sync::Arc;
use std::time::Instant;

use arrow_schema::{DataType, Field};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use table::columns;

use super::transformer::encoder::{Encoder, EncoderOptions, PoolingKind};
use super::transformer::inference::InferencePrecision;
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
    /// What the model computes in. Vectors in half precision point where those in single precision do: cosines between the two are above
    /// 0.999. Default: "f32".
    #[serde(default, skip_serializing_if = "InferencePrecision::is_default")]
    precision: InferencePrecision,
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
        let options = EncoderOptions {
            max_length: self.max_length,
            pooling: self.pooling,
            normalize: self.normalize,
            precision: self.precision,
        };
        let encoder = Encoder::open(folder, &options, &context.open_device()?)?;
        let texts = encoder.tokens.of_port(context, "table", &self.text)?;
        let began = Instant::now();
        let vectors = encoder.vectors(&texts, &|done| {
            let (done, all) = (done as u64, texts.len() as u64);
            context.progress.update(done, all, "texts");
            context.is_cancelled()
        })?;
        let seconds = began.elapsed().as_secs_f64();
        let size = encoder.dimension;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::testing::{Trial, labelled, word_model};
    use serde_json::json;

    fn vectors(precision: &str) -> Vec<f32> {
        let rows = labelled(&[("w7 w9 w30 w11 w8", ""), ("w12 w44", ""), ("w20", "")]);
        let outcome = Trial::new::<Embed>(json!({ "precision": precision }))
            .input("table", &rows)
            .kept("model", word_model("distilbert_masked_lm", &[]))
            .run();
        let column = outcome.table("embedded").column("vector").unwrap();
        let (values, dimension) = columns::vector_values(&column).unwrap();
        assert_eq!(values.len(), 3 * dimension);
        values.values().to_vec()
    }

    #[test]
    fn vectors_in_half_precision_point_where_those_in_single_precision_do() {
        let single = vectors("f32");
        for precision in ["half", "auto"] {
            let other = vectors(precision);
            let rows = single.chunks(16).zip(other.chunks(16));
            for (a, b) in rows {
                // Vectors are of length 1.
                let cosine: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                assert!(cosine > 0.999 && cosine < 1.001, "{precision}: {cosine}");
            }
            // Half precision is never quietly left out.
            assert!(precision == "auto" || single != other);
        }
    }

    #[test]
    fn the_default_precision_is_no_part_of_the_key() {
        let canonical = |parameters| {
            let step: Embed = serde_json::from_value(parameters).unwrap();
            serde_json::to_value(step).unwrap()
        };
        let said = canonical(json!({ "precision": "f32" }));
        assert_eq!(said, canonical(json!({})));
        assert!(said.get("precision").is_none());
        assert_eq!(
            canonical(json!({ "precision": "half" }))["precision"],
            "half"
        );
    }
}
