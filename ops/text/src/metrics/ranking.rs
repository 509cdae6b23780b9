//! How well scores rank rows, whatever the threshold.

use crate::{LabelSets, Result, Scores};

/// The average precision of each label, `sum over thresholds of (recall gained) * precision`, in vocabulary order;
/// none for a label that no row carries.
///
/// # Errors
/// [`crate::Error::Mismatch`] of rows or labels.
pub fn average_precision(truth: &LabelSets, scores: &Scores) -> Result<Vec<Option<f64>>> {
    each_label(truth, scores, |steps, positives, _| {
        if positives == 0 {
            return None;
        }
        let (mut sum, mut before) = (0.0, 0);
        for &(hits, above) in steps {
            sum += (hits - before) as f64 * hits as f64 / above as f64;
            before = hits;
        }
        Some(sum / positives as f64)
    })
}

/// The area under the ROC curve of each label, in vocabulary order: the chance that a row with the label scores above
/// one without, ties counting half. None for a label that no row carries, or every one.
///
/// # Errors
/// [`crate::Error::Mismatch`] of rows or labels.
pub fn roc_auc(truth: &LabelSets, scores: &Scores) -> Result<Vec<Option<f64>>> {
    each_label(truth, scores, |steps, positives, negatives| {
        if positives == 0 || negatives == 0 {
            return None;
        }
        let (mut twice, mut before, mut misses_before) = (0.0, 0, 0);
        for &(hits, above) in steps {
            let misses = above - hits;
            twice += (misses - misses_before) as f64 * (hits + before) as f64;
            (before, misses_before) = (hits, misses);
        }
        Some(twice / 2.0 / (positives as f64 * negatives as f64))
    })
}

/// Calls `judge` for each label with, from the highest threshold to the lowest, the numbers of (rows with the label,
/// rows) that reach it, and with the numbers of rows with and without the label.
fn each_label<T>(
    truth: &LabelSets,
    scores: &Scores,
    judge: impl Fn(&[(usize, usize)], usize, usize) -> T,
) -> Result<Vec<T>> {
    require_scores(truth, scores)?;
    let carrying = truth.rows_of_labels();
    let judged = carrying.iter().enumerate().map(|(label, rows)| {
        let steps = steps(scores, label, rows);
        let counts: Vec<(usize, usize)> =
            steps.iter().map(|step| (step.hits, step.above)).collect();
        judge(&counts, rows.len(), truth.rows() - rows.len())
    });
    Ok(judged.collect())
}

/// One distinct score of a label.
pub(super) struct Step {
    pub(super) score: f64,
    /// Rows with the label that score at least this.
    pub(super) hits: usize,
    /// Rows that score at least this.
    pub(super) above: usize,
}

/// The distinct scores of `label` from the highest to the lowest; `carrying` are the rows that carry it.
pub(super) fn steps(scores: &Scores, label: usize, carrying: &[usize]) -> Vec<Step> {
    let mut ranked: Vec<(f64, bool)> = scores.column(label).map(|score| (score, false)).collect();
    carrying.iter().for_each(|&row| ranked[row].1 = true);
    ranked.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let mut steps: Vec<Step> = Vec::new();
    let mut hits = 0;
    for (i, &(score, carries)) in ranked.iter().enumerate() {
        hits += usize::from(carries);
        let step = Step {
            score,
            hits,
            above: i + 1,
        };
        match steps.last_mut() {
            // Compared as numbers, so that the two zeros are one threshold.
            Some(last) if last.score == score => *last = step,
            _ => steps.push(step),
        }
    }
    steps
}

/// Fails unless `scores` has the rows and the labels of `truth`.
pub(super) fn require_scores(truth: &LabelSets, scores: &Scores) -> Result<()> {
    let doing = "judging scores";
    crate::error::same_rows(
        doing,
        ("the truth", truth.rows()),
        ("the scores", scores.rows()),
    )?;
    crate::error::same(
        "labels",
        doing,
        ("the truth", truth.labels()),
        ("the scores", scores.labels()),
    )
}
