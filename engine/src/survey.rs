//! Looks at a file of texts, and writes the pipeline to begin with.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use arrow_schema::DataType;
use table::read::{ColumnType, Format, LocalFile, ReadOptions, read_table};
use table::{Table, TableError};

use crate::report::number::count;

/// Names under which texts usually stand, titles and labels, in lower case.
const TEXTS: [&str; 9] = [
    "text",
    "body",
    "content",
    "message",
    "description",
    "sentence",
    "review",
    "comment",
    "question",
];
const TITLES: [&str; 3] = ["title", "subject", "summary"];
const LABELS: [&str; 12] = [
    "labels",
    "label",
    "tags",
    "tag",
    "category",
    "categories",
    "class",
    "target",
    "intent",
    "topic",
    "sentiment",
    "component",
];

/// The most that a label has of characters, and a column of labels of different ones, where its name does not tell.
const LONGEST_LABEL: usize = 40;
const MOST_LABELS: usize = 50;
/// How many rows a label must have on average in such a column.
const ROWS_PER_LABEL: usize = 5;

/// What a file holds, as far as a pipeline needs to know.
#[derive(Clone, Debug, PartialEq)]
pub struct Survey {
    /// Its format.
    pub format: Format,
    /// How many rows it has.
    pub rows: usize,
    /// The columns that make up the text, a title before a body.
    pub text: Vec<String>,
    /// The column with the labels.
    pub labels: String,
    /// Whether a row may carry several labels.
    pub several_labels: bool,
    /// Whether the labels are numbers, to be read as text.
    pub numeric_labels: bool,
    /// How many rows carry a label.
    pub labelled: usize,
    /// How often each label occurs.
    pub label_counts: BTreeMap<String, usize>,
}

/// Why no pipeline can be written for a file.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum SurveyError {
    /// It cannot be read.
    #[error(transparent)]
    #[diagnostic(help("a table of texts is needed: JSONL, CSV, TSV or Parquet"))]
    Read(#[from] TableError),
    /// A column cannot be told.
    #[error("no column of {path} looks like {what}; columns: {columns}")]
    #[diagnostic(help(
        "name it: engine init DATA --{option} COLUMN. What texts without labels are good for, `engine ops` tells: load, dedupe, stats"
    ))]
    NoColumn {
        /// The file.
        path: String,
        /// What was looked for.
        what: &'static str,
        /// What there is.
        columns: String,
        /// The option that names it.
        option: &'static str,
    },
}

/// Reads the file and finds out what it holds. `text` and `labels` name columns where the user knows better.
pub fn survey(
    path: &Path,
    text: Option<&str>,
    labels: Option<&str>,
) -> Result<Survey, SurveyError> {
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
    let missing = |what, option| SurveyError::NoColumn {
        path: path.display().to_string(),
        what,
        columns: rows.column_names().collect::<Vec<_>>().join(", "),
        option,
    };
    let labels = match labels {
        Some(name) => rows.has_column(name).then(|| name.to_owned()),
        None => label_column(&rows)?,
    };
    let labels = labels.ok_or_else(|| missing("labels", "labels"))?;
    let text = text_columns(&rows, text, &labels)?.ok_or_else(|| missing("a text", "text"))?;
    let data_type = rows.data_type(&labels)?.clone();
    let numeric_labels = data_type.is_numeric() || data_type == DataType::Boolean;
    if numeric_labels {
        rows = read(
            Some(format),
            BTreeMap::from([(labels.clone(), ColumnType::Text)]),
        )?
        .0;
    }
    let several_labels = matches!(data_type, DataType::List(_));
    let mut label_counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut labelled = 0;
    let mut note = |names: Vec<&str>| {
        labelled += usize::from(!names.is_empty());
        names
            .into_iter()
            .for_each(|name| *label_counts.entry(name.to_owned()).or_default() += 1);
    };
    if several_labels {
        rows.string_lists(&labels)?
            .rows()
            .for_each(|names| note(names.collect()));
    } else {
        rows.text_column(&labels)?
            .iter()
            .for_each(|name| note(name.into_iter().filter(|name| !name.is_empty()).collect()));
    }
    Ok(Survey {
        format,
        rows: rows.num_rows(),
        text,
        labels,
        several_labels,
        numeric_labels,
        labelled,
        label_counts,
    })
}

