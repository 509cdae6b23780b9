//! Artifacts as people read them: the head of a table, the numbers of a metrics file.

use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use serde_json::Value as Json;
use table::parquet_file::{parquet_head, parquet_rows};
use table::{StringLists, TableError};

use crate::report::table::{Column, TextTable};

/// The first rows of a table.
pub struct TableHead {
    /// The rows.
    pub content: TextTable,
    /// How many rows the whole table has.
    pub rows: usize,
}

/// Reads the first `rows` rows of a Parquet file; of each text at most `characters`.
pub fn table_head(path: &Path, rows: usize, characters: usize) -> Result<TableHead, TableError> {
    let head = parquet_head(path, rows)?;
    let names: Vec<String> = head.column_names().map(str::to_owned).collect();
    let mut columns = Vec::with_capacity(names.len());
    let mut cells: Vec<Vec<String>> = vec![Vec::with_capacity(names.len()); head.num_rows()];
    for name in names {
        let values = head.column(&name)?;
        for (row, cells) in cells.iter_mut().enumerate() {
            cells.push(cell(&values, row, characters));
        }
        let is_number = values.data_type().is_numeric();
        columns.push(if is_number {
            Column::number(name)
        } else {
            Column::text(name)
        });
    }
    let mut content = TextTable::new(columns);
    content.rows = cells;
    Ok(TableHead {
        content,
        rows: parquet_rows(path)?,
    })
}

fn cell(values: &ArrayRef, row: usize, characters: usize) -> String {
    if values.is_null(row) {
        return String::new();
    }
    let text = match values.data_type() {
        DataType::Utf8 => values.as_string::<i32>().value(row).to_owned(),
        DataType::Int64 => values.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float64 => decimal(values.as_primitive::<Float64Type>().value(row)),
        DataType::Boolean => values.as_boolean().value(row).to_string(),
        DataType::List(_) => match StringLists::new(values) {
            Some(lists) => lists.row(row).collect::<Vec<_>>().join(", "),
            None => format!("[{} values]", values.as_list::<i32>().value_length(row)),
        },
        other => format!("({other})"),
    };
    shortened(&text, characters)
}

/// A number with up to four decimals.
pub fn decimal(number: f64) -> String {
    if number == number.trunc() && number.abs() < 1e15 {
        return format!("{number:.0}");
    }
    format!("{number:.4}")
}

/// `text` on one line, cut to `characters`.
fn shortened(text: &str, characters: usize) -> String {
    let mut line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() > characters {
        line = line
            .chars()
            .take(characters.saturating_sub(1))
            .chain(['…'])
            .collect();
    }
    line
}

/// Every number in a metrics file, nested names joined by dots, in the order of the file's keys.
pub fn numbers(metrics: &Json) -> Vec<(String, f64)> {
    let mut found = Vec::new();
    collect_numbers("", metrics, &mut found);
    found
}

fn collect_numbers(path: &str, value: &Json, found: &mut Vec<(String, f64)>) {
    match value {
        Json::Number(number) => {
            found.extend(number.as_f64().map(|number| (path.to_owned(), number)))
        }
        Json::Object(entries) => {
            for (name, value) in entries {
                let longer = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                collect_numbers(&longer, value, found);
            }
        }
        _ => {}
    }
}
