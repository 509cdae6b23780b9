//! The labelled rows that every method learns from.

use arrow_array::StringArray;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use text::{LabelSets, Task};

use super::super::joined::Shared;
use super::super::rows::{self, TaskChoice, label_sets, names};
use super::super::{Check, ColumnType, Context, StepError};

/// Where the labelled rows are, and what is asked of them.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Examples {
    /// The column of texts; a null is an empty text.
    #[serde(default = "text_column")]
    text: String,
    /// The column of labels: lists of text, or text. A row without labels is an example of none of them.
    #[serde(default = "labels_column")]
    labels: String,
    /// Whether a row carries exactly one label or any number.
    #[serde(default)]
    task: TaskChoice,
    /// Labels to know beside those of the training rows; without a training row they are never predicted.
    #[serde(default)]
    label_set: Vec<String>,
}

fn text_column() -> String {
    "text".to_owned()
}

fn labels_column() -> String {
    "labels".to_owned()
}

/// Labelled rows as they were read.
pub struct LabelledRows {
    column: StringArray,
    /// The rows' labels.
    pub labels: LabelSets,
    /// One label a row, or several.
    pub task: Task,
}

impl LabelledRows {
    /// The rows' texts.
    pub fn texts(&self) -> Vec<&str> {
        rows::texts(&self.column)
    }
}

impl Shared for Examples {
    const FIELDS: &'static [&'static str] = &["text", "labels", "task", "label_set"];
}

impl Examples {
    /// Checks the columns.
    pub fn check(&self, check: &mut Check) {
        check.require("text", "train", &self.text, ColumnType::Text);
        check.require("labels", "train", &self.labels, ColumnType::Labels);
    }

    /// Reads the rows. Where there are none, or none with a label, that is an error.
    pub fn read(&self, context: &Context<'_>) -> Result<LabelledRows, StepError> {
        let table = context.columns("train", &[&self.text, &self.labels])?;
        if table.num_rows() == 0 {
            return Err(StepError::new("the training table has no rows")
                .help("look at the step that feeds the port `train` with `engine show`"));
        }
        let task = self.task.of(&table, &self.labels)?;
        let lists = table.string_lists(&self.labels)?;
        let mut known = names(&lists);
        if known.is_empty() {
            return Err(StepError::new(format!(
                "no row of the training table has a label in the column `{}`",
                self.labels
            ))
            .help("train on rows with labels; `split` keeps those without apart as `unlabeled`"));
        }
        known.extend(self.label_set.iter().map(String::as_str));
        let known = known.into_iter().map(str::to_owned).collect();
        let (labels, _) = label_sets(&lists, known)?;
        Ok(LabelledRows {
            column: table.text_column(&self.text)?,
            labels,
            task,
        })
    }
}