/// The first column with one of the names, whatever its case.
fn named<'a>(rows: &'a Table, names: &[&str]) -> Option<&'a str> {
    let found = |name: &&str| {
        let mut columns = rows.column_names();
        columns.find(|column| column.to_lowercase() == **name)
    };
    names.iter().find_map(found)
}

/// The column of labels: a usual name, a column of lists of text, or a column of few short texts that recur.
fn label_column(rows: &Table) -> Result<Option<String>, TableError> {
    if let Some(name) = named(rows, &LABELS) {
        return Ok(Some(name.to_owned()));
    }
    let is_list = |name: &&str| matches!(rows.data_type(name), Ok(DataType::List(item)) if item.data_type() == &DataType::Utf8);
    if let Some(name) = rows.column_names().find(is_list) {
        return Ok(Some(name.to_owned()));
    }
    for name in rows.column_names() {
        if matches!(rows.data_type(name), Ok(DataType::Utf8)) {
            let column = rows.text_column(name)?;
            let mut distinct: BTreeSet<&str> = BTreeSet::new();
            let recur = column.iter().flatten().all(|text| {
                distinct.insert(text);
                text.chars().count() <= LONGEST_LABEL && distinct.len() <= MOST_LABELS
            });
            let enough = rows.num_rows() >= ROWS_PER_LABEL * distinct.len();
            if recur && enough && distinct.len() > 1 {
                return Ok(Some(name.to_owned()));
            }
        }
    }
    Ok(None)
}

/// The columns of the text: the named one, a title with a body, a usual name, or the text column with the longest texts.
fn text_columns(
    rows: &Table,
    named_by_user: Option<&str>,
    labels: &str,
) -> Result<Option<Vec<String>>, TableError> {
    if let Some(name) = named_by_user {
        return Ok(rows.has_column(name).then(|| vec![name.to_owned()]));
    }
    let is_text =
        |name: &&str| matches!(rows.data_type(name), Ok(DataType::Utf8)) && *name != labels;
    let usual = |names: &[&'static str]| {
        let mut found = names.iter().filter_map(|name| named(rows, &[*name]));
        found.find(is_text)
    };
    if let Some(body) = usual(&TEXTS) {
        let title = usual(&TITLES);
        return Ok(Some(
            title.into_iter().chain([body]).map(str::to_owned).collect(),
        ));
    }
    let mut longest: Option<(usize, &str)> = None;
    for name in rows.column_names().filter(is_text) {
        let bytes = rows
            .text_column(name)?
            .iter()
            .flatten()
            .map(str::len)
            .sum::<usize>();
        if bytes > 0 && longest.is_none_or(|(most, _)| bytes > most) {
            longest = Some((bytes, name));
        }
    }
    Ok(longest.map(|(_, name)| vec![name.to_owned()]))
}

