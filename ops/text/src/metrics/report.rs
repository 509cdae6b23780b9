//! Precision, recall and F1 a label and averaged, subset accuracy, Hamming loss.

use crate::{LabelSets, Result, Task};
use serde::{Deserialize, Serialize};

/// Precision, recall and F1. A ratio without a denominator is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Averages {
    /// The share of predictions that are true.
    pub precision: f64,
    /// The share of truths that are predicted.
    pub recall: f64,
    /// The harmonic mean of the two.
    pub f1: f64,
}

/// The figures of one label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabelReport {
    /// The label's name.
    pub label: String,
    /// Its precision, recall and F1.
    #[serde(flatten)]
    pub scores: Averages,
    /// How many rows truly carry it.
    pub support: usize,
    /// How many rows it was predicted for.
    pub predicted: usize,
}

/// The classification report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// One entry a label, in vocabulary order.
    pub labels: Vec<LabelReport>,
    /// Over all cells of rows and labels at once. In multi-class work all three are the accuracy.
    pub micro_avg: Averages,
    /// The mean over labels. In multi-class work a label that is neither true nor predicted anywhere is left out.
    pub macro_avg: Averages,
    /// The mean over labels, each weighing its support.
    pub weighted_avg: Averages,
    /// The mean over rows.
    pub samples_avg: Averages,
    /// The share of rows whose label set is predicted exactly; the accuracy in multi-class work.
    pub subset_accuracy: f64,
    /// The share of wrong cells of rows and labels; in multi-class work the share of wrong rows.
    pub hamming_loss: f64,
    /// How many rows were judged.
    pub rows: usize,
}

impl Report {
    /// Judges `predicted` against `truth`, both over one vocabulary. Without rows every figure is 0.
    ///
    /// # Errors
    /// [`crate::Error::Mismatch`] of rows, [`crate::Error::Vocabularies`], and [`crate::Error::NotSingleLabel`] when
    /// the task is multi-class.
    pub fn new(truth: &LabelSets, predicted: &LabelSets, task: Task) -> Result<Self> {
        let doing = "judging predictions";
        truth.require_like(doing, predicted)?;
        if task == Task::MultiClass {
            truth.single(doing)?;
            predicted.single(doing)?;
        }
        Ok(Self::of_rows(
            truth.vocabulary(),
            task,
            truth.iter().zip(predicted.iter()),
        ))
    }

    /// The report on pairs of (true, predicted) ascending labels.
    pub(super) fn of_rows<'a>(
        vocabulary: &[String],
        task: Task,
        rows: impl Iterator<Item = (&'a [u32], &'a [u32])>,
    ) -> Self {
        let mut tally = Tally::new(vocabulary.len());
        for (truth, predicted) in rows {
            let mut row = RowTally::default();
            row.count(truth, predicted, |cell| tally.cells[cell] += 1);
            tally.add_row(&row);
        }
        tally.report(vocabulary, task)
    }

    /// Every figure in one fixed order; [`with_figures`](Self::with_figures) puts them back.
    pub(super) fn figures(&self) -> impl Iterator<Item = f64> + '_ {
        let averages = [
            self.micro_avg,
            self.macro_avg,
            self.weighted_avg,
            self.samples_avg,
        ];
        let each = averages
            .into_iter()
            .chain(self.labels.iter().map(|label| label.scores));
        let each = each.flat_map(|a| [a.precision, a.recall, a.f1]);
        each.chain([self.subset_accuracy, self.hamming_loss])
    }

    /// This report with other figures; names and counts stay.
    pub(super) fn with_figures(&self, mut figures: impl Iterator<Item = f64>) -> Self {
        let mut report = self.clone();
        let averages = [
            &mut report.micro_avg,
            &mut report.macro_avg,
            &mut report.weighted_avg,
            &mut report.samples_avg,
        ];
        let each = averages
            .into_iter()
            .chain(report.labels.iter_mut().map(|label| &mut label.scores));
        let each = each.flat_map(|a| [&mut a.precision, &mut a.recall, &mut a.f1]);
        for figure in each.chain([&mut report.subset_accuracy, &mut report.hamming_loss]) {
            *figure = figures.next().unwrap_or(f64::NAN);
        }
        report
    }
}

/// The cells of a label in [`Tally::cells`].
const TRUE_POSITIVE: usize = 0;
const FALSE_POSITIVE: usize = 1;
const FALSE_NEGATIVE: usize = 2;
const KINDS: usize = 3;

/// What one row adds to a tally.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RowTally {
    averages: Averages,
    exact: bool,
}

