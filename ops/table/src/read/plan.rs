//! What is to be read from the rows: columns, their kinds, and where they are found.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::columns::{Column, Kind};
use super::csv::{self, Source};
use super::issues;
use super::json::tree::Tree;
use super::options::{Format, ReadOptions};
use crate::error::{Result, TableError};

/// The columns of a reading.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) columns: Vec<Column>,
    /// Where JSON rows have them.
    pub(crate) tree: Tree,
    /// Where CSV rows have them.
    pub(crate) sources: Vec<Source>,
    /// Types of columns that are yet to appear.
    pub(crate) types: BTreeMap<String, Kind>,
    /// Whether every row has been looked at for the types, so that nothing can be a misfit.
    pub(crate) settled: bool,
    pub(crate) format: Format,
}

impl Plan {
    /// The plan as far as the options tell; where [`Plan::must_learn`], the rows tell the rest.
    ///
    /// # Errors
    /// Where options contradict the format or each other.
    pub(crate) fn new(format: Format, options: &ReadOptions) -> Result<Self> {
        check(format, options)?;
        let types: BTreeMap<String, Kind> = options
            .types
            .iter()
            .map(|(name, &kind)| (name.clone(), kind.into()))
            .collect();
        let mut plan = Self {
            columns: Vec::new(),
            tree: Tree::new(false),
            sources: Vec::new(),
            types,
            settled: false,
            format,
        };
        match format {
            Format::GithubIssues => {
                (plan.columns, plan.tree) = issues::github();
            }
            Format::JiraIssues => {
                (plan.columns, plan.tree, plan.sources) = issues::jira();
            }
            Format::Text => {
                plan.columns = vec![
                    Column::fixed("text", Kind::Text),
                    Column::fixed("line", Kind::Int),
                ];
            }
            Format::Jsonl => plan.pick_paths(options)?,
            Format::Csv | Format::Tsv => plan.pick_names(options),
            Format::Parquet => {}
        }
        plan.settled = !plan.must_learn();
        if let Some(file) = &options.file_column
            && plan.columns.iter().any(|column| column.name == *file)
        {
            return Err(TableError::DuplicateColumn { name: file.clone() });
        }
        Ok(plan)
    }

    fn pick_paths(&mut self, options: &ReadOptions) -> Result<()> {
        self.tree = Tree::new(options.columns.is_empty());
        for (name, path) in &options.columns {
            let given = self.types.get(name).copied();
            let index = self.columns.len();
            let is_list = self.tree.add_path(path, index)?;
            if is_list && given.is_some_and(|kind| kind != Kind::Lists) {
                return Err(TableError::Options {
                    message: format!(
                        "the column `{name}` is picked from an array (`{path}`) and so holds lists; its type can only be \"list\""
                    ),
                });
            }
            let given = given.or(is_list.then_some(Kind::Lists));
            self.columns.push(Column::given_or_learned(name, given));
        }
        Ok(())
    }

    fn pick_names(&mut self, options: &ReadOptions) {
        for (name, from) in &options.columns {
            let (column, source) =
                csv::column(name, from, &self.types, &options.lists, options.all_text);
            self.columns.push(column);
            self.sources.push(source);
        }
    }

    /// Whether every column of the rows is wanted.
    pub(crate) fn is_open(&self, options: &ReadOptions) -> bool {
        matches!(self.format, Format::Jsonl | Format::Csv | Format::Tsv)
            && options.columns.is_empty()
    }

    fn must_learn(&self) -> bool {
        match self.format {
            Format::Jsonl | Format::Csv | Format::Tsv => {
                self.columns.is_empty() || self.columns.iter().any(|column| !column.fixed)
            }
            _ => false,
        }
    }

    /// Takes over what was learned of the columns, old and new ones.
    pub(crate) fn learn(&mut self, learned: Vec<Column>, options: &ReadOptions) {
        for column in learned {
            match self.columns.iter_mut().find(|c| c.name == column.name) {
                Some(known) if known.fixed => {}
                Some(known) => known.kind = known.kind.join(column.kind),
                None => {
                    if self.format == Format::Jsonl {
                        self.tree.add_key(&column.name, self.columns.len());
                    } else {
                        let (_, source) = csv::column(
                            &column.name,
                            &column.name,
                            &self.types,
                            &options.lists,
                            options.all_text,
                        );
                        self.sources.push(source);
                    }
                    self.columns.push(column);
                }
            }
        }
    }

