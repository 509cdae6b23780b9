//! The table that `predict` wrote, as truth, predictions and scores over one label set.

use std::collections::BTreeSet;

use table::{StringLists, Table, parquet_file};
use text::{LabelSets, Scores};

use super::super::rows::{label_sets, names};
use super::super::{Context, StepError};

/// The column of predicted labels.
const PREDICTED: &str = "predicted";
/// What the columns of scores begin with.
const SCORE: &str = "score.";

/// Truth, predictions and scores, by name.
pub struct Predictions {
    /// The columns that were read.
    pub table: Table,
    truth: StringLists,
    predicted: StringLists,
    scored: Vec<String>,
}

/// Truth, predictions and scores over one label set.
pub struct Judged {
    /// What the rows truly carry.
    pub truth: LabelSets,
    /// What was predicted for them.
    pub predicted: LabelSets,
    /// `[rows, labels]`; negative infinity for a label that the model does not know.
    pub scores: Scores,
    /// The labels that have scores, as numbers.
    pub scored: Vec<u32>,
    /// How many labels lay outside the set.
    pub left_out: usize,
}

impl Predictions {
    /// Reads the columns of `port` that matter.
    pub fn read(context: &Context<'_>, port: &str, labels: &str) -> Result<Predictions, StepError> {
        let mut scored = BTreeSet::new();
        for input in context.all(port) {
            let schema = parquet_file::parquet_schema(&input.path)?;
            let columns = schema.fields().iter().map(|field| field.name());
            let scores = columns.filter_map(|name| name.strip_prefix(SCORE));
            scored.extend(scores.map(str::to_owned));
            if schema.column_with_name(PREDICTED).is_none() {
                return Err(StepError::new(format!(
                    "the table that feeds `{port}` has no column `{PREDICTED}`"
                ))
                .help("feed it from a `predict` step"));
            }
        }
        let scored: Vec<String> = scored.into_iter().collect();
        let score_columns: Vec<String> = scored.iter().map(|label| score_column(label)).collect();
        let mut columns = vec![labels, PREDICTED];
        columns.extend(score_columns.iter().map(String::as_str));
        let table = context.columns(port, &columns)?;
        Ok(Predictions {
            truth: table.string_lists(labels)?,
            predicted: table.string_lists(PREDICTED)?,
            table,
            scored,
        })
    }

    /// Every label that is true, predicted or scored.
    pub fn labels(&self) -> BTreeSet<&str> {
        let mut all = names(&self.truth);
        all.extend(names(&self.predicted));
        all.extend(self.scored.iter().map(String::as_str));
        all
    }

    /// The same over a sorted label set.
    pub fn judged(&self, vocabulary: &[String]) -> Result<Judged, StepError> {
        let (truth, true_outside) = label_sets(&self.truth, vocabulary.to_vec())?;
        let (predicted, predicted_outside) = label_sets(&self.predicted, vocabulary.to_vec())?;
        let width = vocabulary.len();
        let mut values = vec![f64::NEG_INFINITY; self.table.num_rows() * width];
        let mut scored = Vec::with_capacity(width);
        for name in &self.scored {
            let Ok(label) = vocabulary.binary_search(name) else {
                continue;
            };
            scored.push(label as u32);
            let column = self.table.float_column(&score_column(name))?;
            for (row, score) in column.iter().enumerate() {
                values[row * width + label] = score.unwrap_or(f64::NEG_INFINITY);
            }
        }
        Ok(Judged {
            scores: Scores::new(self.table.num_rows(), width, values)?,
            truth,
            predicted,
            scored,
            left_out: true_outside + predicted_outside,
        })
    }
}

fn score_column(label: &str) -> String {
    format!("{SCORE}{label}")
}
