//! Schemas and batches as tables hold them.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, Schema, SchemaRef};

use crate::error::{Result, TableError};

/// The position of a column.
///
/// # Errors
/// Where there is none of this name.
pub(crate) fn column_index(schema: &Schema, name: &str) -> Result<usize> {
    match schema.column_with_name(name) {
        Some((index, _)) => Ok(index),
        None => {
            let names = schema.fields().iter().map(|field| field.name().as_str());
            Err(TableError::no_column(name, names))
        }
    }
}

/// A batch that keeps its row count even without columns.
pub(crate) fn record_batch(
    schema: &SchemaRef,
    columns: Vec<ArrayRef>,
    rows: usize,
) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
        .map_err(TableError::arrow("put columns into a table"))
}

/// The schema with every field nullable and without metadata: foreign files carry metadata whose
/// order is random, and it says nothing that the engine uses.
pub(crate) fn plain_schema(schema: &SchemaRef) -> Result<SchemaRef> {
    let mut seen = std::collections::HashSet::new();
    for field in schema.fields() {
        if !seen.insert(field.name().as_str()) {
            return Err(TableError::DuplicateColumn {
                name: field.name().clone(),
            });
        }
    }
    let plain = schema.metadata().is_empty()
        && schema
            .fields()
            .iter()
            .all(|field| field.is_nullable() && field.metadata().is_empty());
    if plain {
        return Ok(Arc::clone(schema));
    }
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .map(|field| Field::new(field.name(), field.data_type().clone(), true))
        .collect();
    Ok(Arc::new(Schema::new(fields)))
}

/// The batch under `schema`, which must have its types.
pub(crate) fn with_schema(schema: &SchemaRef, batch: &RecordBatch) -> Result<RecordBatch> {
    record_batch(schema, batch.columns().to_vec(), batch.num_rows())
}
