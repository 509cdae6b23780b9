//! Reading rows out of JSON, CSV, Parquet and text files, compressed or not, as a stream.
//!
//! One thread reads, decompresses and cuts the content into chunks of whole rows; others parse
//! chunks into Arrow columns, without a tree of values in between; the caller's thread hands the
//! batches on in order. Memory is bounded by the chunks under way, not by the files.
//!
//! # Types
//! Text, whole numbers and floats of 64 bits, truth values and lists of text; whatever else JSON
//! holds (objects, other arrays) is kept as its JSON text. Types are learned from the first
//! 1 MiB. Where a later row does not fit, all rows are looked at once for the narrowest types
//! that hold them, and the reading begins again, at most once: whole numbers widen to floats, and
//! values of several kinds to text. Numbers that 64 bits cannot hold are text. So the types never
//! depend on which rows come first. A type that was given is kept, and a row that does not fit it
//! is bad.

mod bytes;
mod columns;
mod csv;
mod cut;
mod issues;
mod json;
mod open;
mod options;
mod parquet;
mod parse;
mod plan;
mod report;
mod sink;
mod stream;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use arrow_array::Array;
use arrow_schema::SchemaRef;

pub use bytes::Content;
pub use options::{ColumnType, Format, OnError, ReadOptions};
pub use plan::LocalFile;
pub use report::{BadRow, LoadReport};
pub use sink::{ParquetSink, Sink, TableSink};

use crate::error::{Result, TableError};
use crate::parquet_file::ParquetSummary;
use crate::table::Table;
use crate::watch::{Progress, Watch};
use parse::{Parsed, Parser, Task};
use plan::{Plan, common_format};
use stream::{Flow, pass};

/// Bytes that the types are learned from at first.
const SAMPLE_BYTES: usize = 1 << 20;

/// Reads files, in order, into a sink.
///
/// # Errors
/// Where a file cannot be read, is not what its format says or holds no rows at all, where
/// options contradict each other, where a row is bad and `on_error` is `fail`, and what the sink
/// gives. The message names file, line and reason.
pub fn read(
    files: &[LocalFile],
    options: &ReadOptions,
    sink: &mut dyn Sink,
    watch: &Watch<'_>,
) -> Result<LoadReport> {
    let format = common_format(files, options)?;
    let mut plan = Plan::new(format, options)?;
    if files.is_empty() {
        return Err(TableError::Options {
            message: "there is no file to read".into(),
        });
    }
    if format == Format::Parquet {
        return parquet::read(files, options, sink, watch);
    }
    let has_content = if plan.settled {
        files.iter().try_fold(false, |found, file| {
            Ok(found || !is_empty(file, &plan, options)?)
        })?
    } else {
        sample(files, &mut plan, options)?
    };
    if !has_content {
        return Err(TableError::File {
            path: files[0].path.clone(),
            reason: "it is empty; if rows are yet to come, make them first".into(),
        });
    }
    if let Some(report) = fill(files, &plan, options, sink, watch)? {
        return Ok(report);
    }
    learn_all(files, &mut plan, options, watch)?;
    match fill(files, &plan, options, sink, watch)? {
        Some(report) => Ok(LoadReport {
            restarted: true,
            ..report
        }),
        None => Err(TableError::File {
            path: files[0].path.clone(),
            reason: "it changed while it was read; read it again when nobody writes to it".into(),
        }),
    }
}

/// Reads files into a table in memory.
///
/// # Errors
/// As [`read`].
pub fn read_table(files: &[LocalFile], options: &ReadOptions) -> Result<(Table, LoadReport)> {
    let mut sink = TableSink::default();
    let report = read(files, options, &mut sink, &Watch::nobody())?;
    Ok((sink.finish()?, report))
}

/// Reads files into the Parquet file `path`; equal rows give equal bytes.
///
/// # Errors
/// As [`read`], and where the file cannot be written.
pub fn read_to_parquet(
    files: &[LocalFile],
    options: &ReadOptions,
    path: &Path,
    watch: &Watch<'_>,
) -> Result<(ParquetSummary, LoadReport)> {
    let mut sink = ParquetSink::new(path, options.threads);
    let report = read(files, options, &mut sink, watch)?;
    Ok((sink.finish()?, report))
}

/// The columns that reading the files would give, as far as their first rows tell.
///
/// # Errors
/// As [`read`], bad rows aside.
pub fn peek_schema(files: &[LocalFile], options: &ReadOptions) -> Result<SchemaRef> {
    let format = common_format(files, options)?;
    if format == Format::Parquet {
        let mut sink = TableSink::default();
        let stop = Watch {
            cancelled: &|| true,
            ..Watch::nobody()
        };
        return match parquet::read(files, options, &mut sink, &stop) {
            Ok(_) | Err(TableError::Cancelled) => Ok(Arc::clone(sink.finish()?.schema())),
            Err(error) => Err(error),
        };
    }
    let mut plan = Plan::new(format, options)?;
    if !plan.settled {
        sample(files, &mut plan, options)?;
    }
    plan.schema(options)
}

