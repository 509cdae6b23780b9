//! The table of new texts.

use std::sync::Arc;

use arrow_schema::{DataType, Field};
use table::{Table, columns};

use super::super::transformer::tokens::{SPECIAL, TOKEN_IDS};
use super::super::words::{number, rows};
use super::super::{Check, Context, StepError};
use super::AUGMENTED_FROM;
use crate::steps::check::without_fields;

/// States the columns of the output: those of the input without its tokens, and where each row is from.
pub fn check(check: &mut Check) {
    if let Some(schema) = check.columns("table") {
        let schema = without_fields(&schema, &[TOKEN_IDS, SPECIAL, "offsets", AUGMENTED_FROM]);
        let mut fields: Vec<Arc<Field>> = schema.fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new(AUGMENTED_FROM, DataType::Int64, true)));
        check.output("augmented", Arc::new(arrow_schema::Schema::new(fields)));
    }
}

/// Writes the new texts with the other columns of their rows. `texts` are those of all rows, again and again.
pub fn write(
    context: &Context<'_>,
    table: &Table,
    text: &str,
    versions: Vec<Vec<String>>,
) -> Result<(), StepError> {
    let count = table.num_rows();
    let order: Vec<usize> = versions.iter().flat_map(|_| 0..count).collect();
    let mut kept = table.clone();
    for name in [TOKEN_IDS, SPECIAL, "offsets", AUGMENTED_FROM] {
        if kept.has_column(name) {
            kept = kept.drop_column(name)?;
        }
    }
    let old = table.text_column(text)?;
    let changed = versions
        .iter()
        .flat_map(|texts| texts.iter().zip(old.iter()))
        .filter(|(new, old)| Some(new.as_str()) != *old)
        .count();
    let made = kept
        .take(&order)?
        .with_column(text, columns::text(versions.iter().flatten()))?
        .with_column(
            AUGMENTED_FROM,
            columns::ints(order.iter().map(|row| *row as i64)),
        )?;
    context.write_table("augmented", &made)?;
    context.note(format!(
        "{} from {}, {} of them changed",
        rows(made.num_rows()),
        rows(count),
        number(changed)
    ));
    Ok(())
}
