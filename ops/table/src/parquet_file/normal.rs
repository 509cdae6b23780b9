//! The types of foreign files brought to the few that the engine uses.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use crate::columns::string_list_type;
use crate::convert::convert;

/// The type that a column of type `found` is read as: every text type as `Utf8`, every integer as
/// `Int64`, every other number as `Float64`, dates and times as ISO 8601 text, lists with 32-bit
/// offsets. Types that have no such counterpart stay.
fn normal_type(found: &DataType) -> DataType {
    use DataType::{
        Boolean, Date32, Date64, Decimal32, Decimal64, Decimal128, Decimal256, Dictionary,
        FixedSizeList, Float16, Float32, Float64, Int8, Int16, Int32, Int64, LargeList,
        LargeListView, LargeUtf8, List, ListView, Null, Time32, Time64, Timestamp, UInt8, UInt16,
        UInt32, UInt64, Utf8, Utf8View,
    };
    match found {
        Null
        | Utf8
        | LargeUtf8
        | Utf8View
        | Date32
        | Date64
        | Time32(_)
        | Time64(_)
        | Timestamp(_, _) => Utf8,
        Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 => Int64,
        Float16
        | Float32
        | Float64
        | Decimal32(_, _)
        | Decimal64(_, _)
        | Decimal128(_, _)
        | Decimal256(_, _) => Float64,
        Boolean => Boolean,
        Dictionary(_, value) => normal_type(value),
        List(item) | LargeList(item) | ListView(item) | LargeListView(item) => {
            if normal_type(item.data_type()) == Utf8 && is_text(item.data_type()) {
                string_list_type()
            } else {
                List(Arc::new(Field::new_list_field(
                    normal_item(item.data_type()),
                    true,
                )))
            }
        }
        FixedSizeList(item, size) => FixedSizeList(
            Arc::new(Field::new_list_field(normal_item(item.data_type()), true)),
            *size,
        ),
        other => other.clone(),
    }
}

fn is_text(found: &DataType) -> bool {
    match found {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, value) => is_text(value),
        _ => false,
    }
}

/// Numbers inside lists are vectors and keep their width; only nested lists are made plain.
fn normal_item(found: &DataType) -> DataType {
    match found {
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(_, _) => {
            normal_type(found)
        }
        other => other.clone(),
    }
}

/// The schema that batches of `schema` are read as.
pub(crate) fn normal_schema(schema: &Schema) -> SchemaRef {
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .map(|field| Field::new(field.name(), normal_type(field.data_type()), true))
        .collect();
    Arc::new(Schema::new(fields))
}

/// The batch with its columns as `schema`, which is the [`normal_schema`] of its own, has them.
///
/// # Errors
/// Where a value has no counterpart, such as an unsigned integer past the signed 64 bits.
pub(crate) fn normal_batch(schema: &SchemaRef, batch: &RecordBatch) -> Result<RecordBatch, String> {
    let columns = batch
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| {
            convert(column, field.data_type())
                .map_err(|reason| format!("its column `{}`: {reason}", field.name()))
        })
        .collect::<Result<Vec<ArrayRef>, _>>()?;
    let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
        .map_err(|error| error.to_string())
}
