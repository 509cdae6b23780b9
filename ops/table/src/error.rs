//! The one error of this crate.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use arrow_schema::{ArrowError, DataType};

/// The result of every fallible function of this crate.
pub type Result<T, E = TableError> = std::result::Result<T, E>;

/// What went wrong, on which path, column or address, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// A file could not be opened, read, written or renamed.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// What was being done: "open", "read", "write".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },

    /// A column was named that the table does not have.
    #[error("no column `{name}`: {}", columns_that_exist(.columns, .near.as_deref()))]
    NoColumn {
        /// The name asked for.
        name: String,
        /// The names there are.
        columns: Vec<String>,
        /// The name that was probably meant.
        near: Option<String>,
    },

    /// A column exists, but holds another type than the operation needs.
    #[error("column `{name}` holds {found}, but {expected} is needed here")]
    ColumnType {
        /// The column.
        name: String,
        /// What it holds, in words.
        found: String,
        /// What was needed, in words.
        expected: &'static str,
    },

    /// Two columns of one table would bear the same name.
    #[error("two columns would be named `{name}`; rename or drop one of them first")]
    DuplicateColumn {
        /// The name in question.
        name: String,
    },

    /// Columns of one table differ in length.
    #[error("column `{name}` has {found} rows, but the table has {expected}")]
    ColumnLength {
        /// The column.
        name: String,
        /// Its length.
        found: usize,
        /// The table's length.
        expected: usize,
    },

    /// A row index or a mask does not fit the table.
    #[error("{what} {found} does not fit a table of {rows} rows")]
    RowIndex {
        /// "row index" or "mask of length".
        what: &'static str,
        /// The index or length given.
        found: usize,
        /// The rows there are.
        rows: usize,
    },

    /// Tables that are to be stacked hold kinds of values that no common type can hold.
    #[error(
        "column `{name}` holds {left} in one table and {right} in another, which cannot be stacked; rename or drop one of them"
    )]
    ConcatTypes {
        /// The column.
        name: String,
        /// Its type in the tables before.
        left: String,
        /// Its type in the table that does not fit.
        right: String,
    },

    /// An Arrow kernel refused its input.
    #[error("cannot {action}: {source}")]
    Arrow {
        /// What was being done.
        action: &'static str,
        /// Arrow's reason.
        source: ArrowError,
    },

    /// A Parquet file could not be written or read.
    #[error("cannot {action} the Parquet file {}: {reason}", .path.display())]
    Parquet {
        /// "read" or "write".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },

    /// A file as a whole is not what its format says.
    #[error("cannot read {}: {reason}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason, with advice.
        reason: String,
    },

    /// A row could not be read, and the options say that this is an error.
    #[error("{bad}\nread on without such rows by `on_error = \"skip\"`")]
    BadRow {
        /// Where, and why.
        bad: crate::read::BadRow,
    },

    /// The options contradict each other or the file.
    #[error("{message}")]
    Options {
        /// What does not fit, and what would.
        message: String,
    },

    /// An expression is mistaken; the message points at the place.
    #[error("{}", with_caret(.message, .expression, .span))]
    Expression {
        /// The whole expression.
        expression: String,
        /// The bytes of `expression` that are at fault.
        span: Range<usize>,
        /// What is wrong, and what would be right.
        message: String,
    },

    /// A source's address makes no sense.
    #[error("cannot understand the source `{address}`: {reason}")]
    Address {
        /// The address, as written.
        address: String,
        /// The reason, with an example of a right one.
        reason: String,
    },

    /// A server could not be reached, or answered with an error.
    #[error("cannot fetch {url}: {reason}")]
    Fetch {
        /// The address, without any secret.
        url: String,
        /// What happened, and what to do.
        reason: String,
    },

    /// A downloaded file is not the one that was pinned.
    #[error(
        "{url} has the BLAKE3 digest {found}, but {expected} is pinned; if the new content is right, pin that"
    )]
    Pin {
        /// The address.
        url: String,
        /// The digest that was wanted, hexadecimal.
        expected: String,
        /// The digest of what came, hexadecimal.
        found: String,
    },

    /// The caller asked to stop.
    #[error("stopped on request")]
    Cancelled,
}

