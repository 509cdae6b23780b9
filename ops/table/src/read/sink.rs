//! Where the rows go.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use crate::error::Result;
use crate::parquet_file::{ParquetSummary, ParquetTableWriter};
use crate::table::Table;

/// Takes the rows that a reader finds.
pub trait Sink {
    /// Rows with this schema are to come. A second call says that the reader begins again with
    /// wider types: all rows given so far are void.
    ///
    /// # Errors
    /// Where the sink cannot take such rows; the reading ends with this error.
    fn start(&mut self, schema: &SchemaRef) -> Result<()>;

    /// Takes rows.
    ///
    /// # Errors
    /// Where the sink cannot take them; the reading ends with this error.
    fn write(&mut self, batch: RecordBatch) -> Result<()>;
}

/// Collects rows as a table.
#[derive(Default)]
pub struct TableSink {
    schema: Option<SchemaRef>,
    batches: Vec<RecordBatch>,
}

impl TableSink {
    /// The table of the rows given; without columns if the reading never began.
    ///
    /// # Errors
    /// Where two columns bear one name.
    pub fn finish(self) -> Result<Table> {
        let schema = self
            .schema
            .unwrap_or_else(|| Arc::new(arrow_schema::Schema::empty()));
        Table::new(schema, self.batches)
    }
}

impl Sink for TableSink {
    fn start(&mut self, schema: &SchemaRef) -> Result<()> {
        self.schema = Some(Arc::clone(schema));
        self.batches.clear();
        Ok(())
    }

    fn write(&mut self, batch: RecordBatch) -> Result<()> {
        self.batches.push(batch);
        Ok(())
    }
}

/// Writes rows to a Parquet file, whose bytes depend on the rows alone.
pub struct ParquetSink {
    path: PathBuf,
    threads: usize,
    writer: Option<ParquetTableWriter>,
}

impl ParquetSink {
    /// Writes to `path`, encoding on that many threads.
    #[must_use]
    pub fn new(path: &Path, threads: usize) -> Self {
        Self {
            path: path.to_owned(),
            threads,
            writer: None,
        }
    }

    /// Completes the file. Where the reading never began, it is a table without columns.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn finish(mut self) -> Result<ParquetSummary> {
        if self.writer.is_none() {
            self.start(&Arc::new(arrow_schema::Schema::empty()))?;
        }
        match self.writer {
            Some(writer) => writer.finish(),
            None => Ok(ParquetSummary { rows: 0, bytes: 0 }),
        }
    }
}

impl Sink for ParquetSink {
    fn start(&mut self, schema: &SchemaRef) -> Result<()> {
        // The threads of a void writer end before those of the next begin.
        self.writer = None;
        self.writer = Some(ParquetTableWriter::create(
            &self.path,
            schema,
            self.threads,
        )?);
        Ok(())
    }

    fn write(&mut self, batch: RecordBatch) -> Result<()> {
        match &mut self.writer {
            Some(writer) => writer.write(&batch),
            None => Ok(()),
        }
    }
}
