//! What was read, as metrics and notes.

use std::path::{Path, PathBuf};

use serde::Serialize;
use table::TableError;
use table::read::{BadRow, LoadReport, LocalFile};
use table::source::{Fetched, Provenance};

use crate::report::number::bytes;
use crate::steps::words::{first, number, rows};
use crate::steps::{Context, StepError};

/// How many columns a note lists.
const COLUMNS_LISTED: usize = 8;

/// The metrics of a load.
#[derive(Serialize)]
struct Account<'a> {
    source: &'a str,
    rows: u64,
    bytes: u64,
    bad_rows: u64,
    first_bad: &'a [BadRow],
    blank_lines: u64,
    empty_columns: &'a [String],
    /// Where each file came from.
    files: &'a [Provenance],
}

/// Writes the metrics and says the most important of them in notes.
pub(super) fn give(
    source: &str,
    fetched: &Fetched,
    mut report: LoadReport,
    context: &Context<'_>,
) -> Result<(), StepError> {
    for bad in &mut report.first_bad {
        bad.file = name(&bad.file, &fetched.files);
    }
    let files = match fetched.files.len() {
        1 => "1 file".to_owned(),
        several => format!("{} files", number(several)),
    };
    let size = bytes(report.bytes);
    context.note(format!("{} in {files}, {size}", rows(report.rows as usize)));
    if let Some(bad) = report.first_bad.first() {
        let left_out = rows(report.bad_rows as usize);
        context.note(format!("{left_out} could not be read, the first: {bad}"));
    }
    if !report.empty_columns.is_empty() {
        let names = first(report.empty_columns.iter(), COLUMNS_LISTED);
        context.note(format!("columns without any value: {names}"));
    }
    for origin in fetched.provenance.iter().take(1) {
        match (&origin.revision, &origin.blake3) {
            (Some(revision), _) => context.note(format!("revision {revision}")),
            (None, Some(digest)) => context.note(format!("BLAKE3 {digest}")),
            (None, None) => {}
        }
    }
    let account = Account {
        source,
        rows: report.rows,
        bytes: report.bytes,
        bad_rows: report.bad_rows,
        first_bad: &report.first_bad,
        blank_lines: report.blank_lines,
        empty_columns: &report.empty_columns,
        files: &fetched.provenance,
    };
    context.write_json("report", &account)
}

/// An error that calls a file by its name: its path may be one of a folder that is soon gone.
pub(super) fn named(error: TableError, files: &[LocalFile]) -> TableError {
    match error {
        TableError::BadRow { mut bad } => {
            bad.file = name(&bad.file, files);
            TableError::BadRow { bad }
        }
        TableError::File { path, reason } => TableError::File {
            path: name(&path, files),
            reason,
        },
        TableError::Parquet {
            action,
            path,
            reason,
        } => TableError::Parquet {
            action,
            path: name(&path, files),
            reason,
        },
        other => other,
    }
}

fn name(path: &Path, files: &[LocalFile]) -> PathBuf {
    let file = files.iter().find(|file| file.path == path);
    file.map_or_else(|| path.to_path_buf(), |file| PathBuf::from(&file.name))
}
