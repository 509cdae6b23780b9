//! The table `predictions`: the columns of the input, the labels of each row, and a score for each label.

use arrow_schema::{DataType, Field};
use table::{Table, columns};
use text::{LabelSets, Scores};

use super::words::{number, rows};
use super::{Check, Context, StepError};

/// The column of predicted labels.
const PREDICTED: &str = "predicted";

fn score_column(label: &str) -> String {
    format!("score.{label}")
}

/// Notes a problem where two parameters say which labels are predicted.
pub fn check(check: &mut Check, threshold: Option<f64>, top_k: Option<usize>) {
    if threshold.is_some() && top_k.is_some() {
        check.problem(
            "top_k",
            "`threshold` and `top_k` decide the same thing",
            Some("leave one of them out".to_owned()),
        );
    }
}

/// States the columns of the output: those of the port `table`, and those of these labels.
pub fn state<'a>(check: &mut Check, labels: impl IntoIterator<Item = &'a str>) {
    let mut fields = vec![Field::new(PREDICTED, columns::string_list_type(), true)];
    let score = |label| Field::new(score_column(label), DataType::Float64, true);
    fields.extend(labels.into_iter().map(score));
    check.output_like("predictions", "table", &fields);
}

/// The labels whose scores are above a threshold, or so many with the highest ones. Where neither is given: the likeliest, where labels
/// share one probability, else those above a half.
pub fn decide(
    scores: &Scores,
    labels: &[String],
    shares_one: bool,
    (threshold, top_k): (Option<f64>, Option<usize>),
) -> Result<LabelSets, StepError> {
    Ok(match (threshold, top_k) {
        (_, Some(k)) => scores.top_k(k, labels)?,
        (None, None) if shares_one => scores.top_k(1, labels)?,
        (threshold, None) => {
            let threshold = threshold.unwrap_or(0.5);
            scores.above(&vec![threshold; labels.len()], labels)?
        }
    })
}

/// Writes the predictions of the rows of a table, and their scores, `[rows, labels]`.
pub fn write(
    context: &Context<'_>,
    table: Table,
    scores: &Scores,
    predicted: &LabelSets,
) -> Result<(), StepError> {
    let names = (0..predicted.rows()).map(|row| predicted.names(row));
    let mut predictions = table.with_column(PREDICTED, columns::string_lists(names))?;
    for (label, name) in predicted.vocabulary().iter().enumerate() {
        let values = (0..scores.rows()).map(|row| scores.row(row)[label]);
        predictions = predictions.with_column(&score_column(name), columns::floats(values))?;
    }
    context.write_table("predictions", &predictions)?;
    context.note(format!(
        "{} labels for {}",
        number(predicted.assigned()),
        rows(predicted.rows())
    ));
    Ok(())
}
