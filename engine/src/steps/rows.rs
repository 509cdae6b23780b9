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

/// Rows on which a model is chosen.
pub struct Judged {
    /// Their places in the table. Where a row carries one label, those are left out whose label no training row has: no model can
    /// get them right.
    pub rows: Vec<usize>,
    /// Their labels.
    pub labels: LabelSets,
    /// How many labels lay outside the vocabulary and were left out.
    pub outside: usize,
}

impl Judged {
    /// The rows of a table by a vocabulary of training rows.
    pub fn read(
        table: &Table,
        column: &str,
        vocabulary: Vec<String>,
        task: Task,
    ) -> Result<Judged, StepError> {
        let lists = table.string_lists(column)?;
        let (labels, outside) = label_sets(&lists, vocabulary)?;
        let rows: Vec<usize> = lists
            .rows()
            .enumerate()
            .filter_map(|(row, mut names)| {
                let is_judged = task == Task::MultiLabel
                    || !labels.row(row).is_empty()
                    || names.next().is_none();
                is_judged.then_some(row)
            })
            .collect();
        Ok(Judged {
            labels: labels.select(&rows),
            rows,
            outside,
        })
    }
}
