//! Label sets: which labels of a vocabulary each row carries.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The labels of rows, compressed: row `i` carries `indices[offsets[i]..offsets[i + 1]]`, ascending numbers into a
/// sorted vocabulary. A multi-class column is the case of exactly one label a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelSets {
    vocabulary: Vec<String>,
    offsets: Vec<usize>,
    indices: Vec<u32>,
}

impl LabelSets {
    /// No rows yet, over `vocabulary`.
    ///
    /// # Errors
    /// [`Error::Layout`] unless the vocabulary is sorted and without repeats.
    pub fn with_vocabulary(vocabulary: Vec<String>) -> Result<Self> {
        if let Some(pair) = vocabulary.windows(2).find(|pair| pair[0] >= pair[1]) {
            let why = format!(
                "the vocabulary must ascend, but {:?} precedes {:?}",
                pair[0], pair[1]
            );
            return Err(Error::layout("label sets", why));
        }
        Ok(Self {
            vocabulary,
            offsets: vec![0],
            indices: Vec::new(),
        })
    }

    /// Rows of label names; the vocabulary is every name that occurs.
    pub fn from_names<R, N>(rows: &[R]) -> Self
    where
        R: AsRef<[N]>,
        N: AsRef<str>,
    {
        let names: BTreeSet<&str> = rows
            .iter()
            .flat_map(|row| row.as_ref())
            .map(AsRef::as_ref)
            .collect();
        let vocabulary: Vec<String> = names.into_iter().map(String::from).collect();
        let mut sets = Self {
            vocabulary,
            offsets: vec![0],
            indices: Vec::new(),
        };
        let mut chosen = Vec::new();
        for row in rows {
            chosen.clear();
            chosen.extend(
                row.as_ref()
                    .iter()
                    .filter_map(|name| sets.number_of(name.as_ref())),
            );
            sets.push(&mut chosen);
        }
        sets
    }

    /// Rows of label names over a given sorted vocabulary.
    ///
    /// # Errors
    /// [`Error::UnknownLabel`] for a name outside it; [`Error::Layout`] for an unsorted vocabulary.
    pub fn from_names_in<R, N>(vocabulary: Vec<String>, rows: &[R]) -> Result<Self>
    where
        R: AsRef<[N]>,
        N: AsRef<str>,
    {
        let mut sets = Self::with_vocabulary(vocabulary)?;
        let mut chosen = Vec::new();
        for (row, names) in rows.iter().enumerate() {
            chosen.clear();
            for name in names.as_ref() {
                let name = name.as_ref();
                let unknown = || Error::UnknownLabel {
                    row,
                    label: name.to_owned(),
                };
                chosen.push(sets.number_of(name).ok_or_else(unknown)?);
            }
            sets.push(&mut chosen);
        }
        Ok(sets)
    }

    /// Rows of label numbers from their compressed parts.
    ///
    /// # Errors
    /// [`Error::Layout`] when the parts contradict each other, or the labels of a row do not ascend.
    pub fn from_parts(
        vocabulary: Vec<String>,
        offsets: Vec<usize>,
        indices: Vec<u32>,
    ) -> Result<Self> {
        let what = "label sets";
        let sets = Self::with_vocabulary(vocabulary)?;
        if offsets.first() != Some(&0) || offsets.last() != Some(&indices.len()) {
            return Err(Error::layout(
                what,
                "the offsets must start at 0 and end at the number of indices",
            ));
        }
        if let Some(row) = offsets.windows(2).position(|pair| pair[0] > pair[1]) {
            return Err(Error::layout(
                what,
                format!("the offsets fall after row {row}"),
            ));
        }
        for (row, pair) in offsets.windows(2).enumerate() {
            let labels = &indices[pair[0]..pair[1]];
            let past = labels
                .last()
                .is_some_and(|&label| label as usize >= sets.vocabulary.len());
            if past || labels.windows(2).any(|pair| pair[0] >= pair[1]) {
                let why = format!(
                    "the labels of row {row} must ascend and be below {}",
                    sets.vocabulary.len()
                );
                return Err(Error::layout(what, why));
            }
        }
        Ok(Self {
            offsets,
            indices,
            ..sets
        })
    }

    fn push(&mut self, labels: &mut Vec<u32>) {
        labels.sort_unstable();
        labels.dedup();
        self.push_sorted(labels);
    }

    /// Adds a row of ascending label numbers, each below [`labels`](Self::labels).
    pub(crate) fn push_sorted(&mut self, labels: &[u32]) {
        debug_assert!(labels.windows(2).all(|pair| pair[0] < pair[1]));
        self.indices.extend_from_slice(labels);
        self.offsets.push(self.indices.len());
    }

    /// The names of the labels, sorted.
    pub fn vocabulary(&self) -> &[String] {
        &self.vocabulary
    }

    /// The number of `name`, if it is in the vocabulary.
    pub fn number_of(&self, name: &str) -> Option<u32> {
        let found = self
            .vocabulary
            .binary_search_by(|label| label.as_str().cmp(name));
        found.ok().map(|number| number as u32)
    }

