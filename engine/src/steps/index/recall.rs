//! How many of the true neighbours an approximate index finds, and how fast.

use std::time::Instant;

use index::{AnyIndex, Neighbours};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Given;
use crate::steps::joined::Shared;
use crate::steps::{Context, StepError};

/// How an approximate index is compared with a flat one.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recall {
    /// The neighbours of which recall is measured.
    #[serde(default = "ten")]
    #[schemars(range(min = 1))]
    recall_at: usize,
    /// For how many of the rows, spread evenly over the table; a row is no neighbour of its own. 0 measures nothing.
    #[serde(default = "thousand")]
    recall_rows: usize,
}

fn ten() -> usize {
    10
}

fn thousand() -> usize {
    1000
}

impl Shared for Recall {
    const FIELDS: &'static [&'static str] = &["recall_at", "recall_rows"];
}

/// What was measured.
pub struct Measured {
    /// The neighbours that were looked for.
    pub k: usize,
    /// The rows for which they were looked for.
    pub queries: usize,
    /// The share of the true neighbours that was found.
    pub recall: f64,
    /// Queries a second.
    pub rate: f64,
    /// Queries a second of the flat index.
    pub flat_rate: f64,
}

impl Recall {
    /// Compares the index with a flat one of the same vectors; nothing where there are no neighbours to be found.
    pub fn measure(
        &self,
        index: &AnyIndex,
        given: &Given<'_>,
        context: &Context<'_>,
    ) -> Result<Option<Measured>, StepError> {
        let rows = given.rows();
        let k = self.recall_at.min(rows.saturating_sub(1));
        let sample: Vec<usize> = spread(rows, self.recall_rows).collect();
        if k == 0 || sample.is_empty() {
            return Ok(None);
        }
        let vector = |row: &usize| &given.vectors[row * given.dimension..][..given.dimension];
        let queries: Vec<f32> = sample.iter().flat_map(vector).copied().collect();
        // One more, since each row is among its own neighbours.
        let search = |index: &AnyIndex| -> Result<(Neighbours, f64), StepError> {
            let began = Instant::now();
            let found = index.search(&given.threads, &queries, k + 1, None)?;
            let seconds = began.elapsed().as_secs_f64().max(1e-9);
            Ok((found, sample.len() as f64 / seconds))
        };
        let (truth, flat_rate) = search(&AnyIndex::Flat(given.flat()?))?;
        context.check()?;
        let (found, rate) = search(index)?;
        let (mut right, mut all) = (0, 0);
        for (query, &row) in sample.iter().enumerate() {
            let others = |of: &Neighbours| -> Vec<i64> {
                let ids = of.ids(query).iter().copied();
                ids.filter(|&id| id != row as i64).take(k).collect()
            };
            let wanted = others(&truth);
            all += wanted.len();
            right += others(&found)
                .iter()
                .filter(|id| wanted.contains(id))
                .count();
        }
        Ok(Some(Measured {
            k,
            queries: sample.len(),
            recall: right as f64 / all.max(1) as f64,
            rate,
            flat_rate,
        }))
    }
}

/// `most` of the rows, as far from each other as they can be; all of fewer.
fn spread(rows: usize, most: usize) -> impl Iterator<Item = usize> {
    let count = rows.min(most);
    (0..count).map(move |place| (place as u128 * rows as u128 / count as u128) as usize)
}
