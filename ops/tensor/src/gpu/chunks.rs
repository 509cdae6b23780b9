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
