//! Rows of files of any layout, as tables.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use table::read::{self, Format, LocalFile, ReadOptions, Sink};
use table::{Table, TableError, Watch};

use super::output::Output;
use super::{Account, Reading, TagError, Tagger, TextFields};
use crate::steps::rows::texts;

/// Tags the rows of files. They are brought to a table in `folder` first, since types of columns are known only when all rows were read.
pub fn tag(
    files: &[LocalFile],
    format: Format,
    folder: &Path,
    tagger: &Tagger,
    reading: &Reading,
    output: &mut Output,
    cancelled: &AtomicBool,
) -> Result<Account, TagError> {
    let options = ReadOptions {
        on_error: reading.on_error,
        threads: tagger.threads(),
        ..ReadOptions::new(format)
    };
    let watch = Watch {
        cancelled: &|| cancelled.load(Ordering::Relaxed),
        ..Watch::nobody()
    };
    let mut account = Account::default();
    let mut parquet = files.to_vec();
    if format != Format::Parquet {
        let path = folder.join("rows.parquet");
        let (_, report) = read::read_to_parquet(files, &options, &path, &watch)
            .map_err(|error| named(error, files))?;
        account.bad_rows = report.bad_rows;
        account.first_bad = report.first_bad;
        for bad in &mut account.first_bad {
            bad.file = name(&bad.file, files);
        }
        parquet = vec![LocalFile::new(path)];
    }
    let mut sink = TagSink {
        tagger,
        text: &reading.text,
        output,
        columns: Vec::new(),
        schema: None,
        rows: 0,
        failed: None,
        cancelled,
    };
    let read = read::read(
        &parquet,
        &ReadOptions::new(Format::Parquet),
        &mut sink,
        &watch,
    );
    if let Some(failed) = sink.failed {
        return Err(failed);
    }
    account.rows = sink.rows;
    read.map_err(|error| named(error, files))?;
    Ok(account)
}

/// Takes tables and gives their rows labels.
struct TagSink<'a> {
    tagger: &'a Tagger,
    text: &'a TextFields,
    output: &'a mut Output,
    columns: Vec<String>,
    schema: Option<SchemaRef>,
    rows: u64,
    /// Why it takes no more.
    failed: Option<TagError>,
    cancelled: &'a AtomicBool,
}

impl TagSink<'_> {
    fn begin(&mut self, schema: &SchemaRef) -> Result<(), TagError> {
        let names = schema.fields().iter().map(|field| field.name().as_str());
        self.columns = self.text.of_columns(names)?;
        self.schema = Some(schema.clone());
        let threads = self.tagger.threads();
        (self.output).start_table(schema, self.tagger.labels(), threads)
    }

    fn tag(&mut self, batch: &RecordBatch) -> Result<(), TagError> {
        let Some(schema) = &self.schema else {
            return Ok(());
        };
        let most = self.tagger.batch_rows();
        for start in (0..batch.num_rows()).step_by(most) {
            if self.cancelled.load(Ordering::Relaxed) {
                return Err(crate::steps::StepError::Cancelled.into());
            }
            let rows = batch.slice(start, most.min(batch.num_rows() - start));
            let table = Table::new(schema.clone(), vec![rows])?;
            let column = TextFields::of_table(&table, &self.columns)?;
            let tags = self.tagger.tag(&texts(&column))?;
            self.output.write_table(&table, &tags)?;
            self.rows += table.num_rows() as u64;
        }
        Ok(())
    }
}

impl Sink for TagSink<'_> {
    fn start(&mut self, schema: &SchemaRef) -> table::Result<()> {
        self.begin(schema).map_err(|error| {
            self.failed = Some(error);
            TableError::Cancelled
        })
    }

    fn write(&mut self, batch: RecordBatch) -> table::Result<()> {
        self.tag(&batch).map_err(|error| {
            self.failed = Some(error);
            TableError::Cancelled
        })
    }
}

/// An error that calls a file by its name, not by the path of a copy.
fn named(error: TableError, files: &[LocalFile]) -> TagError {
    let error = match error {
        TableError::BadRow { mut bad } => {
            bad.file = name(&bad.file, files);
            TableError::BadRow { bad }
        }
        TableError::File { path, reason } => TableError::File {
            path: name(&path, files),
            reason,
        },
        other => other,
    };
    error.into()
}

fn name(path: &Path, files: &[LocalFile]) -> std::path::PathBuf {
    let found = files.iter().find(|file| file.path == path);
    found.map_or_else(|| path.to_owned(), |file| file.name.clone().into())
}
