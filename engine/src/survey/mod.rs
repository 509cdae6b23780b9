//! What a user's file of texts holds, as far as a pipeline needs to know. What follows from it is `starter`'s affair.
//!
//! - `columns`: which columns hold the text and the labels
//! - `texts`: lengths and repetitions

mod columns;
mod texts;

use std::collections::BTreeMap;
use std::path::Path;

use arrow_schema::DataType;
use table::read::{ColumnType, Format, LocalFile, ReadOptions, read_table};
use table::{Table, TableError};

pub use texts::Texts;

/// What a file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Survey {
    /// Its format.
    pub format: Format,
    /// How many rows it has.
    pub rows: usize,
    /// The columns that make up the text, a title before a body.
    pub text: Vec<String>,
    /// What the texts are like.
    pub texts: Texts,
    /// The labels, where there is a column of them.
    pub labels: Option<Labels>,
}

/// The column of labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Labels {
    /// Its name.
    pub column: String,
    /// Whether a row may carry several labels.
    pub are_lists: bool,
    /// Whether the labels are numbers, to be read as text.
    pub are_numbers: bool,
    /// How many rows carry a label.
    pub labelled: usize,
    /// How often each label occurs.
    pub counts: BTreeMap<String, usize>,
}

impl Survey {
    /// How many rows carry a label.
    pub fn labelled(&self) -> usize {
        self.labels.as_ref().map_or(0, |labels| labels.labelled)
    }

    /// How many rows carry none.
    pub fn unlabelled(&self) -> usize {
        self.rows - self.labelled()
    }
}

impl Labels {
    /// Labels and how often they occur, the most frequent ones first.
    pub fn by_frequency(&self) -> Vec<(&str, usize)> {
        let mut counts: Vec<(&str, usize)> = (self.counts.iter())
            .map(|(name, count)| (name.as_str(), *count))
            .collect();
        counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        counts
    }

    /// How often the label in the middle occurs.
    pub fn median(&self) -> usize {
        let counts = self.by_frequency();
        counts.get(counts.len() / 2).map_or(0, |(_, count)| *count)
    }
}

/// What the user knows better than can be told from the file.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told<'a> {
    /// The column of texts.
    pub text: Option<&'a str>,
    /// The column of labels.
    pub labels: Option<&'a str>,
    /// That no column holds labels, whatever it looks like.
    pub no_labels: bool,
}

/// Why no pipeline can be written for a file.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum SurveyError {
    /// It cannot be read.
    #[error(transparent)]
    #[diagnostic(help("a table of texts is needed: JSONL, CSV, TSV or Parquet"))]
    Read(#[from] TableError),
    /// A column cannot be told.
    #[error("no column of {path} {what}; columns: {columns}")]
    #[diagnostic(help("name it: engine init DATA --{option} COLUMN"))]
    NoColumn {
        /// The file.
        path: String,
        /// What was looked for.
        what: String,
        /// What there is.
        columns: String,
        /// The option that names it.
        option: &'static str,
    },
    /// There is nothing in it.
    #[error("{path} has no rows with a text in {columns}")]
    #[diagnostic(help("name the column of texts: engine init DATA --text COLUMN"))]
    NoTexts {
        /// The file.
        path: String,
        /// Where texts were looked for.
        columns: String,
    },
}

/// Reads the file and finds out what it holds.
pub fn survey(path: &Path, told: Told<'_>) -> Result<Survey, SurveyError> {
    let files = [LocalFile::new(path)];
    let read = |format: Option<Format>, types: BTreeMap<String, ColumnType>| {
        read_table(
            &files,
            &ReadOptions {
                format,
                types,
                ..ReadOptions::default()
            },
        )
    };
    let named = Format::from_name(&path.to_string_lossy());
    let (mut rows, _) = read(named, BTreeMap::new())?;
    let mut format = named.unwrap_or(Format::Jsonl);
    let has_all = |names: [&str; 3]| names.iter().all(|name| rows.has_column(name));
    let tracker = match () {
        () if has_all(["title", "body", "user"]) => Some(Format::GithubIssues),
        () if has_all(["key", "fields", "id"]) => Some(Format::JiraIssues),
        () => None,
    };
    if let (Format::Jsonl, Some(tracker)) = (format, tracker) {
        format = tracker;
        rows = read(Some(tracker), BTreeMap::new())?.0;
    }
    let missing = |what: String, option| SurveyError::NoColumn {
        path: path.display().to_string(),
        what,
        columns: rows.column_names().collect::<Vec<_>>().join(", "),
        option,
    };
    let column = match told.labels {
        _ if told.no_labels => None,
        Some(name) if rows.has_column(name) => Some(name.to_owned()),
        Some(name) => return Err(missing(format!("is called `{name}`"), "labels")),
        None => columns::label_column(&rows, told.text)?,
    };
    let text = columns::text_columns(&rows, told.text, column.as_deref())?;
    let text = text.ok_or_else(|| {
        let what = told.text.map_or_else(
            || "looks like a text".to_owned(),
            |name| format!("is called `{name}`"),
        );
        missing(what, "text")
    })?;
    let texts = texts::look(&rows, &text)?;
    if texts.empty == rows.num_rows() {
        return Err(SurveyError::NoTexts {
            path: path.display().to_string(),
            columns: text.join(", "),
        });
    }
    let labels = match column {
        None => None,
        Some(column) => {
            let data_type = rows.data_type(&column)?.clone();
            let are_numbers = data_type.is_numeric() || data_type == DataType::Boolean;
            if are_numbers {
                let types = BTreeMap::from([(column.clone(), ColumnType::Text)]);
                rows = read(Some(format), types)?.0;
            }
            let are_lists = matches!(data_type, DataType::List(_));
            Some(count(&rows, column, are_lists, are_numbers)?)
        }
    };
    Ok(Survey {
        format,
        rows: rows.num_rows(),
        text,
        texts,
        labels: labels.filter(|labels| labels.labelled > 0),
    })
}

fn count(
    rows: &Table,
    column: String,
    are_lists: bool,
    are_numbers: bool,
) -> Result<Labels, TableError> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut labelled = 0;
    let mut note = |names: Vec<&str>| {
        labelled += usize::from(!names.is_empty());
        names
            .into_iter()
            .for_each(|name| *counts.entry(name.to_owned()).or_default() += 1);
    };
    if are_lists {
        rows.string_lists(&column)?
            .rows()
            .for_each(|names| note(names.collect()));
    } else {
        rows.text_column(&column)?
            .iter()
            .for_each(|name| note(name.into_iter().filter(|name| !name.is_empty()).collect()));
    }
    Ok(Labels {
        column,
        are_lists,
        are_numbers,
        labelled,
        counts,
    })
}
