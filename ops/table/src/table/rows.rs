//! Some of a table's rows.

use std::sync::Arc;

use arrow_array::{BooleanArray, RecordBatch, UInt32Array};
use arrow_select::filter::filter_record_batch;
use arrow_select::interleave::interleave_record_batch;
use arrow_select::take::take_record_batch;

use super::Table;
use crate::error::{Result, TableError};

/// Rows of the batches that [`Table::take`] makes; small enough that 32-bit text offsets hold
/// even where every row has 100 kB of text.
const TAKE_ROWS: usize = 16_384;

impl Table {
    /// The rows at `indices`, in that order; an index may occur more than once.
    ///
    /// # Errors
    /// Where an index is past the last row.
    pub fn take(&self, indices: &[usize]) -> Result<Self> {
        if let Some(&found) = indices.iter().find(|&&index| index >= self.rows) {
            return Err(TableError::RowIndex {
                what: "row index",
                found,
                rows: self.rows,
            });
        }
        let mut starts = Vec::with_capacity(self.batches.len());
        let mut start = 0;
        for batch in &self.batches {
            starts.push(start);
            start += batch.num_rows();
        }
        let sources: Vec<&RecordBatch> = self.batches.iter().collect();
        let mut taken = Vec::with_capacity(indices.len().div_ceil(TAKE_ROWS));
        for part in indices.chunks(TAKE_ROWS) {
            let batch = if let [only] = sources.as_slice()
                && u32::try_from(self.rows).is_ok()
            {
                let rows = UInt32Array::from_iter_values(part.iter().map(|&row| row as u32));
                take_record_batch(only, &rows)
            } else {
                let places: Vec<(usize, usize)> = part
                    .iter()
                    .map(|&row| {
                        let batch = starts.partition_point(|&start| start <= row) - 1;
                        (batch, row - starts[batch])
                    })
                    .collect();
                interleave_record_batch(&sources, &places)
            };
            taken.push(batch.map_err(TableError::arrow("take rows"))?);
        }
        Self::new(Arc::clone(&self.schema), taken)
    }

    /// The rows where `mask` is true; null counts as false.
    ///
    /// # Errors
    /// Where the mask has another length than the table.
    pub fn filter(&self, mask: &BooleanArray) -> Result<Self> {
        if mask.len() != self.rows {
            return Err(TableError::RowIndex {
                what: "mask of length",
                found: mask.len(),
                rows: self.rows,
            });
        }
        let mut start = 0;
        let mut kept = Vec::with_capacity(self.batches.len());
        for batch in &self.batches {
            let part = mask.slice(start, batch.num_rows());
            start += batch.num_rows();
            kept.push(filter_record_batch(batch, &part).map_err(TableError::arrow("filter rows"))?);
        }
        Self::new(Arc::clone(&self.schema), kept)
    }

    /// `length` rows from row `start` on, fewer where the table ends before; no row is copied.
    #[must_use]
    pub fn slice(&self, start: usize, length: usize) -> Self {
        let mut skip = start;
        let mut left = length;
        let mut batches = Vec::new();
        for batch in &self.batches {
            let rows = batch.num_rows();
            if skip >= rows {
                skip -= rows;
                continue;
            }
            let part = left.min(rows - skip);
            if part == 0 {
                break;
            }
            batches.push(batch.slice(skip, part));
            skip = 0;
            left -= part;
        }
        Self {
            schema: Arc::clone(&self.schema),
            rows: length - left,
            batches,
        }
    }

    /// The first `rows` rows.
    #[must_use]
    pub fn head(&self, rows: usize) -> Self {
        self.slice(0, rows)
    }
}
