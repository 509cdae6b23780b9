//! What was read, and what could not be.

use std::fmt;
use std::path::PathBuf;

/// A row that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BadRow {
    /// The file, as it was named to the reader.
    pub file: PathBuf,
    /// The line on which the row begins, from 1 (in a Parquet file, the row).
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for BadRow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}:{}: {}",
            self.file.display(),
            self.line,
            self.reason
        )
    }
}

/// The account of a reading: whatever is in the files is counted in `rows`, `bad_rows` or
/// `blank_lines`; a header is in none.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LoadReport {
    /// Rows handed on.
    pub rows: u64,
    /// Bytes of the files, as they lie on disk.
    pub bytes: u64,
    /// Rows that could not be read and were left out.
    pub bad_rows: u64,
    /// The first of them, at most [`LoadReport::KEPT`].
    pub first_bad: Vec<BadRow>,
    /// Lines with nothing but white space, which are no rows.
    pub blank_lines: u64,
    /// Columns that hold nothing in any row: perhaps a path or a name is mistaken.
    pub empty_columns: Vec<String>,
    /// Whether a value that did not fit the types of the first rows made the reader begin again.
    pub restarted: bool,
    /// The files, in the order read.
    pub files: Vec<PathBuf>,
}

impl LoadReport {
    /// How many bad rows are kept with their reasons.
    pub const KEPT: usize = 10;
}
