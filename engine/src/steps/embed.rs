//! `op = "embed"`: texts as vectors that can be compared.

use std::sync::Arc;

use arrow_schema::{DataType, Field};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use table::columns;

use super::encoding::Encoding;
use super::joined::Joined;
use super::words::{number, rows};
use super::{
    Check, Context, InputPort, OutputPort, PortType, Resources, Step, StepError, StepKind,
};

/// Turns texts into vectors by a sentence encoder, or by any transformer.
///
/// The output `embedded` has the columns of the input and the column `vector`. Texts are sorted by length and packed without padding;
/// their order in the table stays.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Column {}

/// The step with how texts become vectors.
pub type Embed = Joined<Encoding, Column>;

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
        self.shared.check(check, "table");
    }

    fn resources(&self) -> Resources {
        Resources::of_tensors()
    }

    fn run(&self, context: &Context<'_>) -> Result<(), StepError> {
        let encoded = self.shared.encode(context, "table")?;
        let size = encoded.dimension;
        let count = encoded.vectors.len() / size.max(1);
        let column = match count {
            0 => Some(arrow_array::new_empty_array(&DataType::FixedSizeList(
                Arc::new(Field::new_list_field(DataType::Float32, true)),
                size as i32,
            ))),
            _ => columns::vectors(encoded.vectors, size),
        };
        let column = column
            .ok_or_else(|| StepError::new(format!("vectors of {size} numbers make no column")))?;
        let embedded = context.table("table")?.with_column("vector", column)?;
        context.write_table("embedded", &embedded)?;
        context.note(format!(
            "{} as vectors of {}, {} tokens/s",
            rows(count),
            number(size),
            number(encoded.tokens_per_second as usize)
        ));
        Ok(())
    }
}
