//! Dense scores of rows against labels.

use crate::{Error, LabelSets, Result};

/// Scores `[rows, labels]`, row-major: probabilities or decision values. Never NaN; infinities are allowed.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    labels: usize,
    rows: usize,
    values: Vec<f64>,
}

impl Scores {
    /// `values` is `[rows, labels]`, row-major.
    ///
    /// # Errors
    /// [`Error::Layout`] for a wrong length, [`Error::NotANumber`] for a NaN.
    pub fn new(rows: usize, labels: usize, values: Vec<f64>) -> Result<Self> {
        if rows.checked_mul(labels) != Some(values.len()) {
            let why = format!("{} values for {rows} rows of {labels} labels", values.len());
            return Err(Error::layout("scores", why));
        }
        if let Some(at) = values.iter().position(|value| value.is_nan()) {
            return Err(Error::NotANumber {
                what: "scores",
                row: at / labels,
                column: at % labels,
                value: f64::NAN,
            });
        }
        Ok(Self {
            labels,
            rows,
            values,
        })
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of labels.
    pub fn labels(&self) -> usize {
        self.labels
    }

    /// All values, row-major.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The scores of one row.
    ///
    /// # Panics
    /// When `row` is not below [`rows`](Self::rows).
    pub fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.labels..(row + 1) * self.labels]
    }

    /// The scores of one label over all rows.
    pub(crate) fn column(&self, label: usize) -> impl Iterator<Item = f64> + '_ {
        self.values
            .iter()
            .skip(label)
            .step_by(self.labels.max(1))
            .copied()
    }

    /// The labels whose score lies above the threshold of their column.
    ///
    /// # Errors
    /// [`Error::Mismatch`] unless there is one threshold and one name a label.
    pub fn above(&self, thresholds: &[f64], vocabulary: &[String]) -> Result<LabelSets> {
        let doing = "applying thresholds";
        crate::error::same(
            "labels",
            doing,
            ("the scores", self.labels),
            ("the thresholds", thresholds.len()),
        )?;
        self.predict(doing, vocabulary, |row, chosen| {
            let above = row.iter().zip(thresholds).enumerate();
            chosen.extend(
                above
                    .filter(|(_, (s, t))| s > t)
                    .map(|(label, _)| label as u32),
            );
        })
    }

    /// The `k` best labels of each row; of equal scores the one earlier in the vocabulary is taken first.
    ///
    /// # Errors
    /// [`Error::Mismatch`] unless there is one name a label.
    pub fn top_k(&self, k: usize, vocabulary: &[String]) -> Result<LabelSets> {
        self.predict("taking the best labels", vocabulary, |row, chosen| {
            chosen.extend(ranked(row).into_iter().take(k));
            chosen.sort_unstable();
        })
    }

    fn predict(
        &self,
        doing: &'static str,
        vocabulary: &[String],
        mut choose: impl FnMut(&[f64], &mut Vec<u32>),
    ) -> Result<LabelSets> {
        let (scores, names) = (
            ("the scores", self.labels),
            ("the vocabulary", vocabulary.len()),
        );
        crate::error::same("labels", doing, scores, names)?;
        let mut chosen = Vec::new();
        let mut sets = LabelSets::with_vocabulary(vocabulary.to_vec())?;
        for row in 0..self.rows {
            chosen.clear();
            choose(self.row(row), &mut chosen);
            sets.push_sorted(&chosen);
        }
        Ok(sets)
    }
}

/// The labels of a row from the best score to the worst; ties in vocabulary order.
pub(crate) fn ranked(row: &[f64]) -> Vec<u32> {
    let mut labels: Vec<u32> = (0..row.len() as u32).collect();
    labels.sort_by(|&a, &b| row[b as usize].total_cmp(&row[a as usize]));
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nan_is_refused_with_its_place() {
        let error = Scores::new(2, 2, vec![0.0, 1.0, f64::NAN, 0.0]).unwrap_err();
        assert!(error.to_string().contains("row 1, column 0"), "{error}");
        assert!(Scores::new(2, 2, vec![0.0]).is_err());
        assert!(Scores::new(usize::MAX, 2, vec![0.0]).is_err());
    }

    #[test]
    fn the_best_labels_win_and_ties_go_to_the_earlier() {
        let names: Vec<String> = ["a", "b", "c"].map(String::from).to_vec();
        let scores = Scores::new(2, 3, vec![0.1, 0.9, 0.9, 0.5, f64::NEG_INFINITY, 0.5]).unwrap();
        let top = scores.top_k(1, &names).unwrap();
        assert_eq!((top.row(0), top.row(1)), (&[1][..], &[0][..]));
        assert_eq!(scores.top_k(9, &names).unwrap().row(0), [0, 1, 2]);
        let above = scores.above(&[0.1, 0.5, 0.5], &names).unwrap();
        assert_eq!((above.row(0), above.row(1)), (&[1, 2][..], &[0][..]));
    }
}
