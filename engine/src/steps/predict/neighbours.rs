//! The votes of the nearest rows.

use std::path::Path;

use table::Table;

use super::super::neighbours::{Neighbours, shares, vectors};
use super::super::{Context, StepError};
use super::Scored;

/// The column that `embed` writes.
const VECTOR: &str = "vector";

/// Scores the rows of a table by their vectors.
pub fn score(folder: &Path, table: &Table, context: &Context<'_>) -> Result<Scored, StepError> {
    let (neighbours, config) = Neighbours::load(folder)?;
    let (queries, dimension) = vectors(table, VECTOR)?;
    if dimension != config.dimension {
        return Err(StepError::new(format!(
            "vectors of the table have {dimension} numbers, those of the model {}",
            config.dimension
        ))
        .help("embed both with the same model"));
    }
    let votes = neighbours.votes(&queries, config.k, context.threads)?;
    let labels = config.labels;
    Ok(Scored {
        probabilities: shares(&votes, config.k, labels.len())?,
        ranks: None,
        // Half a vote below what a label needs.
        thresholds: vec![(config.votes as f64 - 0.5) / config.k as f64; labels.len()],
        task: config.task,
        labels,
    })
}
