//! How files are to be read.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The layout of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// JSON objects, one a line, or one array of them.
    Jsonl,
    /// Comma-separated values with a header.
    Csv,
    /// Tab-separated values with a header.
    Tsv,
    /// Parquet.
    Parquet,
    /// Plain text, one row a line.
    Text,
    /// Issues in the layout of GitHub's REST API: one a line, or arrays of them.
    GithubIssues,
    /// Issues as Jira's search API returns them (whole answers or one issue a line), or Jira's CSV export.
    JiraIssues,
}

impl Format {
    /// The format that a file's name speaks of, `.gz` and `.zst` aside.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let name = name
            .strip_suffix(".gz")
            .or_else(|| name.strip_suffix(".zst"))
            .or_else(|| name.strip_suffix(".zstd"))
            .unwrap_or(&name);
        match name.rsplit_once('.')?.1 {
            "jsonl" | "ndjson" | "json" => Some(Self::Jsonl),
            "csv" => Some(Self::Csv),
            "tsv" | "tab" => Some(Self::Tsv),
            "parquet" => Some(Self::Parquet),
            "txt" | "text" | "md" => Some(Self::Text),
            _ => None,
        }
    }
}

/// What to do about a row that cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnError {
    /// Stop with an error that names file, line and reason.
    #[default]
    Fail,
    /// Leave the row out, count it, and report the first few.
    Skip,
}

/// The type of a column's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ColumnType {
    /// Text.
    Text,
    /// Lists of text.
    List,
    /// Whole numbers of 64 bits.
    Int,
    /// Floating-point numbers of 64 bits.
    Float,
    /// Truth values.
    Bool,
}

/// How to read. [`ReadOptions::new`] gives the defaults.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// The layout; `None` takes it from each file's name.
    pub format: Option<Format>,
    /// The columns to read and where they are found, in this order; empty means all. In JSON a
    /// place is a path such as `user.login` or `labels[].name`; elsewhere it is a column's name.
    pub columns: Vec<(String, String)>,
    /// Types of columns, which are then not inferred; a value of another type makes its row bad.
    pub types: BTreeMap<String, ColumnType>,
    /// CSV: the columns that hold lists, and what separates their items.
    pub lists: BTreeMap<String, String>,
    /// CSV: the character between fields; `None` is a comma, or a tab in `.tsv` files.
    pub delimiter: Option<u8>,
    /// CSV: read every column as text, without inference.
    pub all_text: bool,
    /// A further column with the name of the file that a row came from.
    pub file_column: Option<String>,
    /// What to do about rows that cannot be read.
    pub on_error: OnError,
    /// The longest row in bytes, at most 1 GiB; a longer one is bad.
    pub max_row_bytes: usize,
    /// The deepest nesting of JSON arrays and objects, at most 512; a deeper row is bad.
    pub max_depth: usize,
    /// Threads that parse, beside one that reads and decompresses.
    pub threads: usize,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            format: None,
            columns: Vec::new(),
            types: BTreeMap::new(),
            lists: BTreeMap::new(),
            delimiter: None,
            all_text: false,
            file_column: None,
            on_error: OnError::Fail,
            max_row_bytes: 64 << 20,
            max_depth: 128,
            threads: 1,
        }
    }
}

impl ReadOptions {
    /// The defaults with a format.
    #[must_use]
    pub fn new(format: Format) -> Self {
        Self {
            format: Some(format),
            ..Self::default()
        }
    }

    /// The length of a row allowed, within what 32-bit offsets hold.
    pub(crate) fn row_bytes(&self) -> usize {
        self.max_row_bytes.min(1 << 30)
    }

    /// The nesting allowed, within what the stack holds.
    pub(crate) fn depth(&self) -> usize {
        self.max_depth.min(512)
    }
}
