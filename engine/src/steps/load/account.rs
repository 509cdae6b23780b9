//! What was read, as metrics and notes.

use std::path::Path;

use serde::Serialize;
use table::read::LoadReport;

use crate::report::number::bytes;
use crate::steps::words::{first, number, rows};
use crate::steps::{Context, StepError};

/// How many columns a note lists.
const COLUMNS_LISTED: usize = 8;

/// The metrics of a load.
#[derive(Serialize)]
struct Account<'a> {
    source: &'a str,
    #[serde(flatten)]
    report: LoadReport,
}

/// Writes the report and says the most important of it in notes.
pub(super) fn give(
    source: &str,
    mut report: LoadReport,
    context: &Context<'_>,
) -> Result<(), StepError> {
    // The same file is called the same wherever the project lies.
    let from_root = |path: &Path| {
        path.strip_prefix(context.root)
            .unwrap_or(path)
            .to_path_buf()
    };
    report.files = report.files.iter().map(|path| from_root(path)).collect();
    for bad in &mut report.first_bad {
        bad.file = from_root(&bad.file);
    }
    let files = match report.files.len() {
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
    context.write_json("report", &Account { source, report })
}
