//! Nested training slices, balanced by label.

use crate::{LabelSets, Rng};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// How many rows of a label are looked at before one is taken.
const LOOK_AHEAD: usize = 16;

/// All rows in an order whose every beginning is balanced: the first `n` are the training slice of size `n`.
///
/// Again and again the label with the fewest rows taken gives the next one; of equally served labels the one with
/// the fewest rows in all, then the first in the vocabulary. Of the label's next 16 rows in random order the one is
/// taken whose other labels have been served least, so that a rare label does not drag a frequent one along. Rows
/// without labels come last, in random order.
pub fn balanced_order(labels: &LabelSets, seed: u64) -> Vec<usize> {
    let mut rng = Rng::new(seed);
    let counts = labels.counts();
    let mut waiting = labels.rows_of_labels();
    waiting.iter_mut().for_each(|rows| rng.shuffle(rows));
    let mut served = vec![0_usize; labels.labels()];
    let mut taken = vec![false; labels.rows()];
    let mut order = Vec::with_capacity(labels.rows());
    // An entry is out of date when its label has been served since; a fresh one is pushed in its place.
    let mut queue: BinaryHeap<Reverse<(usize, usize, usize)>> = counts
        .iter()
        .enumerate()
        .map(|(label, &count)| Reverse((0, count, label)))
        .collect();
    while let Some(Reverse((before, count, label))) = queue.pop() {
        if before != served[label] {
            queue.push(Reverse((served[label], count, label)));
            continue;
        }
        let Some(row) = next_row(labels, label, &mut waiting[label], &served, &taken) else {
            continue;
        };
        taken[row] = true;
        order.push(row);
        labels
            .row(row)
            .iter()
            .for_each(|&label| served[label as usize] += 1);
        queue.push(Reverse((served[label], count, label)));
    }
    let mut unlabelled: Vec<usize> = (0..labels.rows()).filter(|&row| !taken[row]).collect();
    rng.shuffle(&mut unlabelled);
    order.extend(unlabelled);
    order
}

/// Takes a row of `label` off the end of its waiting rows.
fn next_row(
    labels: &LabelSets,
    label: usize,
    waiting: &mut Vec<usize>,
    served: &[usize],
    taken: &[bool],
) -> Option<usize> {
    let mut candidates = Vec::with_capacity(LOOK_AHEAD);
    while candidates.len() < LOOK_AHEAD
        && let Some(row) = waiting.pop()
    {
        if !taken[row] {
            candidates.push(row);
        }
    }
    let others = |row: usize| {
        labels
            .row(row)
            .iter()
            .map(|&other| other as usize)
            .filter(move |&o| o != label)
    };
    let burden = |row: usize| others(row).map(|other| served[other] + 1).sum::<usize>();
    let best = candidates
        .iter()
        .enumerate()
        .min_by_key(|&(_, &row)| burden(row))
        .map(|(at, _)| at)?;
    let row = candidates.remove(best);
    waiting.extend(candidates.into_iter().rev());
    Some(row)
}

/// The slices of the given sizes, each the ascending rows of a beginning of [`balanced_order`]: a smaller slice lies
/// within every larger one. A size past the number of rows means all of them.
pub fn nested(labels: &LabelSets, sizes: &[usize], seed: u64) -> Vec<Vec<usize>> {
    let order = balanced_order(labels, seed);
    let slice = |&size: &usize| {
        let mut rows = order[..size.min(order.len())].to_vec();
        rows.sort_unstable();
        rows
    };
    sizes.iter().map(slice).collect()
}
