//! The vectors that may be among the k nearest of one query.
//!
//! Scores come with bounds on their error. A vector stays a candidate as long as its score may reach the k-th best of what is known,
//! and only then is its exact score computed, so the outcome is that of computing all exactly.

use std::cmp::Ordering;

use crate::kernels;

/// Where exact scores and ids come from.
pub(crate) trait Rows: Sync {
    /// The id of the vector at a place.
    fn id(&self, place: u32) -> i64;

    /// The exact scores of the vectors at some places, the larger the nearer.
    fn scores(&self, query: &[f32], places: &[u32], scores: &mut [f32]);
}

/// How scores follow from what a row of products holds: `scale * value + offset`, at most `error` from the exact ones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    pub(crate) scale: f64,
    pub(crate) offset: f64,
    pub(crate) error: f64,
}

impl View {
    /// The values are the exact scores.
    pub(crate) const EXACT: Self = Self {
        scale: 1.0,
        offset: 0.0,
        error: 0.0,
    };
}

/// A vector with its exact score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Best {
    pub(crate) score: f32,
    pub(crate) id: i64,
}

impl Best {
    /// The nearer first, of equally near ones the smaller id.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        let scores = other.score.partial_cmp(&self.score);
        scores
            .unwrap_or(Ordering::Equal)
            .then(self.id.cmp(&other.id))
    }
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    lower: f64,
    upper: f64,
    place: u32,
}

/// The candidates of one query.
#[derive(Debug)]
pub(crate) struct Candidates {
    k: usize,
    /// The best of those whose exact scores are known, in order.
    settled: Vec<Best>,
    pending: Vec<Pending>,
    /// The k-th best score is no less.
    bound: f64,
}

impl Candidates {
    pub(crate) fn new(k: usize) -> Self {
        Self {
            k,
            settled: Vec::new(),
            pending: Vec::new(),
            bound: f64::NEG_INFINITY,
        }
    }

    /// Takes in a row of values, of the vectors from place `first` on, and says how many became candidates.
    pub(crate) fn offer(
        &mut self,
        values: &[f32],
        first: u32,
        view: View,
        query: &[f32],
        rows: &impl Rows,
        hits: &mut Vec<u32>,
    ) -> usize {
        if self.k == 1 && self.bound == f64::NEG_INFINITY && !values.is_empty() {
            self.bound =
                view.scale * f64::from(kernels::largest(values)) + view.offset - view.error;
        }
        let threshold = ((self.bound - view.error - view.offset) / view.scale) as f32;
        hits.clear();
        kernels::at_least(values, threshold.next_down(), hits);
        for hit in hits.iter() {
            let score = view.scale * f64::from(values[*hit as usize]) + view.offset;
            if score + view.error < self.bound {
                continue;
            }
            self.pending.push(Pending {
                lower: score - view.error,
                upper: score + view.error,
                place: first + hit,
            });
            if self.pending.len() >= self.most_pending() {
                self.tighten(query, rows);
            }
        }
        hits.len()
    }

    /// Adds vectors whose exact scores are known.
    pub(crate) fn merge(&mut self, found: &[Best]) {
        self.settled.extend_from_slice(found);
        self.keep_best();
    }

    /// The k best, in order.
    pub(crate) fn finish(mut self, query: &[f32], rows: &impl Rows) -> Vec<Best> {
        self.raise_bound();
        self.settle(query, rows);
        self.settled
    }

    fn most_pending(&self) -> usize {
        (3 * self.k).max(64)
    }

    fn tighten(&mut self, query: &[f32], rows: &impl Rows) {
        self.raise_bound();
        if self.pending.len() > self.most_pending() / 2 {
            self.settle(query, rows);
        }
    }

    /// The k-th largest of the lower bounds is a bound, below which candidates are dropped.
    fn raise_bound(&mut self) {
        let settled = self.settled.iter().map(|best| f64::from(best.score));
        let mut lowers: Vec<f64> = self
            .pending
            .iter()
            .map(|pending| pending.lower)
            .chain(settled)
            .collect();
        if lowers.len() >= self.k {
            let (_, lower, _) = lowers.select_nth_unstable_by(self.k - 1, |a, b| b.total_cmp(a));
            self.bound = self.bound.max(*lower);
        }
        self.pending.retain(|pending| pending.upper >= self.bound);
    }

    fn settle(&mut self, query: &[f32], rows: &impl Rows) {
        let (exact, rough): (Vec<Pending>, Vec<Pending>) = self
            .pending
            .drain(..)
            .partition(|pending| pending.lower == pending.upper);
        let places: Vec<u32> = rough.iter().map(|pending| pending.place).collect();
        let mut scores = vec![0.0; places.len()];
        rows.scores(query, &places, &mut scores);
        let known = exact
            .iter()
            .map(|pending| (pending.lower as f32, pending.place));
        let computed = scores.into_iter().zip(places);
        self.settled
            .extend(known.chain(computed).map(|(score, place)| Best {
                score,
                id: rows.id(place),
            }));
        self.keep_best();
    }

    fn keep_best(&mut self) {
        self.settled.sort_unstable_by(Best::order);
        self.settled.truncate(self.k);
        if self.settled.len() == self.k
            && let Some(last) = self.settled.last()
        {
            self.bound = self.bound.max(f64::from(last.score));
        }
    }
}
