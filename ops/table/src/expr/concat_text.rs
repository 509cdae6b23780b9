//! Text columns joined to one.

use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{Array, ArrayRef, StringArray};

use crate::error::Result;
use crate::table::Table;

/// The texts of the named columns, joined by `separator` row by row, such as title, blank line and
/// body by `"\n\n"`. Nulls and empty texts are left out together with their separator; a row of
/// nothing but nulls is null.
///
/// # Errors
/// Where a column is not there or holds no text.
pub fn concat_text<N: AsRef<str>>(
    table: &Table,
    columns: &[N],
    separator: &str,
) -> Result<ArrayRef> {
    let parts = columns
        .iter()
        .map(|name| table.text_column(name.as_ref()))
        .collect::<Result<Vec<StringArray>>>()?;
    let bytes = parts.iter().map(|part| part.value_data().len()).sum();
    let mut joined = StringBuilder::with_capacity(table.num_rows(), bytes);
    let mut text = String::new();
    for row in 0..table.num_rows() {
        text.clear();
        let mut any = false;
        for part in parts.iter().filter(|part| part.is_valid(row)) {
            any = true;
            let part = part.value(row);
            if !text.is_empty() && !part.is_empty() {
                text.push_str(separator);
            }
            text.push_str(part);
        }
        if any {
            joined.append_value(&text);
        } else {
            joined.append_null();
        }
    }
    Ok(Arc::new(joined.finish()))
}
