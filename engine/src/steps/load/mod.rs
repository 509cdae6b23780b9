//! `op = "load"`: rows come in.
//!
//! - `local`: paths and patterns to files
//! - `remote`: what comes over the network
//! - `fed`: what other steps wrote
//! - `account`: what was read, as metrics and notes

mod account;
mod fed;
mod local;
mod remote;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use table::read::{ColumnType, Format, LocalFile, OnError, ReadOptions};
use table::source::{Fetched, Source};
use table::{TableError, Watch};

use super::check::Problem;
use super::{
    Check, Context, InputPort, Ordered, OutputPort, PortType, Resources, Step, StepError, StepKind,
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
    /// Where the rows are.
    ///
    /// - `data/issues.jsonl`: a file, relative to the project's root, or a pattern such as `data/*.jsonl.gz`, whose files
    ///   are read in the order of their names. `*` and `?` stand for characters within a name, `**/` for any folders; hidden
    ///   files and folders, such as `.git`, are left out unless the pattern writes the dot. The files' content is part of the
    ///   key.
    /// - `https://example.org/issues.csv`: a file on the web; see `blake3`.
    /// - `hf://datasets/OWNER/NAME/PATH@REVISION`: a file, or a pattern, of a dataset on the Hugging Face hub. Default of the
    ///   revision: main; a commit never changes.
    /// - `github://OWNER/REPO/issues?labels=bug`: the issues and pull requests of a repository through GitHub's REST API, all
    ///   pages of them, open and closed where the query does not say otherwise.
    ///
    /// What comes over the network is fetched when the step runs, and an interrupted fetch is taken up again; the key holds
    /// the address, not what it led to, so that `engine run --force STEP` fetches anew.
    ///
    /// Left out where other steps, such as `command`, write the files and feed the port `files`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    /// The layout. Default: what the name says (.jsonl, .ndjson, .json, .csv, .tsv, .tab, .parquet, .txt, .text, .md, each
    /// with .gz or .zst behind it or not); `github-issues` for a github:// source.
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
    /// The BLAKE3 digest that a file, local or on the web, must have: 64 hexadecimal digits. Default: any.
    #[serde(default)]
    blake3: Option<String>,
    /// A token for GitHub or for the Hugging Face hub, as `"${env.GITHUB_TOKEN}"` with that name in `env`. It is sent to that
    /// server alone, and is never shown, stored or part of a key. Default: none; for the hub the one in HF_TOKEN, or that of
    /// `hf auth login`.
    #[serde(default, skip_serializing)]
    #[schemars(extend("x-secret" = true))]
    token: Option<String>,
}

/// Which columns are read.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Columns {
    Names(Vec<String>),
    Places(Ordered<String>),
}

/// What to do where a name tells no format.
const FORMATS: &str = "add format = \"jsonl\", \"csv\", \"tsv\", \"parquet\", \"text\", \"github-issues\" or \"jira-issues\"";

fn row_bytes() -> usize {
    64 << 20
}

impl StepKind for Load {
    const OP: &'static str = "load";
    const VERSION: u32 = 2;
}

impl Step for Load {
    fn inputs(&self) -> Vec<InputPort> {
        vec![InputPort::any("files", PortType::File)]
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
        self.check_source(check);
        let Some(format) = self.known_format() else {
            return;
        };
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
        let Some(Ok(Source::Local { pattern })) = self.parsed() else {
            return Ok(Vec::new());
        };
        let files = local::find(&pattern, root)?.files;
        let unknown = |file: &&LocalFile| Format::from_name(&file.name).is_none();
        if self.format.is_none()
            && let Some(file) = files.iter().find(unknown)
        {
            return Err(Problem {
                parameter: "source".to_owned(),
                message: format!("the name {} tells no format", file.name),
                help: Some(FORMATS.to_owned()),
            });
        }
        if self.blake3.is_some() && files.len() > 1 {
            return Err(Problem {
                parameter: "blake3".to_owned(),
                message: format!(
                    "{pattern} matches {} files, and a digest is of one",
                    files.len()
                ),
                help: Some("the content of local files is part of the key anyway".to_owned()),
            });
        }
        Ok(files.into_iter().map(|file| file.path).collect())
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
        let fetched = self.fetch(context)?;
        let total: u64 = fetched.provenance.iter().map(|file| file.bytes).sum();
        let watch = Watch {
            progress: &|progress| context.progress.update(progress.bytes, total, "bytes"),
            note: &|_| {},
            cancelled: &|| context.is_cancelled(),
        };
        let path = context.output_path("table");
        let options = ReadOptions {
            format: self.known_format(),
            ..self.options(context.threads())
        };
        let (_, report) = table::read::read_to_parquet(&fetched.files, &options, &path, &watch)
            .map_err(|error| account::named(error, &fetched.files))?;
        account::give(
            self.source.as_deref().unwrap_or("files"),
            &fetched,
            report,
            context,
        )
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
                .map(|(name, place)| (name.to_owned(), place.clone()))
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

    /// The layout, as far as the parameters tell.
    fn known_format(&self) -> Option<Format> {
        self.format.or_else(|| match self.parsed()?.ok()? {
            Source::Local { pattern } => Format::from_name(&pattern),
            Source::Http { url } => Format::from_name(url.split(['?', '#']).next()?),
            Source::Hub(address) => Format::from_name(&address.path),
            Source::Github(_) => Some(Format::GithubIssues),
        })
    }

    /// The address, taken apart; none where other steps write the files.
    fn parsed(&self) -> Option<Result<Source, TableError>> {
        self.source.as_deref().map(Source::parse)
    }

    fn check_source(&self, check: &mut Check) {
        let source = match self.parsed() {
            None => return fed::check(self, check),
            Some(_) if check.is_fed("files") => {
                let message = "rows come from the port `files` already";
                let help = "leave out `source`, or what feeds the port".to_owned();
                check.problem("source", message, Some(help));
                return;
            }
            Some(Ok(source)) => source,
            Some(Err(error)) => {
                check.problem("source", error.to_string(), None);
                return;
            }
        };
        if !source.is_local() && self.known_format().is_none() {
            let message = "the address tells no format";
            check.problem("source", message, Some(FORMATS.to_owned()));
        }
        if self.token.is_some() && matches!(source, Source::Local { .. } | Source::Http { .. }) {
            let message = "only sources that begin with github:// or hf:// take a token";
            check.problem("token", message, None);
        }
        let Some(pin) = &self.blake3 else { return };
        if matches!(source, Source::Hub(_) | Source::Github(_)) {
            let message = "a digest can be pinned for files, local or on the web";
            let help = "on the Hugging Face hub, pin a commit: ...@COMMIT".to_owned();
            check.problem("blake3", message, Some(help));
        }
        if !(pin.len() == 64 && pin.bytes().all(|byte| byte.is_ascii_hexdigit())) {
            let message = "a BLAKE3 digest has 64 hexadecimal digits";
            let help = "see what `b3sum FILE` prints".to_owned();
            check.problem("blake3", message, Some(help));
        }
    }

    fn fetch(&self, context: &Context<'_>) -> Result<Fetched, StepError> {
        let source = match self.parsed() {
            None => return fed::find(context),
            Some(source) => source?,
        };
        let Source::Local { pattern } = &source else {
            return remote::fetch(&source, self, context);
        };
        let found = local::find(pattern, context.root)?;
        if let (Some(pin), [file]) = (&self.blake3, found.files.as_slice()) {
            local::check_pin(file, pin)?;
        }
        Ok(found)
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
