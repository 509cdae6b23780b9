//! Thresholds or numbers of labels: swept, chosen, applied.

use text::metrics::{Report, SweepPoint, label_thresholds, sweep_thresholds, sweep_top_k};
use text::{LabelSets, Workers};

use super::super::StepError;
use super::Optimize;
use super::predictions::Judged;

/// What decides which labels are predicted, and the sweep that led to it.
pub struct Decision {
    /// The rule.
    pub rule: Rule,
    /// The report at each setting that was tried, ascending.
    pub sweep: Vec<SweepPoint<f64>>,
    /// The port whose rows were swept.
    pub swept: Option<&'static str>,
    /// What the settings of the sweep are.
    pub setting: &'static str,
}

/// What decides which labels are predicted.
pub enum Rule {
    /// Those that `predict` wrote.
    AsPredicted,
    /// Those with a score above one number.
    Threshold(f64),
    /// Those with a score above their own number.
    ThresholdPerLabel(Vec<f64>),
    /// So many with the highest scores.
    TopK(usize),
}

const THRESHOLD: &str = "threshold";
const LABELS_A_ROW: &str = "labels a row";

impl Decision {
    /// The predictions as they are, nothing swept.
    pub fn as_predicted() -> Decision {
        Decision {
            rule: Rule::AsPredicted,
            sweep: Vec::new(),
            swept: None,
            setting: THRESHOLD,
        }
    }

    /// A fixed threshold, or the predictions as they are. The sweep over `test` is for information.
    pub fn threshold(
        test: &Judged,
        threshold: Option<f64>,
        grid: &[f64],
        workers: &Workers<'_>,
    ) -> Result<Decision, StepError> {
        Ok(Decision {
            rule: threshold.map_or(Rule::AsPredicted, Rule::Threshold),
            sweep: sweep_grid(test, grid, workers)?,
            swept: Some("test"),
            setting: THRESHOLD,
        })
    }

    /// The threshold of `grid` that is best on `valid`.
    pub fn best_threshold(
        valid: &Judged,
        grid: &[f64],
        optimize: Optimize,
        workers: &Workers<'_>,
    ) -> Result<Decision, StepError> {
        let sweep = sweep_grid(valid, grid, workers)?;
        // A higher threshold predicts fewer labels.
        let best = best(sweep.iter().rev(), optimize);
        Ok(Decision {
            rule: best.map_or(Rule::AsPredicted, Rule::Threshold),
            sweep,
            swept: Some("valid"),
            setting: THRESHOLD,
        })
    }

    /// The best threshold of each label on `valid`.
    pub fn threshold_per_label(
        valid: &Judged,
        grid: &[f64],
        workers: &Workers<'_>,
    ) -> Result<Decision, StepError> {
        let chosen = label_thresholds(&valid.truth, &valid.scores)?;
        Ok(Decision {
            rule: Rule::ThresholdPerLabel(chosen.iter().map(|label| label.threshold).collect()),
            sweep: sweep_grid(valid, grid, workers)?,
            swept: Some("valid"),
            setting: THRESHOLD,
        })
    }

    /// The number of labels that is best on `valid`.
    pub fn best_top_k(
        valid: &Judged,
        sizes: &[usize],
        optimize: Optimize,
        workers: &Workers<'_>,
    ) -> Result<Decision, StepError> {
        let sweep = sweep_sizes(valid, sizes, workers)?;
        let best = best(sweep.iter(), optimize);
        Ok(Decision {
            rule: best.map_or(Rule::AsPredicted, |k| Rule::TopK(k as usize)),
            sweep,
            swept: Some("valid"),
            setting: LABELS_A_ROW,
        })
    }

    /// A fixed number of labels. The sweep over `test` is for information.
    pub fn top_k(test: &Judged, k: usize, workers: &Workers<'_>) -> Result<Decision, StepError> {
        Ok(Decision {
            rule: Rule::TopK(k),
            sweep: sweep_sizes(test, &[k], workers)?,
            swept: Some("test"),
            setting: LABELS_A_ROW,
        })
    }

    /// What the rule predicts.
    pub fn apply(&self, judged: &Judged) -> Result<LabelSets, StepError> {
        let labels = judged.truth.vocabulary();
        Ok(match &self.rule {
            Rule::AsPredicted => judged.predicted.clone(),
            Rule::Threshold(threshold) => judged
                .scores
                .above(&vec![*threshold; labels.len()], labels)?,
            Rule::ThresholdPerLabel(thresholds) => judged.scores.above(thresholds, labels)?,
            Rule::TopK(k) => judged.scores.top_k((*k).min(judged.scored.len()), labels)?,
        })
    }

    /// The setting of the sweep that the rule is.
    pub fn chosen(&self) -> Option<&SweepPoint<f64>> {
        let setting = match self.rule {
            Rule::Threshold(threshold) => threshold,
            Rule::TopK(k) => k as f64,
            Rule::AsPredicted | Rule::ThresholdPerLabel(_) => return None,
        };
        self.sweep.iter().find(|point| point.setting == setting)
    }
}

/// The first of the settings with the highest score.
fn best<'a>(sweep: impl Iterator<Item = &'a SweepPoint<f64>>, optimize: Optimize) -> Option<f64> {
    let score = |report: &Report| optimize.of(report);
    let best = sweep.reduce(|best, point| {
        if score(&point.report) > score(&best.report) {
            point
        } else {
            best
        }
    });
    best.map(|point| point.setting)
}

fn sweep_grid(
    judged: &Judged,
    grid: &[f64],
    workers: &Workers<'_>,
) -> Result<Vec<SweepPoint<f64>>, StepError> {
    let mut grid = grid.to_vec();
    grid.sort_by(f64::total_cmp);
    grid.dedup();
    Ok(sweep_thresholds(
        &judged.truth,
        &judged.scores,
        &grid,
        workers,
    )?)
}

fn sweep_sizes(
    judged: &Judged,
    sizes: &[usize],
    workers: &Workers<'_>,
) -> Result<Vec<SweepPoint<f64>>, StepError> {
    // Past the labels that have scores, one would be predicted that the model does not know.
    let mut sizes: Vec<usize> = sizes
        .iter()
        .map(|&size| size.min(judged.scored.len()))
        .collect();
    sizes.sort_unstable();
    sizes.dedup();
    let sweep = sweep_top_k(&judged.truth, &judged.scores, &sizes, workers)?;
    Ok(sweep
        .into_iter()
        .map(|point| SweepPoint {
            setting: point.setting as f64,
            report: point.report,
        })
        .collect())
}
