//! Nested training slices, balanced by label.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::{LabelSets, Rng};

/// How many rows of a label are looked at before one is taken.
const LOOK_AHEAD: usize = 16;

/// What a slice's labels are balanced to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balance {
    /// Every label its share of the rows, so that a slice is a small picture of all rows.
    Proportional,
    /// As many rows for every label, as far as there are.
    Equal,
}

/// All rows in an order whose every beginning is balanced: the first `n` are the training slice of size `n`.
///
/// Again and again the label that is furthest behind gives the next row: the one with the smallest quotient
/// `(rows taken + 1/2) / weight`, where the weight is the label's number of rows ([`Balance::Proportional`]) or one
/// ([`Balance::Equal`]). This is the divisor method of Webster and Sainte-Laguë (Balinski and Young 1982, "Fair
/// representation"): it rounds shares to whole rows without favour, and no label ever loses a row because the slice
/// grows. Of labels that are equally behind, the one with the most rows in all comes first, so that a slice with fewer
/// rows than there are labels holds the frequent ones; then the first in the vocabulary.
///
/// Of the label's next 16 rows in random order the one is taken whose other labels are furthest behind: with
/// [`Balance::Proportional`] behind their share of the rows so far, with [`Balance::Equal`] those served least, so that
/// a rare label does not drag a frequent one along. Rows without labels come last, in random order.
pub fn balanced_order(labels: &LabelSets, balance: Balance, seed: u64) -> Vec<usize> {
    let mut rng = Rng::new(seed);
    let counts = labels.counts();
    let mut waiting = labels.rows_of_labels();
    waiting.iter_mut().for_each(|rows| rng.shuffle(rows));
    let labelled = labels.iter().filter(|row| !row.is_empty()).count();
    let mut served = vec![0_usize; labels.labels()];
    let mut taken = vec![false; labels.rows()];
    let mut order = Vec::with_capacity(labels.rows());
    let mut queue: BinaryHeap<Reverse<Claim>> = (0..labels.labels())
        .map(|label| {
            Reverse(Claim {
                served: 0,
                weight: match balance {
                    Balance::Proportional => counts[label],
                    Balance::Equal => 1,
                },
                rows: counts[label],
                label,
            })
        })
        .collect();
    while let Some(Reverse(claim)) = queue.pop() {
        let label = claim.label;
        // Rows that other labels gave may have served it meanwhile.
        if claim.served != served[label] {
            queue.push(Reverse(claim.with_served(served[label])));
            continue;
        }
        let progress = order.len() as f64 / labelled as f64;
        let ahead = |other: usize| match balance {
            Balance::Proportional => served[other] as f64 / counts[other] as f64 - progress,
            Balance::Equal => served[other] as f64 + 1.0,
        };
        let Some(row) = next_row(labels, label, &mut waiting[label], &taken, ahead) else {
            continue;
        };
        taken[row] = true;
        order.push(row);
        labels
            .row(row)
            .iter()
            .for_each(|&label| served[label as usize] += 1);
        queue.push(Reverse(claim.with_served(served[label])));
    }
    let mut unlabelled: Vec<usize> = (0..labels.rows()).filter(|&row| !taken[row]).collect();
    rng.shuffle(&mut unlabelled);
    order.extend(unlabelled);
    order
}

/// What a label has and what it is due; the smallest is served next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Claim {
    served: usize,
    weight: usize,
    /// In all, taken or not.
    rows: usize,
    label: usize,
}

impl Claim {
    fn with_served(self, served: usize) -> Claim {
        Claim { served, ..self }
    }
}

impl Ord for Claim {
    fn cmp(&self, other: &Claim) -> Ordering {
        // (2 a + 1) / w against (2 b + 1) / v, in whole numbers: floats would decide ties by their rounding.
        let part = |claim: &Claim, weight: usize| (2 * claim.served as u128 + 1) * weight as u128;
        part(self, other.weight)
            .cmp(&part(other, self.weight))
            .then(other.rows.cmp(&self.rows))
            .then(self.label.cmp(&other.label))
    }
}

impl PartialOrd for Claim {
    fn partial_cmp(&self, other: &Claim) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Takes a row of `label` off the end of its waiting rows; `ahead` says how little another label needs one.
fn next_row(
    labels: &LabelSets,
    label: usize,
    waiting: &mut Vec<usize>,
    taken: &[bool],
    ahead: impl Fn(usize) -> f64,
) -> Option<usize> {
    let mut candidates = Vec::with_capacity(LOOK_AHEAD);
    while candidates.len() < LOOK_AHEAD
        && let Some(row) = waiting.pop()
    {
        if !taken[row] {
            candidates.push(row);
        }
    }
    let burden = |row: usize| -> f64 {
        let others = labels.row(row).iter().map(|&other| other as usize);
        others.filter(|&other| other != label).map(&ahead).sum()
    };
    let best = candidates
        .iter()
        .map(|&row| burden(row))
        .enumerate()
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(at, _)| at)?;
    let row = candidates.remove(best);
    waiting.extend(candidates.into_iter().rev());
    Some(row)
}

/// The slices of the given sizes, each the ascending rows of a beginning of [`balanced_order`]: a smaller slice lies
/// within every larger one. A size past the number of rows means all of them.
pub fn nested(labels: &LabelSets, balance: Balance, sizes: &[usize], seed: u64) -> Vec<Vec<usize>> {
    let order = balanced_order(labels, balance, seed);
    let slice = |&size: &usize| {
        let mut rows = order[..size.min(order.len())].to_vec();
        rows.sort_unstable();
        rows
    };
    sizes.iter().map(slice).collect()
}
