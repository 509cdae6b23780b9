//! Stacking tables whose schemas differ.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, new_null_array};
use arrow_schema::{ArrowError, DataType, Field, Schema};

use crate::batch::record_batch;
use crate::columns::string_list_type;
use crate::convert::convert;
use crate::error::{Result, TableError, type_name};
use crate::table::Table;

/// The tables one under the other. Columns are matched by name, in the order in which names
/// first appear; where a table lacks a column its rows hold null there, and where types differ
/// the column is widened: int to float, any scalar to text.
///
/// # Errors
/// Where a column's types have no common one: lists beside scalars, vectors of two sizes.
pub fn concat(tables: &[Table]) -> Result<Table> {
    let mut fields: Vec<(String, DataType)> = Vec::new();
    for table in tables {
        for field in table.schema().fields() {
            match fields.iter_mut().find(|(name, _)| name == field.name()) {
                None => fields.push((field.name().clone(), field.data_type().clone())),
                Some((name, held)) => {
                    *held = widened(held, field.data_type()).ok_or_else(|| {
                        TableError::ConcatTypes {
                            name: name.clone(),
                            left: type_name(held),
                            right: type_name(field.data_type()),
                        }
                    })?;
                }
            }
        }
    }
    let schema = Arc::new(Schema::new(
        fields
            .iter()
            .map(|(name, data_type)| Field::new(name, data_type.clone(), true))
            .collect::<Vec<_>>(),
    ));
    let mut batches = Vec::new();
    for table in tables {
        for batch in table.batches() {
            let columns = fields
                .iter()
                .map(|(name, data_type)| fitted(batch, name, data_type))
                .collect::<Result<Vec<_>>>()?;
            batches.push(record_batch(&schema, columns, batch.num_rows())?);
        }
    }
    Table::new(schema, batches)
}

/// The narrowest type that holds the values of both; `None` where there is none.
pub(crate) fn widened(left: &DataType, right: &DataType) -> Option<DataType> {
    use DataType::{Boolean, Float64, Int64, Null, Utf8};
    if left == right {
        return Some(left.clone());
    }
    match (left, right) {
        (Null, other) | (other, Null) => Some(other.clone()),
        (Int64, Float64) | (Float64, Int64) => Some(Float64),
        (Boolean | Int64 | Float64 | Utf8, Boolean | Int64 | Float64 | Utf8) => Some(Utf8),
        (DataType::List(a), DataType::List(b)) if a.data_type() == b.data_type() => {
            if a.data_type() == &Utf8 {
                Some(string_list_type())
            } else {
                Some(DataType::List(Arc::new(Field::new_list_field(
                    a.data_type().clone(),
                    true,
                ))))
            }
        }
        _ => None,
    }
}

/// The column `name` of a batch as one of type `data_type`, or nulls where it has none.
fn fitted(batch: &RecordBatch, name: &str, data_type: &DataType) -> Result<ArrayRef> {
    match batch.column_by_name(name) {
        None => Ok(new_null_array(data_type, batch.num_rows())),
        Some(column) => convert(column, data_type)
            .map_err(ArrowError::CastError)
            .map_err(TableError::arrow("widen a column's type")),
    }
}
