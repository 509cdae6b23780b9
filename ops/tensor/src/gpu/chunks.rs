//! Rows in chunks, each of which a kernel can bind.

use super::adapters::AdapterLimits;

/// Consecutive rows whose bytes begin where a binding may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowChunk {
    /// The first row.
    pub row: usize,
    /// How many there are.
    pub rows: usize,
}

/// Cuts `rows` rows into as few chunks as possible, so that for each of the operands, whose rows are `row_bytes` long, a
/// chunk fits a binding and begins at a multiple of the adapter's alignment. `None` if even one aligned group of rows is too
/// large. All rows are one chunk where they fit; of 0 rows there is no chunk.
pub fn row_chunks(
    limits: &AdapterLimits,
    rows: usize,
    row_bytes: &[usize],
) -> Option<Vec<RowChunk>> {
    let most_bytes = usize::try_from(limits.max_binding_bytes).unwrap_or(usize::MAX) & !3;
    let fitting = row_bytes
        .iter()
        .filter(|&&bytes| bytes > 0)
        .map(|&bytes| most_bytes / bytes)
        .min()
        .unwrap_or(rows);
    if fitting >= rows {
        return Some(if rows == 0 {
            Vec::new()
        } else {
            vec![RowChunk { row: 0, rows }]
        });
    }
    // Every operand is aligned after this many rows.
    let alignment = limits.binding_alignment;
    let group = row_bytes
        .iter()
        .filter(|&&bytes| bytes > 0)
        .map(|&bytes| alignment / gcd(alignment, bytes))
        .max()
        .unwrap_or(1);
    let most = fitting / group * group;
    if most == 0 {
        return None;
    }
    Some(
        (0..rows)
            .step_by(most)
            .map(|row| RowChunk {
                row,
                rows: most.min(rows - row),
            })
            .collect(),
    )
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::{RowChunk, row_chunks};
    use crate::gpu::AdapterLimits;

    fn limits(max_binding_bytes: u64) -> AdapterLimits {
        AdapterLimits {
            max_buffer_bytes: 1 << 40,
            max_binding_bytes,
            binding_alignment: 256,
            max_bindings: 8,
            max_workgroups: 65_535,
            max_threads: 256,
            max_shared_bytes: 16_384,
        }
    }

    #[test]
    fn what_fits_is_one_chunk_and_nothing_is_none() {
        assert_eq!(
            row_chunks(&limits(1000), 10, &[100, 0, 4]),
            Some(vec![RowChunk { row: 0, rows: 10 }])
        );
        assert_eq!(row_chunks(&limits(1000), 0, &[100]), Some(Vec::new()));
    }

    #[test]
    fn every_chunk_fits_and_begins_aligned_for_every_operand() {
        for rows in [11usize, 64, 1000, 4097] {
            for row_bytes in [[12usize, 4], [100, 20], [256, 3072], [4, 4]] {
                let limits = limits(66_000);
                let chunks = row_chunks(&limits, rows, &row_bytes).unwrap();
                let mut next = 0;
                for chunk in chunks {
                    assert_eq!(chunk.row, next);
                    assert!(chunk.rows > 0);
                    for bytes in row_bytes {
                        assert!(chunk.rows * bytes <= 66_000);
                        assert_eq!(chunk.row * bytes % 256, 0);
                    }
                    next += chunk.rows;
                }
                assert_eq!(next, rows);
            }
        }
    }

    #[test]
    fn rows_that_are_too_long_have_no_chunks() {
        assert_eq!(row_chunks(&limits(1000), 10, &[1001]), None);
        // 64 rows of 4 bytes are the least that is aligned, of 100 bytes each in the other operand.
        assert_eq!(row_chunks(&limits(1000), 100, &[4, 100]), None);
    }
}