impl TableError {
    /// An error about a column that is not there, with the nearest name that is.
    #[must_use]
    pub fn no_column<'a>(name: &str, columns: impl IntoIterator<Item = &'a str>) -> Self {
        let columns: Vec<String> = columns.into_iter().map(str::to_owned).collect();
        let near = near_miss(name, columns.iter().map(String::as_str)).map(str::to_owned);
        Self::NoColumn {
            name: name.to_owned(),
            columns,
            near,
        }
    }

    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    pub(crate) fn arrow(action: &'static str) -> impl FnOnce(ArrowError) -> Self {
        move |source| Self::Arrow { action, source }
    }
}

/// The shortest name that counts as the beginning of a longer one.
const PREFIX: usize = 3;

/// The candidate that `name` was probably meant to be, if any comes close: at most a third of its characters wrong,
/// left out, put in or swapped with their neighbours, upper and lower case being the same; else the only one that begins
/// with `name`, or with which `name` begins.
#[must_use]
pub fn near_miss<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = name.to_lowercase();
    let candidates: Vec<(&str, String)> = candidates
        .into_iter()
        .map(|candidate| (candidate, candidate.to_lowercase()))
        .collect();
    let near = candidates
        .iter()
        .map(|(candidate, folded)| {
            (
                strsim::damerau_levenshtein(&written, folded),
                folded,
                *candidate,
            )
        })
        .filter(|(distance, folded, _)| {
            let longest = written.chars().count().max(folded.chars().count());
            *distance <= (longest / 3).max(1) && *distance < longest
        })
        .min();
    if let Some((_, _, candidate)) = near {
        return Some(candidate);
    }
    let begins =
        |long: &str, short: &str| short.chars().count() >= PREFIX && long.starts_with(short);
    let mut longer = candidates
        .iter()
        .filter(|(_, folded)| begins(folded, &written) || begins(&written, folded));
    match (longer.next(), longer.next()) {
        (Some((candidate, _)), None) => Some(candidate),
        _ => None,
    }
}

/// A data type in the words of the messages.
#[must_use]
pub fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 => "text".into(),
        DataType::Int64 => "int".into(),
        DataType::Float64 => "float".into(),
        DataType::Boolean => "bool".into(),
        DataType::Null => "nothing but nulls".into(),
        DataType::List(item) if item.data_type() == &DataType::Utf8 => "lists of text".into(),
        DataType::List(item) => format!("lists of {}", type_name(item.data_type())),
        DataType::FixedSizeList(item, size) => {
            format!("vectors of {size} {}", item.data_type())
        }
        other => other.to_string(),
    }
}

fn columns_that_exist(columns: &[String], near: Option<&str>) -> impl fmt::Display {
    const SHOWN: usize = 40;
    let mut text = if columns.is_empty() {
        "the table has no columns".to_owned()
    } else {
        let names: Vec<String> = columns
            .iter()
            .take(SHOWN)
            .map(|c| format!("`{c}`"))
            .collect();
        format!("the table has {}", names.join(", "))
    };
    if columns.len() > SHOWN {
        text.push_str(&format!(" and {} more", columns.len() - SHOWN));
    }
    if let Some(near) = near {
        text.push_str(&format!("; did you mean `{near}`?"));
    }
    text
}

/// The message, the line of the expression it is about, and carets under the span.
fn with_caret(message: &str, expression: &str, span: &Range<usize>) -> String {
    let start = floor_boundary(expression, span.start);
    let end = floor_boundary(expression, span.end).max(start);
    let line_start = expression[..start].rfind('\n').map_or(0, |i| i + 1);
    let line_end = expression[start..]
        .find('\n')
        .map_or(expression.len(), |i| start + i);
    let line = &expression[line_start..line_end];
    let indent = expression[line_start..start].chars().count();
    let width = expression[start..end.min(line_end).max(start)]
        .chars()
        .count()
        .max(1);
    format!(
        "{message}\n  {line}\n  {}{}",
        " ".repeat(indent),
        "^".repeat(width)
    )
}

fn floor_boundary(text: &str, index: usize) -> usize {
    let mut index = index.min(text.len());
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}