    /// The schema of the batches.
    ///
    /// # Errors
    /// Where the column for the file's name would collide with another.
    pub(crate) fn schema(&self, options: &ReadOptions) -> Result<SchemaRef> {
        let mut fields: Vec<Field> = self
            .columns
            .iter()
            .map(|column| Field::new(&column.name, column.kind.data_type(), true))
            .collect();
        if let Some(file) = &options.file_column {
            if self.columns.iter().any(|column| column.name == *file) {
                return Err(TableError::DuplicateColumn { name: file.clone() });
            }
            fields.push(Field::new(file, DataType::Utf8, true));
        }
        Ok(Arc::new(Schema::new(fields)))
    }
}

fn check(format: Format, options: &ReadOptions) -> Result<()> {
    let reject = |message: String| Err(TableError::Options { message });
    let picks = !options.columns.is_empty();
    let is_csv = matches!(format, Format::Csv | Format::Tsv);
    match format {
        Format::GithubIssues | Format::JiraIssues | Format::Text if picks => {
            return reject(format!(
                "the format {format:?} has fixed columns; read it as it is and select afterwards, or read it with `format = \"jsonl\"`"
            ));
        }
        _ => {}
    }
    if !is_csv && !options.lists.is_empty() {
        return reject("`lists` is for CSV; in JSON, lists are arrays".into());
    }
    if !is_csv && options.all_text {
        return reject("`all_text` is for CSV".into());
    }
    if let Some(delimiter) = options.delimiter
        && matches!(delimiter, b'"' | b'\n' | b'\r' | 0x80..)
    {
        return reject(
            "the delimiter must be one plain character, no quote and no line end".into(),
        );
    }
    let mut names = std::collections::HashSet::new();
    for (name, _) in &options.columns {
        if !names.insert(name) {
            return Err(TableError::DuplicateColumn { name: name.clone() });
        }
    }
    if picks {
        for name in options.types.keys().chain(options.lists.keys()) {
            let picked = options
                .columns
                .iter()
                .any(|(column, from)| column == name || from == name);
            if !picked {
                return Err(TableError::no_column(
                    name,
                    options.columns.iter().map(|(column, _)| column.as_str()),
                ));
            }
        }
    }
    Ok(())
}

/// A file to read, and the name by which messages and the file column call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalFile {
    /// Where the file is.
    pub path: PathBuf,
    /// What it is called.
    pub name: String,
}

impl LocalFile {
    /// A file called by its path.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self {
            name: path.display().to_string(),
            path,
        }
    }
}

/// The one format of all files.
///
/// # Errors
/// Where a file's name tells none, or they differ.
pub(crate) fn common_format(files: &[LocalFile], options: &ReadOptions) -> Result<Format> {
    if let Some(format) = options.format {
        return Ok(format);
    }
    let mut common: Option<(Format, &Path)> = None;
    for file in files {
        let format = Format::from_name(&file.name).ok_or_else(|| TableError::File {
            path: file.path.clone(),
            reason: "its name tells no format; say `format = \"jsonl\"`, \"csv\", \"tsv\", \"parquet\" or \"text\"".into(),
        })?;
        match common {
            None => common = Some((format, &file.path)),
            Some((first, path)) if family(first) != family(format) => {
                return Err(TableError::Options {
                    message: format!(
                        "{} and {} have different formats; read them apart and stack the tables",
                        path.display(),
                        file.path.display()
                    ),
                });
            }
            Some(_) => {}
        }
    }
    common.map(|(format, _)| format).ok_or(TableError::Options {
        message: "there is no file to read".into(),
    })
}

/// CSV and TSV differ in the delimiter only, which each file's name tells.
fn family(format: Format) -> Format {
    match format {
        Format::Tsv => Format::Csv,
        other => other,
    }
}
