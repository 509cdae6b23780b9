//! The scores of a model over a vectorizer's features.

use std::path::Path;

use table::Table;

use super::super::rows::texts;
use super::super::{Context, StepError, linear_model};
use super::Scored;

/// Scores the texts of a table.
pub fn score(
    folder: &Path,
    table: &Table,
    text: &str,
    context: &Context<'_>,
) -> Result<Scored, StepError> {
    let saved = linear_model::load(folder)?;
    let column = table.text_column(text)?;
    let workers = context.workers();
    let x = saved.vectorizer.transform(&texts(&column), &workers)?;
    context.check()?;
    Ok(Scored {
        probabilities: saved.model.predict_proba(&x, &workers)?,
        // Decision values rank labels that round to the same probability.
        ranks: Some(saved.model.decision_function(&x, &workers)?),
        thresholds: vec![0.5; saved.model.vocabulary.len()],
        task: saved.config.task,
        labels: saved.model.vocabulary,
    })
}