fn is_empty(file: &LocalFile, plan: &Plan, options: &ReadOptions) -> Result<bool> {
    let count = Arc::new(AtomicU64::new(0));
    Ok(open::open(file, plan.format, options, SAMPLE_BYTES, count)?.is_empty)
}

/// Learns from the first rows; says whether any file holds anything.
fn sample(files: &[LocalFile], plan: &mut Plan, options: &ReadOptions) -> Result<bool> {
    let mut has_content = false;
    for file in files {
        let count = Arc::new(AtomicU64::new(0));
        let mut opened = open::open(file, plan.format, options, SAMPLE_BYTES, count)?;
        has_content |= !opened.is_empty;
        if opened.is_empty {
            continue;
        }
        while let Some(chunk) = opened.chunks.next(Vec::new())? {
            let schema = plan.schema(options)?;
            let mut parser = Parser::new(plan, options, schema);
            let parsed = parser.parse(&chunk, &opened.layout, &file.name, Task::Learn)?;
            let rows = parsed.rows;
            plan.learn(parsed.learned, options);
            if rows > 0 {
                return Ok(true);
            }
        }
    }
    Ok(has_content)
}

/// Learns from all rows.
fn learn_all(
    files: &[LocalFile],
    plan: &mut Plan,
    options: &ReadOptions,
    watch: &Watch<'_>,
) -> Result<()> {
    let known = plan.clone();
    let schema = known.schema(options)?;
    let mut rows = 0;
    let mut take = |_: usize, bytes: u64, parsed: Parsed| {
        plan.learn(parsed.learned, options);
        rows += parsed.rows;
        (watch.progress)(Progress { bytes, rows });
        Ok(Flow::Go)
    };
    pass(
        files,
        &known,
        &schema,
        options,
        Task::Learn,
        watch,
        &mut take,
    )?;
    plan.settled = true;
    Ok(())
}

/// Reads all rows into the sink; `None` where one does not fit the types known so far.
fn fill(
    files: &[LocalFile],
    plan: &Plan,
    options: &ReadOptions,
    sink: &mut dyn Sink,
    watch: &Watch<'_>,
) -> Result<Option<LoadReport>> {
    let schema = plan.schema(options)?;
    sink.start(&schema)?;
    let mut report = LoadReport::default();
    let mut misfit = false;
    let mut filled = vec![false; schema.fields().len()];
    let mut take = |file: usize, bytes: u64, parsed: Parsed| {
        if parsed.misfit {
            misfit = true;
            return Ok(Flow::Stop);
        }
        for (line, reason) in parsed.first_bad {
            let bad = BadRow {
                file: files[file].path.clone(),
                line,
                reason,
            };
            if options.on_error == OnError::Fail {
                return Err(TableError::BadRow { bad });
            }
            if report.first_bad.len() < LoadReport::KEPT {
                report.first_bad.push(bad);
            }
        }
        report.rows += parsed.rows;
        report.bad_rows += parsed.bad_rows;
        report.blank_lines += parsed.blank_lines;
        report.bytes = bytes;
        if let Some(batch) = parsed.batch {
            for (filled, column) in filled.iter_mut().zip(batch.columns()) {
                *filled |= column.null_count() < column.len();
            }
            sink.write(batch)?;
        }
        (watch.progress)(Progress {
            bytes,
            rows: report.rows,
        });
        Ok(Flow::Go)
    };
    pass(files, plan, &schema, options, Task::Fill, watch, &mut take)?;
    if misfit {
        return Ok(None);
    }
    report.bytes = files
        .iter()
        .map(|file| std::fs::metadata(&file.path).map_or(0, |metadata| metadata.len()))
        .sum();
    report.files = files.iter().map(|file| file.path.clone()).collect();
    if report.rows > 0 {
        report.empty_columns = schema
            .fields()
            .iter()
            .zip(&filled)
            .filter(|(_, filled)| !**filled)
            .map(|(field, _)| field.name().clone())
            .collect();
        check_layout(files, plan, &report)?;
    }
    Ok(Some(report))
}

/// An issue tracker's rows without a single title are no such rows.
fn check_layout(files: &[LocalFile], plan: &Plan, report: &LoadReport) -> Result<()> {
    let layout = match plan.format {
        Format::GithubIssues => "GitHub issues: objects with `title`, `body` and `labels`",
        Format::JiraIssues => {
            "Jira issues: objects with `key` and `fields.summary`, or a CSV export with `Summary`"
        }
        _ => return Ok(()),
    };
    if report.empty_columns.iter().any(|column| column == "title") {
        return Err(TableError::File {
            path: files[0].path.clone(),
            reason: format!(
                "no row has a title, so these are not {layout}; try `format = \"jsonl\"` or \"csv\""
            ),
        });
    }
    Ok(())
}
