//! [`Neighbours`]: what a search gives.

use crate::Metric;
use crate::candidates::Best;

/// The nearest vectors of each query, the nearest first; of equally near ones the smaller id comes first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Neighbours {
    ends: Vec<usize>,
    ids: Vec<i64>,
    distances: Vec<f32>,
}

impl Neighbours {
    pub(crate) fn of(found: Vec<Vec<Best>>, metric: Metric) -> Self {
        let mut neighbours = Self::default();
        for best in found.iter().flatten() {
            neighbours.ids.push(best.id);
            neighbours.distances.push(metric.shown(best.score));
        }
        neighbours.ends = found
            .iter()
            .scan(0, |end, best| {
                *end += best.len();
                Some(*end)
            })
            .collect();
        neighbours
    }

    /// The number of queries.
    pub fn queries(&self) -> usize {
        self.ends.len()
    }

    /// The ids of the vectors nearest to a query: k of them, or fewer where the lists looked into held fewer.
    ///
    /// # Panics
    /// If there is no such query.
    pub fn ids(&self, query: usize) -> &[i64] {
        &self.ids[self.range(query)]
    }

    /// How far they are: the squared distance for L2, else the inner product or the cosine.
    ///
    /// # Panics
    /// If there is no such query.
    pub fn distances(&self, query: usize) -> &[f32] {
        &self.distances[self.range(query)]
    }

    fn range(&self, query: usize) -> std::ops::Range<usize> {
        let begin = if query == 0 { 0 } else { self.ends[query - 1] };
        begin..self.ends[query]
    }

    /// The share of the true neighbours that were found, `|found ∩ truth| / |truth|` over all queries: recall at k where both
    /// sides hold k neighbours a query. 1 if there is none to be found.
    ///
    /// # Panics
    /// If `truth` has fewer queries.
    pub fn recall(&self, truth: &Self) -> f64 {
        let mut found = 0;
        for query in 0..self.queries() {
            let mut wanted = truth.ids(query).to_vec();
            wanted.sort_unstable();
            found += self
                .ids(query)
                .iter()
                .filter(|id| wanted.binary_search(id).is_ok())
                .count();
        }
        if truth.ids.is_empty() {
            1.0
        } else {
            found as f64 / truth.ids.len() as f64
        }
    }
}
