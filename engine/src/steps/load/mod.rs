//! `op = "load"`: rows come in.
//!
//! - `local`: paths and patterns to files
//! - `account`: what was read, as metrics and notes

mod account;
mod local;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use table::TableError;
use table::read::{ColumnType, Format, LocalFile, OnError, ReadOptions, Watch};

use super::check::Problem;
use super::{
    Check, Context, InputPort, OutputPort, PortType, Resources, Step, StepError, StepKind,
};

/// Reads rows from files: JSON, CSV, Parquet or text lines, gzip- or zstd-compressed or not, GitHub's and Jira's issues.
///
/// Types of columns are learned from the rows: text, whole numbers, floats, truth values and lists of texts; anything else
/// in JSON is kept as its JSON text. A row that cannot be read fails the step, unless `on_error = "skip"`. Memory does not
/// grow with the files.
///
/// The columns of `github-issues` are number, title, body, labels, state, author, created_at, updated_at, closed_at,
/// comments, is_pull_request and html_url; those of `jira-issues` key, title, body, labels, components, type, status,
/// priority, author, created_at, updated_at and closed_at; those of `text` are text and line.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// Where the rows are: a file's path, relative to the project's root, or a pattern such as `data/*.jsonl.gz`, whose files
    /// are read in the order of their names. Their content is part of the key.
    source: String,
    /// The layout. Default: what the name says (.jsonl, .ndjson, .json, .csv, .tsv, .tab, .parquet, .txt, .text, .md, each
    /// with .gz or .zst behind it or not).
    #[serde(default)]
    format: Option<Format>,
    /// The columns to read: a list of names, or a table of new names and where each is found, `{ login = "user.login", tags =
    /// "labels[].name" }` (in JSON a path, elsewhere a column's name). Default: all.
    #[serde(default)]
    columns: Option<Columns>,
    /// Types of columns that are not to be learned: text, list, int, float or bool. A row whose value does not fit is bad.
    #[serde(default)]
    types: BTreeMap<String, ColumnType>,
    /// CSV only: the columns that hold lists, and what separates their items: `{ labels = ";" }`.
    #[serde(default)]
    lists: BTreeMap<String, String>,
    /// CSV only: the character between two fields. Default: a comma, or a tab in .tsv files.
    #[serde(default)]
    #[schemars(length(min = 1, max = 1))]
    delimiter: Option<char>,
    /// CSV only: whether every column is read as text. Default: false, types are learned.
    #[serde(default)]
    all_text: bool,
    /// A further column with the name of the file that a row came from. Default: none.
    #[serde(default)]
    file_column: Option<String>,
    /// What becomes of a row that cannot be read: `fail` stops with its file and line, `skip` leaves it out and counts it.
    #[serde(default)]
    on_error: OnError,
    /// The longest row in bytes, at most 1 GiB; a longer one is bad. Default: 67,108,864 (64 MiB).
    #[serde(default = "row_bytes")]
    #[schemars(range(min = 1, max = 1_073_741_824))]
    max_row_bytes: usize,
    /// The BLAKE3 digest that the file must have, 64 hexadecimal digits. Default: any.
    #[serde(default)]
    blake3: Option<String>,
}

/// Which columns are read.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Columns {
    Names(Vec<String>),
    Places(BTreeMap<String, String>),
}

fn row_bytes() -> usize {
    64 << 20
}

impl StepKind for Load {
    const OP: &'static str = "load";
    const VERSION: u32 = 1;
}

impl Step for Load {
    fn inputs(&self) -> Vec<InputPort> {
        Vec::new()
    }

    fn outputs(&self) -> Vec<OutputPort> {
        vec![
            OutputPort::new("table", PortType::Table),
            OutputPort::new("report", PortType::Metrics),
        ]
    }

