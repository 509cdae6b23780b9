//! Text.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, StringArray};
use arrow_schema::DataType;

use super::{convert, no_way, times, unfit};

/// Text: other texts, numbers and truth values as JSON writes them, dates and times by ISO 8601, bytes that are UTF-8.
pub(super) fn to_text(column: &ArrayRef) -> Result<ArrayRef, String> {
    let texts: StringArray = match column.data_type() {
        DataType::LargeUtf8 => column.as_string::<i64>().iter().collect(),
        DataType::Utf8View => column.as_string_view().iter().collect(),
        DataType::Binary => utf8(column.as_binary::<i32>().iter())?,
        DataType::LargeBinary => utf8(column.as_binary::<i64>().iter())?,
        DataType::BinaryView => utf8(column.as_binary_view().iter())?,
        DataType::Boolean => {
            let bools = column.as_boolean().iter();
            bools
                .map(|value| value.map(|value| if value { "true" } else { "false" }))
                .collect()
        }
        DataType::Float64 => {
            let floats = column.as_primitive::<Float64Type>().iter();
            // Debug keeps the `.0` of a float, so that the text is one's again.
            floats
                .map(|value| value.map(|value| format!("{value:?}")))
                .collect()
        }
        found if found.is_integer() => {
            let ints = convert(column, &DataType::Int64)?;
            let ints = ints.as_primitive::<Int64Type>().iter();
            ints.map(|value| value.map(|value| value.to_string()))
                .collect()
        }
        found if found.is_temporal() => times::to_text(column)?,
        found => return Err(no_way(found, &DataType::Utf8)),
    };
    Ok(Arc::new(texts))
}

fn utf8<'a>(values: impl Iterator<Item = Option<&'a [u8]>>) -> Result<StringArray, String> {
    values
        .map(|value| {
            value
                .map(|bytes| {
                    std::str::from_utf8(bytes)
                        .map_err(|_| unfit(bytes.escape_ascii(), "text in UTF-8"))
                })
                .transpose()
        })
        .collect()
}
