//! Texts and labels of a table as the text crate takes them.

use std::collections::BTreeSet;

use arrow_array::StringArray;
use arrow_schema::DataType;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use table::{StringLists, Table};
use text::{LabelSets, Task};

use super::StepError;

/// What a row may carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskChoice {
    /// Several labels where the column holds lists, one where it holds text.
    #[default]
    Auto,
    /// Any number of labels; each is its own yes-or-no question (one-vs-rest).
    MultiLabel,
    /// Exactly one label.
    MultiClass,
}

impl TaskChoice {
    /// The task for a table's column of labels.
    pub fn of(self, table: &Table, labels: &str) -> Result<Task, StepError> {
        Ok(match self {
            TaskChoice::MultiLabel => Task::MultiLabel,
            TaskChoice::MultiClass => Task::MultiClass,
            TaskChoice::Auto => match table.data_type(labels)? {
                DataType::Utf8 => Task::MultiClass,
                _ => Task::MultiLabel,
            },
        })
    }
}

/// The texts of a column; a null is an empty text.
pub fn texts(column: &StringArray) -> Vec<&str> {
    column.iter().map(Option::unwrap_or_default).collect()
}

/// Every label that occurs.
pub fn names(lists: &StringLists) -> BTreeSet<&str> {
    lists.rows().flatten().collect()
}

/// The rows' labels over a sorted vocabulary, and how many labels lay outside it and were left out.
pub fn label_sets(
    lists: &StringLists,
    vocabulary: Vec<String>,
) -> Result<(LabelSets, usize), StepError> {
    let known = LabelSets::with_vocabulary(vocabulary.clone())?;
    let mut outside = 0;
    let rows: Vec<Vec<&str>> = lists
        .rows()
        .map(|row| {
            row.filter(|name| {
                let is_known = known.number_of(name).is_some();
                outside += usize::from(!is_known);
                is_known
            })
            .collect()
        })
        .collect();
    Ok((LabelSets::from_names_in(vocabulary, &rows)?, outside))
}
