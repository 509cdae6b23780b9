//! `op = "dedupe"`: of texts that say the same, the first stays.
//!
//! - `exact`: equal texts
//! - `near`: texts that share most of their words

mod exact;
mod near;

use std::sync::Arc;

use arrow_array::{Array, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use table::{Table, columns};
use text::dedupe::Deduplicated;

use super::words::{number, rows};
use super::{Check, ColumnType, Context, InputPort, OutputPort, PortType, StepError};

pub use exact::Exact;
pub use near::Near;

/// How many characters of a text the table of removed rows shows.
const HEAD: usize = 120;

fn inputs() -> Vec<InputPort> {
    vec![InputPort::one("table", PortType::Table)]
}

fn outputs() -> Vec<OutputPort> {
    vec![
        OutputPort::new("kept", PortType::Table),
        OutputPort::new("removed", PortType::Table),
    ]
}

fn check(by: &str, check: &mut Check) {
    check.require("by", "table", by, ColumnType::Text);
    check.output_like("kept", "table", &[]);
    check.output("removed", removed_schema());
}

/// What was removed: `row` and `kept_row`, numbers of rows of the input from 0, their `similarity`, and the beginnings of
/// both texts.
fn removed_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("row", DataType::Int64, true),
        Field::new("kept_row", DataType::Int64, true),
        Field::new("similarity", DataType::Float64, true),
        Field::new("text", DataType::Utf8, true),
        Field::new("kept_text", DataType::Utf8, true),
    ]))
}

/// Deduplicates the rows that have a text, and writes both outputs.
fn run(
    by: &str,
    deduplicate: impl FnOnce(&[&str]) -> text::Result<Deduplicated>,
    context: &Context<'_>,
) -> Result<(), StepError> {
    let table = context.table("table")?;
    let texts = table.text_column(by)?;
    let with_text: Vec<usize> = (0..texts.len())
        .filter(|&row| texts.is_valid(row))
        .collect();
    let present: Vec<&str> = with_text.iter().map(|&row| texts.value(row)).collect();
    let found = deduplicate(&present)?;
    context.check()?;

    let mut stays = vec![true; table.num_rows()];
    for duplicate in &found.duplicates {
        stays[with_text[duplicate.removed]] = false;
    }
    let kept: Vec<usize> = (0..stays.len()).filter(|&row| stays[row]).collect();
    context.write_table("kept", &table.take(&kept)?)?;
    context.write_table("removed", &removed(&found, &with_text, &texts)?)?;

    let removed = number(found.duplicates.len());
    context.note(format!("{}, {removed} removed", rows(table.num_rows())));
    let without_text = table.num_rows() - with_text.len();
    if without_text > 0 {
        context.note(format!("{} without a text kept", rows(without_text)));
    }
    Ok(())
}

fn removed(
    found: &Deduplicated,
    with_text: &[usize],
    texts: &StringArray,
) -> Result<Table, StepError> {
    let pairs = || {
        let rows = found.duplicates.iter();
        rows.map(|duplicate| (with_text[duplicate.removed], with_text[duplicate.kept]))
    };
    let similarity = found
        .duplicates
        .iter()
        .map(|duplicate| duplicate.similarity);
    Ok(Table::from_columns(vec![
        ("row", columns::ints(pairs().map(|(row, _)| row as i64))),
        (
            "kept_row",
            columns::ints(pairs().map(|(_, kept)| kept as i64)),
        ),
        ("similarity", columns::floats(similarity)),
        (
            "text",
            columns::text(pairs().map(|(row, _)| head(texts.value(row)))),
        ),
        (
            "kept_text",
            columns::text(pairs().map(|(_, kept)| head(texts.value(kept)))),
        ),
    ])?)
}

/// The beginning of a text, on one line.
fn head(text: &str) -> String {
    let mut words = String::new();
    for word in text.split_whitespace() {
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(word);
        if words.chars().count() > HEAD {
            return words.chars().take(HEAD - 1).chain(['…']).collect();
        }
    }
    words
}

#[cfg(test)]
mod tests;