    fn check(&self, check: &mut Check) {
        if self
            .delimiter
            .is_some_and(|delimiter| !delimiter.is_ascii())
        {
            let message = "the delimiter must be one ASCII character";
            check.problem("delimiter", message, None);
            return;
        }
        if let Some(pin) = &self.blake3
            && !(pin.len() == 64 && pin.bytes().all(|byte| byte.is_ascii_hexdigit()))
        {
            let message = "a BLAKE3 digest has 64 hexadecimal digits";
            let help = "see what `b3sum FILE` prints".to_owned();
            check.problem("blake3", message, Some(help));
        }
        let format = self.format.or_else(|| Format::from_name(&self.source));
        let Some(format) = format else { return };
        let options = ReadOptions {
            format: Some(format),
            ..self.options(1)
        };
        // Without files: what the options alone say of the columns, or that they contradict each other.
        match table::read::peek_schema(&[], &options) {
            Ok(schema) if has_fixed_columns(format) => check.output("table", schema),
            Ok(_) => {}
            Err(error) => check.problem(parameter_of(&error), error.to_string(), None),
        }
    }

    fn files(&self, root: &Path) -> Result<Vec<PathBuf>, Problem> {
        let files = local::files(&self.source, root)?;
        if self.format.is_none()
            && let Some(file) = files
                .iter()
                .find(|file| Format::from_name(&file.to_string_lossy()).is_none())
        {
            return Err(Problem {
                parameter: "source".to_owned(),
                message: format!("the name {} tells no format", local::name(file, root)),
                help: Some("add format = \"jsonl\", \"csv\", \"tsv\", \"parquet\", \"text\", \"github-issues\" or \"jira-issues\"".to_owned()),
            });
        }
        if self.blake3.is_some() && files.len() > 1 {
            return Err(Problem {
                parameter: "blake3".to_owned(),
                message: format!(
                    "{} matches {} files, and a digest is of one",
                    self.source,
                    files.len()
                ),
                help: Some("the content of local files is part of the key anyway".to_owned()),
            });
        }
        Ok(files)
    }

    fn names_files(&self) -> bool {
        self.file_column.is_some()
    }

    fn resources(&self) -> Resources {
        Resources {
            cores: usize::MAX,
            ..Resources::default()
        }
    }

    fn run(&self, context: &Context<'_>) -> Result<(), StepError> {
        let files = self.local_files(context)?;
        let total: u64 = files
            .iter()
            .filter_map(|file| std::fs::metadata(&file.path).ok())
            .map(|metadata| metadata.len())
            .sum();
        let watch = Watch {
            progress: &|progress| context.progress.update(progress.bytes, total, "bytes"),
            cancelled: &|| context.is_cancelled(),
        };
        let path = context.output_path("table");
        let options = self.options(context.threads);
        let (_, report) = table::read::read_to_parquet(&files, &options, &path, &watch)?;
        account::give(&self.source, report, context)
    }
}

impl Load {
    fn options(&self, threads: usize) -> ReadOptions {
        let columns = match &self.columns {
            None => Vec::new(),
            Some(Columns::Names(names)) => names
                .iter()
                .map(|name| (name.clone(), name.clone()))
                .collect(),
            Some(Columns::Places(places)) => places
                .iter()
                .map(|(name, place)| (name.clone(), place.clone()))
                .collect(),
        };
        ReadOptions {
            format: self.format,
            columns,
            types: self.types.clone(),
            lists: self.lists.clone(),
            delimiter: self
                .delimiter
                .and_then(|delimiter| u8::try_from(delimiter).ok()),
            all_text: self.all_text,
            file_column: self.file_column.clone(),
            on_error: self.on_error,
            max_row_bytes: self.max_row_bytes,
            threads,
            ..ReadOptions::default()
        }
    }

    fn local_files(&self, context: &Context<'_>) -> Result<Vec<LocalFile>, StepError> {
        let paths = local::files(&self.source, context.root).map_err(|problem| {
            let error = StepError::new(problem.message);
            match problem.help {
                Some(help) => error.help(help),
                None => error,
            }
        })?;
        if let (Some(pin), [path]) = (&self.blake3, paths.as_slice()) {
            local::check_pin(path, pin, context)?;
        }
        let file = |path: PathBuf| LocalFile {
            name: local::name(&path, context.root),
            path,
        };
        Ok(paths.into_iter().map(file).collect())
    }
}

fn has_fixed_columns(format: Format) -> bool {
    matches!(
        format,
        Format::GithubIssues | Format::JiraIssues | Format::Text
    )
}

/// The parameter that a complaint about options is about, as far as it is known.
fn parameter_of(error: &TableError) -> &'static str {
    match error {
        TableError::DuplicateColumn { .. } => "file_column",
        TableError::NoColumn { .. } => "types",
        _ => "",
    }
}

#[cfg(test)]
mod tests;
