//! Rows out of Parquet files.

use std::sync::Arc;

use arrow_array::{ArrayRef, StringArray, new_null_array};
use arrow_schema::{DataType, Field, Schema};

use super::columns::Kind;
use super::options::ReadOptions;
use super::plan::LocalFile;
use super::report::LoadReport;
use super::sink::Sink;
use crate::batch::record_batch;
use crate::concat::widened;
use crate::convert::convert;
use crate::error::{Result, TableError, type_name};
use crate::parquet_file::ParquetFile;
use crate::watch::{Progress, Watch};

/// Reads Parquet files into a sink. Columns of several files are matched by name and widened;
/// their footers tell the types, so nothing is ever read twice.
pub(super) fn read(
    files: &[LocalFile],
    options: &ReadOptions,
    sink: &mut dyn Sink,
    watch: &Watch<'_>,
) -> Result<LoadReport> {
    let mut columns: Vec<(String, String, DataType)> = options
        .columns
        .iter()
        .map(|(name, from)| (name.clone(), from.clone(), DataType::Null))
        .collect();
    let picks = !columns.is_empty();
    for file in files {
        let opened = ParquetFile::open(&file.path)?;
        if picks {
            for (_, from) in &options.columns {
                crate::batch::column_index(&opened.schema, from)?;
            }
        }
        for field in opened.schema.fields() {
            let mut known = false;
            for (name, from, held) in &mut columns {
                if from == field.name() {
                    known = true;
                    *held = widened(held, field.data_type()).ok_or_else(|| {
                        TableError::ConcatTypes {
                            name: name.clone(),
                            left: type_name(held),
                            right: type_name(field.data_type()),
                        }
                    })?;
                }
            }
            if !known && !picks {
                columns.push((
                    field.name().clone(),
                    field.name().clone(),
                    field.data_type().clone(),
                ));
            }
        }
    }
    for (name, given) in &options.types {
        match columns.iter_mut().find(|(column, _, _)| column == name) {
            Some((_, _, held)) => *held = Kind::from(*given).data_type(),
            None => {
                let names = columns.iter().map(|(column, _, _)| column.as_str());
                return Err(TableError::no_column(name, names));
            }
        }
    }
    let mut fields: Vec<Field> = columns
        .iter()
        .map(|(name, _, held)| Field::new(name, held.clone(), true))
        .collect();
    if let Some(file) = &options.file_column {
        fields.push(Field::new(file, DataType::Utf8, true));
    }
    let schema = crate::batch::plain_schema(&Arc::new(Schema::new(fields)))?;
    sink.start(&schema)?;

    let mut report = LoadReport::default();
    for file in files {
        let opened = ParquetFile::open(&file.path)?;
        let mut present: Vec<&str> = Vec::new();
        for (_, from, _) in &columns {
            if opened.schema.column_with_name(from).is_some() && !present.contains(&from.as_str()) {
                present.push(from);
            }
        }
        let size = file_size(file);
        let rows_in_file = opened.rows.max(1) as u64;
        let mut rows_read = 0;
        for batch in opened.batches(Some(&present), None)? {
            watch.check()?;
            let batch = batch?;
            let rows = batch.num_rows();
            let mut arrays = columns
                .iter()
                .map(|(name, from, held)| fitted(file, &batch, from, name, held))
                .collect::<Result<Vec<ArrayRef>>>()?;
            if options.file_column.is_some() {
                arrays.push(Arc::new(StringArray::from_iter_values(
                    std::iter::repeat_n(&file.name, rows),
                )));
            }
            rows_read += rows as u64;
            report.rows += rows as u64;
            sink.write(record_batch(&schema, arrays, rows)?)?;
            (watch.progress)(Progress {
                bytes: report.bytes + size * rows_read.min(rows_in_file) / rows_in_file,
                rows: report.rows,
            });
        }
        report.bytes += size;
        report.files.push(file.path.clone());
    }
    Ok(report)
}

/// The column found under `from`, as one of type `held` called `name`.
fn fitted(
    file: &LocalFile,
    batch: &arrow_array::RecordBatch,
    from: &str,
    name: &str,
    held: &DataType,
) -> Result<ArrayRef> {
    let Some(column) = batch.column_by_name(from) else {
        return Ok(new_null_array(held, batch.num_rows()));
    };
    convert(column, held).map_err(|reason| TableError::File {
        path: file.path.clone(),
        reason: format!(
            "the column `{name}` cannot be read as {}: {reason}",
            type_name(held)
        ),
    })
}

fn file_size(file: &LocalFile) -> u64 {
    std::fs::metadata(&file.path).map_or(0, |metadata| metadata.len())
}
