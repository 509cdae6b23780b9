//! Reading Parquet files: all, some columns, the head, the schema.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::guard::{damaged, guarded};
use super::{normal_batch, normal_schema};
use crate::batch::{column_index, plain_schema};
use crate::error::{Result, TableError};
use crate::table::Table;

/// Rows of a batch read; a batch of long texts stays within tens of megabytes.
const BATCH_ROWS: usize = 8_192;

/// The rows of a Parquet file, all columns or the named ones in the given order.
///
/// Types are brought to those of [`Table`]: any integer to `Int64`, any text to `Utf8`, dates and
/// times to ISO 8601 text.
///
/// # Errors
/// Where the file cannot be read or is no Parquet file, or a named column is not in it.
pub fn read_parquet(path: &Path, columns: Option<&[&str]>) -> Result<Table> {
    collect(ParquetFile::open(path)?, columns, None)
}

/// The first `rows` rows of a Parquet file; later pages are not read.
///
/// # Errors
/// Where the file cannot be read or is no Parquet file.
pub fn parquet_head(path: &Path, rows: usize) -> Result<Table> {
    collect(ParquetFile::open(path)?, None, Some(rows))
}

/// The columns of a Parquet file; only its footer is read.
///
/// # Errors
/// Where the file cannot be read or is no Parquet file.
pub fn parquet_schema(path: &Path) -> Result<SchemaRef> {
    Ok(ParquetFile::open(path)?.schema)
}

/// The number of rows of a Parquet file; only its footer is read.
///
/// # Errors
/// Where the file cannot be read or is no Parquet file.
pub fn parquet_rows(path: &Path) -> Result<usize> {
    Ok(ParquetFile::open(path)?.rows)
}

fn collect(file: ParquetFile, columns: Option<&[&str]>, limit: Option<usize>) -> Result<Table> {
    let reader = file.batches(columns, limit)?;
    let schema = Arc::clone(&reader.schema);
    let batches = reader.collect::<Result<Vec<_>>>()?;
    Table::new(schema, batches)
}

/// An opened Parquet file, its footer read.
pub(crate) struct ParquetFile {
    path: PathBuf,
    builder: ParquetRecordBatchReaderBuilder<File>,
    pub(crate) schema: SchemaRef,
    pub(crate) rows: usize,
}

impl ParquetFile {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(TableError::io("open", path))?;
        let builder = guarded(path, || ParquetRecordBatchReaderBuilder::try_new(file))?;
        let schema = plain_schema(&normal_schema(builder.schema()))?;
        let rows = usize::try_from(builder.metadata().file_metadata().num_rows())
            .map_err(|_| damaged(path, "its footer states a negative number of rows"))?;
        Ok(Self {
            path: path.to_owned(),
            builder,
            schema,
            rows,
        })
    }

    /// A stream of the rows, of the named columns or all, up to `limit` rows.
    pub(crate) fn batches(
        self,
        columns: Option<&[&str]>,
        limit: Option<usize>,
    ) -> Result<BatchReader> {
        let mut builder = self.builder.with_batch_size(BATCH_ROWS);
        let mut order = None;
        let mut schema = Arc::clone(&self.schema);
        if let Some(names) = columns {
            let wanted = names
                .iter()
                .map(|name| column_index(&self.schema, name))
                .collect::<Result<Vec<_>>>()?;
            let mask = ProjectionMask::roots(builder.parquet_schema(), wanted.iter().copied());
            builder = builder.with_projection(mask);
            schema = plain_schema(&Arc::new(
                schema
                    .project(&wanted)
                    .map_err(TableError::arrow("select columns"))?,
            ))?;
            // The reader gives the columns in the file's order.
            let mut sorted = wanted.clone();
            sorted.sort_unstable();
            order = Some(
                wanted
                    .iter()
                    .filter_map(|index| sorted.iter().position(|held| held == index))
                    .collect(),
            );
        }
        if let Some(limit) = limit {
            builder = builder.with_limit(limit);
        }
        let reader = guarded(&self.path, || builder.build())?;
        Ok(BatchReader {
            path: self.path,
            reader,
            order,
            schema,
        })
    }
}

/// A stream of the batches of one file, with normal types.
pub(crate) struct BatchReader {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
    order: Option<Vec<usize>>,
    pub(crate) schema: SchemaRef,
}

impl Iterator for BatchReader {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let reader = &mut self.reader;
        let order = self.order.as_deref();
        let schema = &self.schema;
        let batch = guarded(&self.path, || {
            let Some(batch) = reader.next().transpose()? else {
                return Ok::<_, ArrowError>(None);
            };
            let batch = match order {
                Some(order) => batch.project(order)?,
                None => batch,
            };
            Ok(Some(normal_batch(schema, &batch)))
        });
        let unfit = |reason: String| TableError::Parquet {
            action: "read",
            path: self.path.clone(),
            reason: format!("{reason}; to read the rest, name the other columns"),
        };
        batch
            .map(|batch| batch.map(|batch| batch.map_err(unfit)))
            .transpose()
            .map(|batch| batch.flatten())
    }
}
