//! Opening a file: what it is, how its rows are written, and how they are cut out.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::bytes::{ByteStream, check_start};
use super::csv::{self, CsvCutter, Header};
use super::cut::{Chunks, Cutter, LineCutter, count_lines};
use super::issues;
use super::json::cut::{DocumentCutter, rows_are_lines};
use super::options::{Format, ReadOptions};
use super::parse::Layout;
use super::plan::LocalFile;
use crate::error::{Result, TableError};

/// How much of a file is looked at to tell how it is laid out.
const START_BYTES: usize = 256 << 10;

/// A file whose rows are about to be read.
pub(crate) struct OpenFile {
    pub(crate) chunks: Chunks,
    pub(crate) layout: Layout,
    /// Whether there is nothing in it but white space.
    pub(crate) is_empty: bool,
}

/// Opens a file in the given format; what is read of it on disk is added to `count`.
///
/// # Errors
/// Where it cannot be read or is plainly something else.
pub(crate) fn open(
    file: &LocalFile,
    format: Format,
    options: &ReadOptions,
    chunk_bytes: usize,
    count: Arc<AtomicU64>,
) -> Result<OpenFile> {
    let mut stream = ByteStream::open(&file.path, count)?;
    let mut start = Vec::new();
    let ended = stream.fill(&mut start, START_BYTES)?;
    check_start(&file.path, &mut start)?;
    let first = start.trim_ascii_start().first().copied();
    let is_empty = ended && first.is_none();
    let mut skipped = 0;
    let (cutter, layout): (Box<dyn Cutter>, Layout) = match (format, first) {
        (Format::Text, _) => (Box::new(LineCutter), Layout::Text),
        (Format::Parquet, _) => {
            return Err(not(
                &file.path,
                "it is no Parquet file: its name or `format` says so, its content does not",
            ));
        }
        (Format::Csv | Format::Tsv, _) => {
            let header = take_header(file, options, &mut start, &mut skipped)?;
            csv_layout(header, options)
        }
        (Format::JiraIssues, Some(byte)) if byte != b'{' && byte != b'[' => {
            let header = take_header(file, options, &mut start, &mut skipped)?;
            csv_layout(header, options)
        }
        (Format::Jsonl, _) => (json_cutter(&start, None), Layout::Json),
        (Format::GithubIssues, _) => (json_cutter(&start, Some(issues::GITHUB_ROWS)), Layout::Json),
        (Format::JiraIssues, _) => (json_cutter(&start, Some(issues::JIRA_ROWS)), Layout::Json),
    };
    let mut chunks = Chunks::new(stream, start, cutter, chunk_bytes, options.row_bytes());
    chunks.skip_lines(skipped);
    Ok(OpenFile {
        chunks,
        layout,
        is_empty,
    })
}

fn json_cutter(start: &[u8], rows_key: Option<&'static str>) -> Box<dyn Cutter> {
    if rows_are_lines(start, rows_key) {
        Box::new(LineCutter)
    } else {
        Box::new(DocumentCutter::new(rows_key))
    }
}

fn csv_layout(header: Header, options: &ReadOptions) -> (Box<dyn Cutter>, Layout) {
    let cutter = CsvCutter {
        delimiter: header.delimiter,
        max_row_bytes: options.row_bytes(),
    };
    (Box::new(cutter), Layout::Csv(Arc::new(header)))
}

/// Reads the header off the start of a file.
fn take_header(
    file: &LocalFile,
    options: &ReadOptions,
    start: &mut Vec<u8>,
    skipped: &mut u64,
) -> Result<Header> {
    let named_tsv = Format::from_name(&file.name) == Some(Format::Tsv);
    // Files of both kinds may be read at once, so the format of all says nothing of this one.
    let is_tsv = named_tsv || options.format == Some(Format::Tsv);
    let delimiter = options
        .delimiter
        .unwrap_or(if is_tsv { b'\t' } else { b',' });
    let valid = match std::str::from_utf8(start) {
        Ok(text) => text,
        // A character cut in half at the end is no fault of the file.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&start[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(error) => {
            let line = 1 + count_lines(&start[..error.valid_up_to()]);
            // A fault after the header is a bad row's.
            std::str::from_utf8(&start[..error.valid_up_to()])
                .ok()
                .filter(|text| text.contains('\n'))
                .ok_or_else(|| {
                    not(
                        &file.path,
                        &format!("line {line} is not UTF-8; convert the file, for example `iconv -f LATIN1 -t UTF-8 FILE`"),
                    )
                })?
        }
    };
    let (header, end) = csv::header(valid, delimiter).ok_or_else(|| {
        not(
            &file.path,
            "a quote is opened in the header and never closed; close it, or write it twice where it is a plain character",
        )
    })?;
    if end == START_BYTES {
        return Err(not(
            &file.path,
            "the first line, which is the header, is longer than 256 KiB; is it CSV at all, and is its first line the header?",
        ));
    }
    *skipped = count_lines(&start[..end]);
    start.drain(..end);
    if let Some(wanted) = missing_pick(&header, options) {
        return Err(wanted(&file.path));
    }
    Ok(header)
}

/// An error about the first column that the options pick and the header lacks.
fn missing_pick(
    header: &Header,
    options: &ReadOptions,
) -> Option<impl FnOnce(&Path) -> TableError> {
    let (_, from) = options
        .columns
        .iter()
        .find(|(_, from)| !header.names.iter().any(|name| name == from))?;
    let error = TableError::no_column(from, header.names.iter().map(String::as_str));
    Some(move |path: &Path| not(path, &error.to_string()))
}

fn not(path: &Path, reason: &str) -> TableError {
    TableError::File {
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}
