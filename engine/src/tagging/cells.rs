//! What is in a table's cells, as JSON and as CSV.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, Schema};
use serde_json::{Number, Value as Json};

use crate::steps::StepError;

/// What separates the items of a list in CSV; `load` reads it by `lists = { labels = ";" }`.
pub const ITEMS: &str = ";";

/// Fails for a column whose cells are not written here.
pub fn check(schema: &Schema) -> Result<(), StepError> {
    for field in schema.fields() {
        if !is_known(field.data_type()) {
            let message = format!(
                "the column `{}` holds {}, which has no place in JSON or CSV",
                field.name(),
                table::type_name(field.data_type())
            );
            return Err(StepError::new(message)
                .help("leave the column out of the file, or write --output FILE.parquet"));
        }
    }
    Ok(())
}

fn is_known(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8
        | DataType::Int64
        | DataType::Float64
        | DataType::Float32
        | DataType::Boolean
        | DataType::Null => true,
        DataType::List(item) | DataType::FixedSizeList(item, _) => is_known(item.data_type()),
        _ => false,
    }
}

/// A cell as JSON.
pub fn json(column: &ArrayRef, row: usize) -> Json {
    if column.is_null(row) {
        return Json::Null;
    }
    match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().value(row).into(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).into(),
        DataType::Float64 => number(column.as_primitive::<Float64Type>().value(row)),
        DataType::Float32 => number(f64::from(column.as_primitive::<Float32Type>().value(row))),
        DataType::Boolean => column.as_boolean().value(row).into(),
        DataType::List(_) => items(&column.as_list::<i32>().value(row)),
        DataType::FixedSizeList(..) => items(&column.as_fixed_size_list().value(row)),
        _ => Json::Null,
    }
}

fn items(list: &ArrayRef) -> Json {
    (0..list.len()).map(|item| json(list, item)).collect()
}

/// A number as JSON, in no more digits than it has where it was computed in single precision; null where JSON has no such number.
pub fn number(value: f64) -> Json {
    let short = value as f32;
    let is_single = f64::from(short) == value;
    let shortest = is_single.then(|| short.to_string().parse().ok()).flatten();
    Number::from_f64(shortest.unwrap_or(value)).map_or(Json::Null, Json::Number)
}

/// Appends a cell to a row of CSV.
///
/// # Errors
/// For a list with an item that looks like several.
pub fn csv(cell: &Json, delimiter: u8, row: &mut Vec<u8>) -> Result<(), StepError> {
    match cell {
        Json::Null => {}
        Json::String(text) => csv_text(text, delimiter, row),
        Json::Array(items) if items.iter().all(Json::is_string) => {
            let items: Vec<&str> = items.iter().filter_map(Json::as_str).collect();
            if let Some(item) = items.iter().find(|item| item.contains(ITEMS)) {
                let message = format!(
                    "`{item}` has a `{ITEMS}` in it, which separates the items of a list in CSV"
                );
                return Err(StepError::new(message).help(
                    "write --output FILE.jsonl or FILE.parquet, which keep lists as they are",
                ));
            }
            csv_text(&items.join(ITEMS), delimiter, row);
        }
        other => csv_text(&other.to_string(), delimiter, row),
    }
    Ok(())
}

/// Appends a text to a row of CSV. The empty text is quoted, which tells it from nothing.
pub fn csv_text(text: &str, delimiter: u8, row: &mut Vec<u8>) {
    let special = |byte: u8| byte == delimiter || matches!(byte, b'"' | b'\n' | b'\r');
    let is_plain = !text.is_empty() && !text.bytes().any(special) && text.trim() == text;
    if is_plain {
        row.extend_from_slice(text.as_bytes());
        return;
    }
    row.push(b'"');
    row.extend_from_slice(text.replace('"', "\"\"").as_bytes());
    row.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn csv_of(cell: &Json) -> String {
        let mut row = Vec::new();
        csv(cell, b',', &mut row).unwrap();
        String::from_utf8(row).unwrap()
    }

    #[test]
    fn fields_of_csv_are_quoted_where_they_must_be() {
        assert_eq!(csv_of(&json!("plain; text")), "plain; text");
        assert_eq!(csv_of(&json!("a,\"b\"")), "\"a,\"\"b\"\"\"");
        assert_eq!(csv_of(&json!("a\nb")), "\"a\nb\"");
        assert_eq!(csv_of(&json!("")), "\"\"");
        assert_eq!(csv_of(&Json::Null), "");
        assert_eq!(csv_of(&json!(["bug", "io"])), "bug;io");
        assert_eq!(csv_of(&json!([0.5, 1.0])), "\"[0.5,1.0]\"");
        let mut row = Vec::new();
        assert!(csv(&json!(["a;b"]), b',', &mut row).is_err());
    }

    #[test]
    fn numbers_have_the_digits_that_they_were_computed_with() {
        assert_eq!(number(f64::from(0.1_f32)).to_string(), "0.1");
        assert_eq!(number(0.1).to_string(), "0.1");
        assert_eq!(number(1.0 / 3.0).to_string(), "0.3333333333333333");
        assert_eq!(number(f64::NAN), Json::Null);
    }
}