impl RowTally {
    /// Compares the ascending labels of one row; `cell` hears the place in [`Tally::cells`] of each label involved.
    pub(super) fn count(&mut self, truth: &[u32], predicted: &[u32], mut cell: impl FnMut(usize)) {
        let (mut t, mut p, mut both) = (0, 0, 0_u32);
        loop {
            let (label, kind) = match (truth.get(t), predicted.get(p)) {
                (Some(a), Some(b)) if a == b => (a, TRUE_POSITIVE),
                (Some(a), Some(b)) if a < b => (a, FALSE_NEGATIVE),
                (Some(a), None) => (a, FALSE_NEGATIVE),
                (_, Some(b)) => (b, FALSE_POSITIVE),
                (None, None) => break,
            };
            t += usize::from(kind != FALSE_POSITIVE);
            p += usize::from(kind != FALSE_NEGATIVE);
            both += u32::from(kind == TRUE_POSITIVE);
            cell(*label as usize * KINDS + kind);
        }
        self.averages = Averages::of(f64::from(both), predicted.len() as f64, truth.len() as f64);
        self.exact = truth == predicted;
    }
}

impl Averages {
    /// From the numbers of hits, of predictions and of truths.
    fn of(hits: f64, predicted: f64, truths: f64) -> Self {
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        Self {
            precision: share(hits, predicted),
            recall: share(hits, truths),
            f1: share(2.0 * hits, predicted + truths),
        }
    }

    fn add(&mut self, other: Self, weight: f64) {
        self.precision += weight * other.precision;
        self.recall += weight * other.recall;
        self.f1 += weight * other.f1;
    }

    fn over(self, total: f64) -> Self {
        if total > 0.0 {
            let Self {
                precision,
                recall,
                f1,
            } = self;
            Self {
                precision: precision / total,
                recall: recall / total,
                f1: f1 / total,
            }
        } else {
            Self::default()
        }
    }
}

/// Counts over rows, from which every figure of a report follows.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    /// `[labels, kinds]`: true positives, false positives, false negatives.
    pub(super) cells: Vec<u32>,
    samples: Averages,
    exact: usize,
    rows: usize,
}

impl Tally {
    pub(super) fn new(labels: usize) -> Self {
        Self {
            cells: vec![0; labels * KINDS],
            samples: Averages::default(),
            exact: 0,
            rows: 0,
        }
    }

    /// Adds what a row says beyond its cells.
    pub(super) fn add_row(&mut self, row: &RowTally) {
        self.samples.add(row.averages, 1.0);
        self.exact += usize::from(row.exact);
        self.rows += 1;
    }

    pub(super) fn report(&self, vocabulary: &[String], task: Task) -> Report {
        let mut labels = Vec::with_capacity(vocabulary.len());
        let (mut all_hits, mut all_predicted, mut all_truths) = (0.0, 0.0, 0.0);
        let (mut macro_sum, mut weighted_sum, mut judged) =
            (Averages::default(), Averages::default(), 0.0);
        for (label, cells) in vocabulary.iter().zip(self.cells.chunks_exact(KINDS)) {
            let hits = cells[TRUE_POSITIVE];
            let (predicted, support) = (hits + cells[FALSE_POSITIVE], hits + cells[FALSE_NEGATIVE]);
            let scores = Averages::of(f64::from(hits), f64::from(predicted), f64::from(support));
            if task == Task::MultiLabel || predicted + support > 0 {
                macro_sum.add(scores, 1.0);
                judged += 1.0;
            }
            weighted_sum.add(scores, f64::from(support));
            all_hits += f64::from(hits);
            all_predicted += f64::from(predicted);
            all_truths += f64::from(support);
            labels.push(LabelReport {
                label: label.clone(),
                scores,
                support: support as usize,
                predicted: predicted as usize,
            });
        }
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        let rows = self.rows as f64;
        let exact = self.exact as f64;
        Report {
            labels,
            micro_avg: Averages::of(all_hits, all_predicted, all_truths),
            macro_avg: macro_sum.over(judged),
            weighted_avg: weighted_sum.over(all_truths),
            samples_avg: self.samples.over(rows),
            subset_accuracy: share(exact, rows),
            hamming_loss: match task {
                Task::MultiLabel => share(
                    all_predicted + all_truths - 2.0 * all_hits,
                    rows * vocabulary.len() as f64,
                ),
                Task::MultiClass => share(rows - exact, rows),
            },
            rows: self.rows,
        }
    }
}
