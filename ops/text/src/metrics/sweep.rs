//! The report for many thresholds or numbers of labels, and the best threshold of each label.

use super::ranking::{require_scores, steps};
use super::report::Report;
use crate::scores::ranked;
use crate::{Error, LabelSets, Result, Scores, Task, Workers};
use serde::{Deserialize, Serialize};

/// The report at one setting of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepPoint<T> {
    /// The threshold, or the number of labels a row.
    pub setting: T,
    /// What it yields.
    pub report: Report,
}

/// The threshold of one label, and what it yields.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabelThreshold {
    /// The label is predicted for scores above it.
    pub threshold: f64,
    /// The F1 that it yields on the rows it was chosen on.
    pub f1: f64,
}

/// The multi-label report for each of `thresholds`, when every label whose score is above it is predicted.
///
/// # Errors
/// [`Error::Mismatch`] of rows or labels, [`Error::Parameter`] for a threshold that is not a number,
/// [`Error::Cancelled`].
pub fn sweep_thresholds(
    truth: &LabelSets,
    scores: &Scores,
    thresholds: &[f64],
    workers: &Workers,
) -> Result<Vec<SweepPoint<f64>>> {
    require_scores(truth, scores)?;
    if thresholds.iter().any(|threshold| threshold.is_nan()) {
        return Err(Error::parameter("thresholds", f64::NAN, "numbers"));
    }
    workers.map("sweeping thresholds", thresholds.len(), 1, |range| {
        let threshold = thresholds[range.start];
        let predicted = rows_of(scores, |row, chosen| {
            let above = row
                .iter()
                .enumerate()
                .filter(|(_, score)| **score > threshold);
            chosen.extend(above.map(|(label, _)| label as u32));
        });
        SweepPoint {
            setting: threshold,
            report: judge(truth, &predicted),
        }
    })
}

/// The multi-label report for each of `ks`, when the `k` best labels of every row are predicted.
///
/// # Errors
/// [`Error::Mismatch`] of rows or labels, [`Error::Cancelled`].
pub fn sweep_top_k(
    truth: &LabelSets,
    scores: &Scores,
    ks: &[usize],
    workers: &Workers,
) -> Result<Vec<SweepPoint<usize>>> {
    require_scores(truth, scores)?;
    let best: Vec<Vec<u32>> = (0..scores.rows())
        .map(|row| ranked(scores.row(row)))
        .collect();
    workers.map("sweeping the number of labels", ks.len(), 1, |range| {
        let k = ks[range.start];
        let mut best = best.iter();
        let predicted = rows_of(scores, |_, chosen| {
            chosen.extend(best.next().into_iter().flatten().take(k));
            chosen.sort_unstable();
        });
        SweepPoint {
            setting: k,
            report: judge(truth, &predicted),
        }
    })
}

/// For each label the threshold with the highest F1, in vocabulary order. It lies halfway between two scores; of
/// equally good ones the highest is taken. A label that no row carries gets one that no row exceeds.
///
/// # Errors
/// [`Error::Mismatch`] of rows or labels.
pub fn label_thresholds(truth: &LabelSets, scores: &Scores) -> Result<Vec<LabelThreshold>> {
    require_scores(truth, scores)?;
    let carrying = truth.rows_of_labels();
    let best = carrying.iter().enumerate().map(|(label, rows)| {
        let steps = steps(scores, label, rows);
        let highest = steps.first().map_or(0.0, |step| step.score);
        let mut best = LabelThreshold {
            threshold: highest,
            f1: 0.0,
        };
        for (i, step) in steps.iter().enumerate() {
            let f1 = 2.0 * step.hits as f64 / (step.above + rows.len()) as f64;
            // Nothing lies below negative infinity, so no threshold lets it in.
            if f1 > best.f1 && step.score > f64::NEG_INFINITY {
                let below = steps
                    .get(i + 1)
                    .map_or(step.score.next_down(), |next| next.score);
                best = LabelThreshold {
                    threshold: between(below, step.score),
                    f1,
                };
            }
        }
        best
    });
    Ok(best.collect())
}

/// A number at least `low` and below `high`, halfway if that can be told apart from both.
fn between(low: f64, high: f64) -> f64 {
    let middle = 0.5 * low + 0.5 * high;
    if low < middle && middle < high {
        middle
    } else {
        low
    }
}

/// The chosen labels of every row, and where each row ends.
type Rows = (Vec<u32>, Vec<usize>);

fn rows_of(scores: &Scores, mut choose: impl FnMut(&[f64], &mut Vec<u32>)) -> Rows {
    let (mut all, mut ends, mut chosen) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..scores.rows() {
        chosen.clear();
        choose(scores.row(row), &mut chosen);
        all.extend_from_slice(&chosen);
        ends.push(all.len());
    }
    (all, ends)
}

fn judge(truth: &LabelSets, (labels, ends): &Rows) -> Report {
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let predicted = starts.zip(ends).map(|(start, &end)| &labels[start..end]);
    Report::of_rows(
        truth.vocabulary(),
        Task::MultiLabel,
        truth.iter().zip(predicted),
    )
}
