//! The table of how each label is shared out.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use table::{Table, columns};
use text::LabelSets;

use crate::steps::StepError;

/// The table's columns: `label`, `rows` (that carry it and are in a part), and for each part `share.PART`, from 0 to 1.
pub(super) fn schema(parts: &[&str]) -> SchemaRef {
    let mut fields = vec![
        Field::new("label", DataType::Utf8, true),
        Field::new("rows", DataType::Int64, true),
    ];
    let share = |part: &&str| Field::new(format!("share.{part}"), DataType::Float64, true);
    fields.extend(parts.iter().map(share));
    Arc::new(Schema::new(fields))
}

/// A row for each label, the most frequent first. `rows_of_parts` holds the rows of each part.
pub(super) fn table(
    labels: &LabelSets,
    parts: &[&str],
    rows_of_parts: &[Vec<usize>],
) -> Result<Table, StepError> {
    let mut counts: Vec<Vec<usize>> = vec![vec![0; parts.len()]; labels.labels()];
    for (part, rows) in rows_of_parts.iter().enumerate() {
        for label in rows.iter().flat_map(|&row| labels.row(row)) {
            counts[*label as usize][part] += 1;
        }
    }
    let total = |label: usize| counts[label].iter().sum::<usize>();
    let mut order: Vec<usize> = (0..labels.labels()).collect();
    order.sort_by_key(|&label| std::cmp::Reverse(total(label)));
    let names = order.iter().map(|&label| &labels.vocabulary()[label]);
    let rows = order.iter().map(|&label| total(label) as i64);
    let mut table = vec![
        ("label".to_owned(), columns::text(names)),
        ("rows".to_owned(), columns::ints(rows)),
    ];
    for (at, part) in parts.iter().enumerate() {
        // A label that no part got has no share anywhere: 0 / 0 is null.
        let share = |&label: &usize| {
            let total = total(label);
            (total > 0).then(|| counts[label][at] as f64 / total as f64)
        };
        let column = columns::optional_floats(order.iter().map(share));
        table.push((format!("share.{part}"), column));
    }
    Ok(Table::from_columns(table)?)
}
