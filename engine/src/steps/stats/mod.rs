//! `op = "stats"`: what is in a table, before anything is learned from it.
//!
//! - `labels`: how many rows carry each label, and how many labels a row carries
//! - `words`: how long the texts are

mod labels;
mod words;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Check, ColumnType, Context, InputPort, OutputPort, PortType, Step, StepError, StepKind,
};

/// Counts labels and words, as tables and figures.
///
/// With `labels`: `labels` (rows of each label, and their share of the rows that carry any), `labels_per_row` (rows with 0,
/// 1, 2, ... labels), `labels_figure` and `labels_per_row_figure`. With `text`: `words` (texts by their number of words, in
/// intervals that double) and `words_figure`; words are what white space separates.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stats {
    /// The column with the labels: a list of texts a row, or one text a row. Default: none, labels are not counted.
    #[serde(default)]
    labels: Option<String>,
    /// The column with the texts. Default: none, words are not counted.
    #[serde(default)]
    text: Option<String>,
}

impl StepKind for Stats {
    const OP: &'static str = "stats";
    const VERSION: u32 = 1;
}

impl Step for Stats {
    fn inputs(&self) -> Vec<InputPort> {
        vec![InputPort::one("table", PortType::Table)]
    }

    fn outputs(&self) -> Vec<OutputPort> {
        let mut ports = Vec::new();
        if self.labels.is_some() {
            ports.extend([
                OutputPort::new("labels", PortType::Table).in_report(),
                OutputPort::new("labels_per_row", PortType::Table),
                OutputPort::new("labels_figure", PortType::Figure).in_report(),
                OutputPort::new("labels_per_row_figure", PortType::Figure).in_report(),
            ]);
        }
        if self.text.is_some() {
            ports.extend([
                OutputPort::new("words", PortType::Table),
                OutputPort::new("words_figure", PortType::Figure).in_report(),
            ]);
        }
        ports
    }

    fn check(&self, check: &mut Check) {
        if self.labels.is_none() && self.text.is_none() {
            let help = "add labels = \"labels\", text = \"text\", or both".to_owned();
            check.problem("", "there is nothing to count", Some(help));
        }
        if let Some(column) = &self.labels {
            check.require("labels", "table", column, ColumnType::Labels);
            check.output("labels", labels::labels_schema());
            check.output("labels_per_row", labels::labels_per_row_schema());
        }
        if let Some(column) = &self.text {
            check.require("text", "table", column, ColumnType::Text);
            check.output("words", words::schema());
        }
    }

    fn run(&self, context: &Context<'_>) -> Result<(), StepError> {
        let table = context.table("table")?;
        if let Some(column) = &self.labels {
            labels::run(&table, column, context)?;
        }
        if let Some(column) = &self.text {
            words::run(&table, column, context)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