/// The text of a commented pipeline for the file, called `name`, which reads it from `source`.
pub fn pipeline_text(survey: &Survey, name: &str, source: &str) -> String {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let format = serde_json::to_value(survey.format).unwrap_or_default();
    let format = quoted(format.as_str().unwrap_or("jsonl"));
    let labels = quoted(&survey.labels);
    let types = if survey.numeric_labels {
        format!("\ntypes  = {{ {labels} = \"text\" }}   # the labels are numbers in the file")
    } else {
        String::new()
    };
    let columns: Vec<String> = survey.text.iter().map(|name| quoted(name)).collect();
    let concat = match survey.text.as_slice() {
        [only] if only == "text" => String::new(),
        _ => format!(
            "concat  = {{ text = {{ columns = [{}], separator = \"\\n\\n\" }} }}\n",
            columns.join(", ")
        ),
    };
    let (method, carries) = if survey.several_labels {
        ("iterative", "several labels")
    } else {
        ("stratified", "one label")
    };
    let train_rows = survey.labelled / 2;
    let sizes: Vec<String> = [8, 16, 32, 64, 128]
        .iter()
        .filter(|size| **size < train_rows)
        .map(ToString::to_string)
        .collect();
    let sizes = sizes
        .into_iter()
        .chain(["\"all\"".to_owned()])
        .collect::<Vec<_>>()
        .join(", ");
    let mut frequent: Vec<(&String, &usize)> = survey.label_counts.iter().collect();
    frequent.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let shown: Vec<String> = frequent
        .iter()
        .take(8)
        .map(|(name, times)| format!("{} {times}", name.replace(['\n', '\r'], " ")))
        .collect();
    let more = if frequent.len() > 8 {
        format!(" and {} more", frequent.len() - 8)
    } else {
        String::new()
    };
    format!(
        r#"# Baselines on {source_comment}: {rows} rows, {labelled} with {carries}.
# Labels: {labels_shown}{more}.
#
#     engine run pipelines/{name}.toml
#
# `engine ops` lists what a step can do, `engine ops split` explains one op, `engine plan` says what would run and why.

[pipeline]
name = {name_quoted}
seed = 0

[vars]
data = {source_quoted}

[steps.rows]
op     = "load"
source = "${{vars.data}}"
format = {format}{types}

# The column `text` is what is learned from.
[steps.texts]
op      = "select"
input   = "rows.table"
{concat}columns = ["text", {labels}]

# Equal texts must not stand in training and test.
[steps.unique]
op    = "dedupe"
input = "texts"
by    = "text"

[steps.stats]
op     = "stats"
input  = "unique.kept"
labels = {labels}
text   = "text"

# Half to train on, a quarter to choose thresholds on, a quarter to test on; once for each seed.
[steps.split]
op     = "split"
input  = "unique.kept"
method = "{method}"
labels = {labels}
parts  = {{ train = 0.5, valid = 0.25, test = 0.25 }}
matrix = {{ seed = [0, 1, 2] }}

# How many labels does it take? Slices of the training part, each within the next larger one.
[steps.slices]
op     = "slices"
input  = "split.train"
labels = {labels}
sizes  = [{sizes}]
matrix = "split"

[steps.features]
op        = "vectorize"
input     = "slices.${{matrix.n}}"
weighting = "${{matrix.weighting}}"
matrix    = {{ weighting = ["counts", "tfidf"], n = [{sizes}], seed = [0, 1, 2] }}

[steps.bayes]
op     = "train"
method = "naive_bayes"
input  = {{ train = "slices.${{matrix.n}}", vectorizer = "features" }}
labels = {labels}
matrix = {{ weighting = ["counts"], n = [{sizes}], seed = [0, 1, 2] }}

[steps.bayes_valid]
op     = "predict"
input  = {{ model = "bayes", table = "split.valid" }}
matrix = "bayes"

[steps.bayes_test]
op     = "predict"
input  = {{ model = "bayes", table = "split.test" }}
matrix = "bayes"

[steps.bayes_scores]
op     = "evaluate"
input  = {{ test = "bayes_test", valid = "bayes_valid", model = "bayes" }}
labels = {labels}
matrix = "bayes"

[steps.logistic]
op           = "train"
method       = "logistic_regression"
input        = {{ train = "slices.${{matrix.n}}", vectorizer = "features" }}
labels       = {labels}
C            = 10
class_weight = "balanced"
matrix       = {{ weighting = ["tfidf"], n = [{sizes}], seed = [0, 1, 2] }}

[steps.logistic_valid]
op     = "predict"
input  = {{ model = "logistic", table = "split.valid" }}
matrix = "logistic"

[steps.logistic_test]
op     = "predict"
input  = {{ model = "logistic", table = "split.test" }}
matrix = "logistic"

[steps.logistic_scores]
op     = "evaluate"
input  = {{ test = "logistic_test", valid = "logistic_valid", model = "logistic" }}
labels = {labels}
matrix = "logistic"

# F1 by the number of training rows, a line for each method, the seeds as a band.
[steps.compare]
op    = "compare"
input = {{ "naive Bayes" = "bayes_scores", "logistic regression" = "logistic_scores" }}
x     = "n"
line  = "input"
band  = "seed"
"#,
        source_comment = source.replace(['\n', '\r'], " "),
        rows = count(survey.rows as u64),
        labelled = count(survey.labelled as u64),
        labels_shown = shown.join(", "),
        name_quoted = quoted(name),
        source_quoted = quoted(source),
    )
}
