//! A sparse matrix, row by row.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// Compressed sparse rows: the features of texts, `[rows, columns]`. The columns of a row ascend.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CsrMatrix {
    columns: usize,
    offsets: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<f64>,
}

impl CsrMatrix {
    /// A matrix from its parts: row `i` has `indices[offsets[i]..offsets[i + 1]]` and the values beside them.
    ///
    /// # Errors
    /// [`Error::Layout`] when the parts contradict each other or the columns of a row do not ascend.
    pub fn new(
        columns: usize,
        offsets: Vec<usize>,
        indices: Vec<u32>,
        values: Vec<f64>,
    ) -> Result<Self> {
        let what = "sparse matrix";
        if offsets.first() != Some(&0) || offsets.last() != Some(&indices.len()) {
            return Err(Error::layout(
                what,
                "the offsets must start at 0 and end at the number of indices",
            ));
        }
        if indices.len() != values.len() {
            let why = format!("{} indices but {} values", indices.len(), values.len());
            return Err(Error::layout(what, why));
        }
        if let Some(row) = offsets.windows(2).position(|pair| pair[0] > pair[1]) {
            return Err(Error::layout(
                what,
                format!("the offsets fall after row {row}"),
            ));
        }
        for (row, pair) in offsets.windows(2).enumerate() {
            let row_indices = &indices[pair[0]..pair[1]];
            if row_indices.windows(2).any(|pair| pair[0] >= pair[1]) {
                return Err(Error::layout(
                    what,
                    format!("the columns of row {row} do not ascend"),
                ));
            }
            if row_indices
                .last()
                .is_some_and(|&column| column as usize >= columns)
            {
                return Err(Error::layout(
                    what,
                    format!("row {row} has a column past {columns}"),
                ));
            }
        }
        Ok(Self::from_parts(columns, offsets, indices, values))
    }

    /// [`CsrMatrix::new`] for parts that are right by construction.
    pub(crate) fn from_parts(
        columns: usize,
        offsets: Vec<usize>,
        indices: Vec<u32>,
        values: Vec<f64>,
    ) -> Self {
        Self {
            columns,
            offsets,
            indices,
            values,
        }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The number of stored values.
    pub fn stored(&self) -> usize {
        self.indices.len()
    }

    /// Where each row starts in [`indices`](Self::indices), and the end: `[rows + 1]`.
    pub fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    /// The column of each stored value.
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// The stored values.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    pub(crate) fn values_mut(&mut self) -> &mut [f64] {
        &mut self.values
    }

    pub(crate) fn indices_and_values_mut(&mut self) -> (&[u32], &mut [f64]) {
        (&self.indices, &mut self.values)
    }

    pub(crate) fn row_values_mut(&mut self, row: usize) -> &mut [f64] {
        &mut self.values[self.offsets[row]..self.offsets[row + 1]]
    }

    /// The columns and values of one row.
    ///
    /// # Panics
    /// When `row` is not below [`rows`](Self::rows).
    #[inline]
    pub fn row(&self, row: usize) -> (&[u32], &[f64]) {
        let range = self.offsets[row]..self.offsets[row + 1];
        (&self.indices[range.clone()], &self.values[range])
    }

    /// The chosen rows, in the order given; a row may come more than once.
    ///
    /// # Panics
    /// When a row is not below [`rows`](Self::rows).
    pub fn select(&self, rows: &[usize]) -> Self {
        let stored = rows.iter().map(|&row| self.row(row).0.len()).sum();
        let mut offsets = Vec::with_capacity(rows.len() + 1);
        let mut indices = Vec::with_capacity(stored);
        let mut values = Vec::with_capacity(stored);
        offsets.push(0);
        for &row in rows {
            let (row_indices, row_values) = self.row(row);
            indices.extend_from_slice(row_indices);
            values.extend_from_slice(row_values);
            offsets.push(indices.len());
        }
        Self::from_parts(self.columns, offsets, indices, values)
    }

    /// Fails on the first stored value that is not finite.
    pub(crate) fn require_finite(&self, what: &'static str) -> Result<()> {
        let Some(at) = self.values.iter().position(|value| !value.is_finite()) else {
            return Ok(());
        };
        Err(Error::NotANumber {
            what,
            row: self.row_of(at),
            column: self.indices[at] as usize,
            value: self.values[at],
        })
    }

    /// Fails on the first stored value below zero.
    pub(crate) fn require_non_negative(&self, what: &'static str) -> Result<()> {
        let Some(at) = self.values.iter().position(|value| *value < 0.0) else {
            return Ok(());
        };
        Err(Error::Negative {
            what,
            row: self.row_of(at),
            column: self.indices[at] as usize,
            value: self.values[at],
        })
    }

    fn row_of(&self, position: usize) -> usize {
        self.offsets.partition_point(|&offset| offset <= position) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contradicting_parts_are_refused() {
        assert!(CsrMatrix::new(3, vec![0, 2], vec![0, 2], vec![1.0, 2.0]).is_ok());
        for (offsets, indices, values) in [
            (vec![], vec![], vec![]),
            (vec![1, 1], vec![0], vec![1.0]),
            (vec![0, 2], vec![0], vec![1.0]),
            (vec![0, 1], vec![0], vec![]),
            (vec![0, 2, 1, 2], vec![0, 1], vec![1.0, 1.0]),
            (vec![0, 2], vec![1, 1], vec![1.0, 1.0]),
            (vec![0, 1], vec![3], vec![1.0]),
        ] {
            assert!(CsrMatrix::new(3, offsets, indices, values).is_err());
        }
    }

    #[test]
    fn selected_rows_come_in_the_order_given() {
        let matrix =
            CsrMatrix::new(3, vec![0, 2, 2, 3], vec![0, 2, 1], vec![1.0, 2.0, 3.0]).unwrap();
        let chosen = matrix.select(&[2, 1, 0, 2]);
        assert_eq!(chosen.offsets(), [0, 1, 1, 3, 4]);
        assert_eq!(chosen.values(), [3.0, 1.0, 2.0, 3.0]);
    }

    #[test]
    fn a_bad_value_is_named_by_row_and_column() {
        let matrix = CsrMatrix::new(3, vec![0, 0, 1, 2], vec![2, 1], vec![1.0, f64::NAN]).unwrap();
        let message = matrix.require_finite("features").unwrap_err().to_string();
        assert!(message.contains("row 2, column 1"), "{message}");
    }
}
