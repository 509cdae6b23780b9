//! Training rows over as few columns as their products need.

use super::lanes::Lanes;
use crate::CsrMatrix;

/// Training rows with the most frequent column first, so that the weights most products touch lie together in the
/// cache. The features that only one row holds are merged into one column a row: their weights can only grow along
/// that row, so one weight on a column of their joint length has the same loss and the same penalty.
pub(super) struct CompactRows {
    columns: usize,
    offsets: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<f64>,
    /// For each feature in use its column, and how much of that column's weight it takes.
    pub(super) features: Vec<Share>,
}

/// `weight of feature = factor * weight of column`.
pub(super) struct Share {
    pub(super) feature: u32,
    pub(super) column: u32,
    pub(super) factor: f64,
}

impl CompactRows {
    pub(super) fn new(x: &CsrMatrix) -> Self {
        let mut occurrences = vec![0_u32; x.columns()];
        x.indices()
            .iter()
            .for_each(|&feature| occurrences[feature as usize] += 1);
        let mut shared: Vec<u32> = (0..x.columns() as u32)
            .filter(|&f| occurrences[f as usize] > 1)
            .collect();
        shared.sort_by_key(|&feature| std::cmp::Reverse(occurrences[feature as usize]));
        let mut column_of = vec![0; x.columns()];
        let mut features = Vec::with_capacity(x.columns());
        for (column, &feature) in (0..).zip(&shared) {
            column_of[feature as usize] = column;
            features.push(Share {
                feature,
                column,
                factor: 1.0,
            });
        }
        let mut rows = Self {
            columns: shared.len(),
            offsets: vec![0],
            indices: Vec::with_capacity(x.stored()),
            values: Vec::with_capacity(x.stored()),
            features,
        };
        for row in 0..x.rows() {
            let (indices, values) = x.row(row);
            rows.push(
                indices.iter().copied().zip(values.iter().copied()),
                &occurrences,
                &column_of,
            );
        }
        rows
    }

    fn push(
        &mut self,
        cells: impl Iterator<Item = (u32, f64)> + Clone,
        occurrences: &[u32],
        column_of: &[u32],
    ) {
        let is_shared = |cell: &(u32, f64)| occurrences[cell.0 as usize] > 1;
        for (feature, value) in cells.clone().filter(is_shared) {
            self.indices.push(column_of[feature as usize]);
            self.values.push(value);
        }
        let own = cells.filter(|cell| !is_shared(cell));
        let length = own
            .clone()
            .map(|(_, value)| value * value)
            .sum::<f64>()
            .sqrt();
        if length > 0.0 {
            let column = self.columns as u32;
            self.columns += 1;
            self.indices.push(column);
            self.values.push(length);
            self.features.extend(own.map(|(feature, value)| Share {
                feature,
                column,
                factor: value / length,
            }));
        }
        self.offsets.push(self.indices.len());
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// Every row in turn.
    pub(super) fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        let bounds = self.offsets.windows(2);
        bounds.map(|pair| Row {
            indices: &self.indices[pair[0]..pair[1]],
            values: &self.values[pair[0]..pair[1]],
        })
    }
}

/// The columns and values of one row.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    indices: &'a [u32],
    values: &'a [f64],
}

impl Row<'_> {
    /// `start + x weights`, for every lane.
    #[inline]
    pub(super) fn gather(self, weights: &[Lanes], start: Lanes) -> Lanes {
        let mut sum = start;
        for (&column, &value) in self.indices.iter().zip(self.values) {
            sum.add_scaled(&weights[column as usize], value);
        }
        sum
    }

    /// `out += x' r`, for every lane.
    #[inline]
    pub(super) fn scatter(self, r: &Lanes, out: &mut [Lanes]) {
        for (&column, &value) in self.indices.iter().zip(self.values) {
            out[column as usize].add_scaled(r, value);
        }
    }

    /// `out += (x * x)' r`, for every lane.
    pub(super) fn scatter_squares(self, r: &Lanes, out: &mut [Lanes]) {
        for (&column, &value) in self.indices.iter().zip(self.values) {
            out[column as usize].add_scaled(r, value * value);
        }
    }
}
