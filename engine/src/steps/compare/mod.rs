//! `op = "compare"`: what works, at how many labelled rows.
//!
//! | file | what it holds |
//! |---|---|
//! | `scores` | every metrics file at its place: line, x, band |
//! | `unfilled` | places that ask for more rows than there are |
//! | `summary` | the table of means and standard deviations |
//! | `figure` | the learning curves |

mod figure;
mod scores;
mod summary;
mod unfilled;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Check, Context, InputPort, OutputPort, PortType, Step, StepError, StepKind};

/// Sets the metrics of many evaluations side by side: the learning curves of several methods.
///
/// Each artifact has its place by the coordinates of its matrix. The output `table` has a row for each line and metric and a
/// column for each x, with the mean over the band and, where it holds several values, `±` their sample standard deviation. The
/// output `figure` has a panel for each metric, with the mean as a line and the smallest to the largest value of the band
/// around it, over a logarithmic x axis. The output `scores` has a row for each artifact.
///
/// Where x is a number of training rows and a model had fewer, as there were no more, it stands at those that it had: `128 (95)`.
/// Where it then repeats another, as 128 of 95 rows does `all`, it is left out of the table and the figure, and a note says so.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Compare {
    /// The coordinate along the axis: a number, or a word such as `all`, which stands at the number of training rows that the
    /// metrics name.
    #[serde(default = "n")]
    x: String,
    /// The coordinate that names the line. Artifacts without it are named by the `input` table,
    /// `input = { bayes = "a", logistic = "b" }`, else by the method that the metrics name.
    #[serde(default = "method")]
    line: String,
    /// The coordinate over whose values means and deviations are taken.
    #[serde(default = "seed")]
    band: String,
    /// The figures to compare, as the metrics name them; dots lead inwards: `labels.bug.f1`.
    #[serde(default = "f1")]
    metrics: Vec<String>,
    /// What the x axis counts.
    #[serde(default = "training_rows")]
    x_label: String,
}

fn n() -> String {
    "n".to_owned()
}

fn method() -> String {
    "method".to_owned()
}

fn seed() -> String {
    "seed".to_owned()
}

fn f1() -> Vec<String> {
    vec!["micro_f1".to_owned(), "macro_f1".to_owned()]
}

fn training_rows() -> String {
    "labelled training rows".to_owned()
}

impl StepKind for Compare {
    const OP: &'static str = "compare";
    const VERSION: u32 = 2;
}

impl Step for Compare {
    fn inputs(&self) -> Vec<InputPort> {
        vec![InputPort::many("metrics", PortType::Metrics)]
    }

    fn outputs(&self) -> Vec<OutputPort> {
        vec![
            OutputPort::new("table", PortType::Table).headline(),
            OutputPort::new("figure", PortType::Figure).headline(),
            OutputPort::new("scores", PortType::Table),
        ]
    }

    fn check(&self, check: &mut Check) {
        if self.metrics.is_empty() {
            check.problem(
                "metrics",
                "there is nothing to compare",
                Some("list figures, such as [\"micro_f1\", \"macro_f1\"]".to_owned()),
            );
        }
        for (at, metric) in self.metrics.iter().enumerate() {
            if self.metrics[..at].contains(metric) || scores::COLUMNS.contains(&metric.as_str()) {
                check.problem(
                    "metrics",
                    format!("two columns would be called `{metric}`"),
                    Some("leave it out".to_owned()),
                );
            }
        }
        check.output("scores", scores::schema(&self.metrics));
    }

    fn run(&self, context: &Context<'_>) -> Result<(), StepError> {
        let mut scores = scores::gather(self, context)?;
        let settled = unfilled::settle(&self.x, &mut scores);
        let curves = summary::curves(&scores, &settled.left_out);
        context.write_table("table", &summary::table(&self.metrics, &curves)?)?;
        context.write_text("figure", &figure::draw(self, &curves))?;
        context.write_table("scores", &scores::table(&self.metrics, &scores)?)?;
        context.note(format!(
            "{} evaluations, {} lines",
            scores.len(),
            curves.len()
        ));
        settled
            .notes
            .into_iter()
            .for_each(|note| context.note(note));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
