//! The votes of the nearest rows.

use super::super::StepError;
use super::super::neighbours::{Config, Neighbours, ranks, shares};
use super::Scored;

/// The column that `embed` writes.
pub const VECTOR: &str = "vector";

/// Scores rows by their vectors, `[rows * dimension]`.
pub fn score(
    (neighbours, config): &(Neighbours, Config),
    queries: &[f32],
    dimension: usize,
    threads: usize,
) -> Result<Scored, StepError> {
    if dimension != config.dimension {
        return Err(StepError::new(format!(
            "vectors of the rows have {dimension} numbers, those of the model {}",
            config.dimension
        ))
        .help("embed both with the same model"));
    }
    let votes = neighbours
        .search(queries, config.k, threads)?
        .votes(config.k);
    let labels = config.labels.clone();
    Ok(Scored {
        probabilities: shares(&votes, config.k, labels.len())?,
        ranks: Some(ranks(&votes, labels.len())?),
        // Half a vote below what a label needs.
        thresholds: vec![(config.votes as f64 - 0.5) / config.k as f64; labels.len()],
        task: config.task,
        labels,
    })
}
