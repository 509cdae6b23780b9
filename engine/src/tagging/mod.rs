//! Labels for rows that arrive: a trained model, read once, over lines of JSON as they come, or over files of any layout.
//!
//! | file | what it holds |
//! |---|---|
//! | `tagger` | texts in, labels and scores out |
//! | `text` | which fields of a row are its text |
//! | `input` | where rows come from, and how they are laid out |
//! | `lines` | rows that are lines of JSON, kept as they came |
//! | `tables` | rows of all other layouts, as tables |
//! | `output` | tagged rows as JSON lines, CSV or Parquet |
//! | `cells` | what is in a table's cells, as JSON and as CSV |
//! | `rule` | which labels are predicted: numbers, and what `evaluate` chose |

mod cells;
mod input;
mod lines;
mod output;
mod rule;
mod tables;
mod tagger;
mod text;

pub use input::Input;
pub use output::{Output, OutputForm};
pub use rule::read_rule;
pub use tagger::{Tagger, Tags};
pub use text::TextFields;

use table::read::{BadRow, Format, OnError};

use crate::steps::StepError;

/// How rows are read.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// The layout; `None` where it is to be told from names and content.
    pub format: Option<Format>,
    /// What of a row is its text.
    pub text: TextFields,
    /// What becomes of rows that cannot be read.
    pub on_error: OnError,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Rows that were tagged.
    pub rows: u64,
    /// Rows that could not be read and were left out.
    pub bad_rows: u64,
    /// The first of them.
    pub first_bad: Vec<BadRow>,
}

impl Account {
    fn note_bad(&mut self, bad: BadRow) {
        self.bad_rows += 1;
        if self.first_bad.len() < table::read::LoadReport::KEPT {
            self.first_bad.push(bad);
        }
    }
}

/// Why not all rows were tagged.
#[derive(Debug, thiserror::Error)]
pub enum TagError {
    /// Whoever read the results has gone away, and so has all that it wanted.
    #[error("nobody reads the results any more")]
    ReaderGone,
    /// A row cannot be read, and none is to be left out.
    #[error("{0}")]
    BadRow(BadRow),
    /// Something else.
    #[error(transparent)]
    Failed(#[from] StepError),
}

impl From<table::TableError> for TagError {
    fn from(error: table::TableError) -> TagError {
        match error {
            table::TableError::BadRow { bad } => TagError::BadRow(bad),
            other => TagError::Failed(other.into()),
        }
    }
}
