//! Percentile intervals over resampled rows (Efron and Tibshirani 1993, section 13.3).

use super::report::{Report, RowTally, Tally};
use crate::stats::quantile_of_sorted;
use crate::{Error, LabelSets, Result, Rng, Task, Workers};
use serde::{Deserialize, Serialize};

/// The parameters of the bootstrap.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// How often the rows are drawn again, at least 1.
    pub replicates: usize,
    /// The share of replicates that an interval holds, between 0 and 1.
    pub confidence: f64,
    /// The seed; replicate `i` draws from stream `i`.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self {
            replicates: 1000,
            confidence: 0.95,
            seed: 0,
        }
    }
}

/// The ends of the interval of every figure of a report; names, supports and counts are those of all rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intervals {
    /// The lower ends.
    pub low: Report,
    /// The upper ends.
    pub high: Report,
}

impl Bootstrap {
    /// Draws as many rows with replacement as there are, reports on them, and repeats.
    ///
    /// # Errors
    /// [`Error::Parameter`], those of [`Report::new`], and [`Error::Cancelled`].
    pub fn intervals(
        &self,
        truth: &LabelSets,
        predicted: &LabelSets,
        task: Task,
        workers: &Workers,
    ) -> Result<Intervals> {
        if self.replicates == 0 {
            return Err(Error::parameter("replicates", 0, "at least 1"));
        }
        if !(self.confidence > 0.0 && self.confidence < 1.0) {
            return Err(Error::parameter(
                "confidence",
                self.confidence,
                "between 0 and 1",
            ));
        }
        let whole = Report::new(truth, predicted, task)?;
        let rows = Contributions::new(truth, predicted);
        let replicates = workers.map("bootstrapping", self.replicates, 16, |range| {
            let replicate = |i| {
                rows.resample(Rng::stream(self.seed, i as u64))
                    .report(truth.vocabulary(), task)
            };
            range
                .map(replicate)
                .flat_map(|report| report.figures().collect::<Vec<_>>())
                .collect::<Vec<f64>>()
        })?;
        let replicates = replicates.concat();
        let figures = whole.figures().count();
        let tail = (1.0 - self.confidence) / 2.0;
        let mut ends = Vec::with_capacity(figures);
        let mut drawn = Vec::with_capacity(self.replicates);
        for figure in 0..figures {
            drawn.clear();
            drawn.extend(replicates.iter().skip(figure).step_by(figures).copied());
            drawn.sort_unstable_by(f64::total_cmp);
            ends.push((
                quantile_of_sorted(&drawn, tail),
                quantile_of_sorted(&drawn, 1.0 - tail),
            ));
        }
        Ok(Intervals {
            low: whole.with_figures(ends.iter().map(|end| end.0)),
            high: whole.with_figures(ends.iter().map(|end| end.1)),
        })
    }
}

/// What each row adds to a tally, so that a replicate never looks at labels again.
struct Contributions {
    empty: Tally,
    rows: Vec<RowTally>,
    cells: Vec<u32>,
    ends: Vec<usize>,
}

impl Contributions {
    fn new(truth: &LabelSets, predicted: &LabelSets) -> Self {
        let mut all = Self {
            empty: Tally::new(truth.labels()),
            rows: vec![],
            cells: vec![],
            ends: vec![0],
        };
        for (truth, predicted) in truth.iter().zip(predicted.iter()) {
            let mut row = RowTally::default();
            row.count(truth, predicted, |cell| all.cells.push(cell as u32));
            all.rows.push(row);
            all.ends.push(all.cells.len());
        }
        all
    }

    fn resample(&self, mut rng: Rng) -> Tally {
        let mut tally = self.empty.clone();
        for _ in 0..self.rows.len() {
            let row = rng.below(self.rows.len());
            tally.add_row(&self.rows[row]);
            let cells = &self.cells[self.ends[row]..self.ends[row + 1]];
            cells
                .iter()
                .for_each(|&cell| tally.cells[cell as usize] += 1);
        }
        tally
    }
}