    /// The number of labels in the vocabulary.
    pub fn labels(&self) -> usize {
        self.vocabulary.len()
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// The number of labels over all rows.
    pub fn assigned(&self) -> usize {
        self.indices.len()
    }

    /// The ascending label numbers of one row.
    ///
    /// # Panics
    /// When `row` is not below [`rows`](Self::rows).
    #[inline]
    pub fn row(&self, row: usize) -> &[u32] {
        &self.indices[self.offsets[row]..self.offsets[row + 1]]
    }

    /// The label numbers of every row in turn.
    pub fn iter(&self) -> impl Iterator<Item = &[u32]> + '_ {
        self.offsets
            .windows(2)
            .map(|pair| &self.indices[pair[0]..pair[1]])
    }

    /// The label names of one row.
    ///
    /// # Panics
    /// When `row` is not below [`rows`](Self::rows).
    pub fn names(&self, row: usize) -> impl Iterator<Item = &str> + '_ {
        self.row(row)
            .iter()
            .map(|&label| self.vocabulary[label as usize].as_str())
    }

    /// How many rows carry each label.
    pub fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.labels()];
        for &label in &self.indices {
            counts[label as usize] += 1;
        }
        counts
    }

    /// The ascending rows of each label.
    pub(crate) fn rows_of_labels(&self) -> Vec<Vec<usize>> {
        let mut rows: Vec<Vec<usize>> = self.counts().into_iter().map(Vec::with_capacity).collect();
        for (row, labels) in self.iter().enumerate() {
            for &label in labels {
                rows[label as usize].push(row);
            }
        }
        rows
    }

    /// The chosen rows, in the order given, over the same vocabulary.
    ///
    /// # Panics
    /// When a row is not below [`rows`](Self::rows).
    pub fn select(&self, rows: &[usize]) -> Self {
        let mut offsets = Vec::with_capacity(rows.len() + 1);
        offsets.push(0);
        let mut indices = Vec::new();
        for &row in rows {
            indices.extend_from_slice(self.row(row));
            offsets.push(indices.len());
        }
        Self {
            vocabulary: self.vocabulary.clone(),
            offsets,
            indices,
        }
    }

    /// The label of each row, for multi-class work.
    ///
    /// # Errors
    /// [`Error::NotSingleLabel`] for the first row without exactly one.
    pub fn single(&self, doing: &'static str) -> Result<Vec<u32>> {
        let label = |(row, labels): (usize, &[u32])| match labels {
            [label] => Ok(*label),
            _ => Err(Error::NotSingleLabel {
                doing,
                row,
                count: labels.len(),
            }),
        };
        self.iter().enumerate().map(label).collect()
    }

    /// Fails unless `other` has the same rows and the same vocabulary.
    pub(crate) fn require_like(&self, doing: &'static str, other: &Self) -> Result<()> {
        crate::error::same_rows(
            doing,
            ("the truth", self.rows()),
            ("the prediction", other.rows()),
        )?;
        if self.vocabulary == other.vocabulary {
            return Ok(());
        }
        let pairs = self.vocabulary.iter().zip(&other.vocabulary);
        let position = pairs.take_while(|(left, right)| left == right).count();
        let name = |sets: &Self| sets.vocabulary.get(position).cloned().unwrap_or_default();
        Err(Error::Vocabularies {
            doing,
            position,
            left: name(self),
            right: name(other),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_sorted_numbers_without_repeats() {
        let sets = LabelSets::from_names(&[vec!["b", "a", "b"], vec![], vec!["c"]]);
        assert_eq!(sets.vocabulary(), ["a", "b", "c"]);
        assert_eq!(sets.row(0), [0, 1]);
        assert_eq!(sets.row(1), [] as [u32; 0]);
        assert_eq!(sets.counts(), [1, 1, 1]);
        assert_eq!(
            sets.select(&[2, 0]).names(1).collect::<Vec<_>>(),
            ["a", "b"]
        );
    }

    #[test]
    fn a_label_outside_the_vocabulary_is_named_with_its_row() {
        let vocabulary = vec!["a".to_owned(), "b".to_owned()];
        let error = LabelSets::from_names_in(vocabulary, &[vec!["a"], vec!["x"]]).unwrap_err();
        assert!(
            error.to_string().contains("row 1 has the label \"x\""),
            "{error}"
        );
    }

    #[test]
    fn contradicting_parts_are_refused() {
        let vocabulary = || vec!["a".to_owned(), "b".to_owned()];
        assert!(LabelSets::from_parts(vocabulary(), vec![0, 2], vec![0, 1]).is_ok());
        for (offsets, indices) in [
            (vec![], vec![]),
            (vec![0, 1], vec![2]),
            (vec![0, 2], vec![1, 0]),
            (vec![0, 2], vec![1, 1]),
            (vec![0, 3], vec![0]),
            (vec![0, 1, 0, 1], vec![0]),
        ] {
            assert!(LabelSets::from_parts(vocabulary(), offsets, indices).is_err());
        }
        assert!(LabelSets::with_vocabulary(vec!["b".to_owned(), "a".to_owned()]).is_err());
    }

    #[test]
    fn multi_class_work_refuses_rows_without_exactly_one_label() {
        let sets = LabelSets::from_names(&[vec!["a"], vec!["a", "b"]]);
        let error = sets.single("training").unwrap_err();
        assert!(error.to_string().contains("row 1 has 2 labels"), "{error}");
    }
}
