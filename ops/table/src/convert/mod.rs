//! Columns of one type as another: the types of foreign files as the few that the engine uses, and those among each other.
//!
//! - `numbers`: whole numbers, floats and truth values.
//! - `texts`: text.
//! - `times`: dates and times as ISO 8601 text.
//! - `lists`: lists.
//!
//! No value is changed on the way: where one has no counterpart, the conversion fails and names it.

mod lists;
mod numbers;
mod texts;
mod times;

use std::fmt::Display;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, new_null_array};
use arrow_schema::DataType;

use crate::error::type_name;

/// The column as one of type `wanted`; nulls stay null.
///
/// # Errors
/// A sentence, where there is no way between the types or a value has no counterpart.
pub(crate) fn convert(column: &ArrayRef, wanted: &DataType) -> Result<ArrayRef, String> {
    use DataType::{Boolean, Dictionary, FixedSizeList, Float64, Int64, List, Null, Utf8};
    if column.data_type() == wanted {
        return Ok(Arc::clone(column));
    }
    match (column.data_type(), wanted) {
        (Null, _) => Ok(new_null_array(wanted, column.len())),
        (Dictionary(_, _), _) => {
            let dictionary = column.as_any_dictionary();
            let plain = arrow_select::take::take(dictionary.values(), dictionary.keys(), None)
                .map_err(|error| error.to_string())?;
            convert(&plain, wanted)
        }
        (_, Int64) => numbers::to_int(column),
        (_, Float64) => numbers::to_float(column),
        (_, Boolean) => numbers::to_bool(column),
        (_, Utf8) => texts::to_text(column),
        (_, List(item)) => lists::to_list(column, item),
        (_, FixedSizeList(item, size)) => lists::to_vectors(column, item, *size),
        _ => Err(no_way(column.data_type(), wanted)),
    }
}

fn no_way(found: &DataType, wanted: &DataType) -> String {
    format!("{} cannot become {}", type_name(found), type_name(wanted))
}

/// The sentence about a value that has no counterpart.
fn unfit(value: impl Display, wanted: &str) -> String {
    const SHOWN: usize = 40;
    let value = value.to_string();
    let shown: String = value.chars().take(SHOWN).collect();
    let more = if shown.len() < value.len() { "…" } else { "" };
    format!("it holds {shown}{more}, which is no {wanted}")
}
