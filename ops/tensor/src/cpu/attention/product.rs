//! Small products on tiles of registers, for matrices that stay in the cache.

use crate::cpu::lanes::Lanes;

/// Vectors of a tile's row; panels of a right side are that wide.
pub(super) const VECTORS: usize = 2;

/// The left side: element `[i, p]` lies at `start + i * row + p * column`.
#[derive(Clone, Copy)]
pub(super) struct Left {
    pub start: *const f32,
    pub row: usize,
    pub column: usize,
}

/// The right side, in panels of [`VECTORS`] vectors: row `p` of panel `j` lies at `start + j * panel + p * row`.
#[derive(Clone, Copy)]
pub(super) struct Right {
    pub start: *const f32,
    pub row: usize,
    pub panel: usize,
}

impl Right {
    /// A matrix in row-major order.
    pub fn rows<L: Lanes>(start: *const f32, row: usize) -> Self {
        Self {
            start,
            row,
            panel: VECTORS * L::COUNT,
        }
    }

    /// A matrix of `depth` rows whose panels follow each other.
    pub fn panels<L: Lanes>(start: *const f32, depth: usize) -> Self {
        let row = VECTORS * L::COUNT;
        Self {
            start,
            row,
            panel: row * depth,
        }
    }
}

/// The result: row `i` lies at `start + i * row`.
#[derive(Clone, Copy)]
pub(super) struct Out {
    pub start: *mut f32,
    pub row: usize,
}

/// `out = left right`, or `out += left right` where `ADD`: `rows` rows of `vectors` vectors, over `depth` products each.
/// Each element is one chain of multiply-adds, so its bits do not depend on the tile that it falls into.
///
/// # Safety
/// All of these elements exist, and nobody else uses the result's.
#[inline(always)]
pub(super) unsafe fn product<L: Lanes, const ROWS: usize, const ADD: bool>(
    [rows, vectors, depth]: [usize; 3],
    left: Left,
    right: Right,
    out: Out,
) {
    let mut vector = 0;
    while vector < vectors {
        // SAFETY: within what the caller vouches for.
        unsafe {
            let panel = right.start.add(vector / VECTORS * right.panel);
            let to = Out {
                start: out.start.add(vector * L::COUNT),
                ..out
            };
            if vectors - vector >= VECTORS {
                column::<L, ROWS, VECTORS, ADD>(rows, depth, left, panel, right.row, to);
            } else {
                column::<L, ROWS, 1, ADD>(rows, depth, left, panel, right.row, to);
            }
        }
        vector += VECTORS;
    }
}

/// A column of tiles.
///
/// # Safety
/// As [`product`].
#[inline(always)]
unsafe fn column<L: Lanes, const ROWS: usize, const WIDTH: usize, const ADD: bool>(
    rows: usize,
    depth: usize,
    left: Left,
    right: *const f32,
    right_row: usize,
    out: Out,
) {
    let mut row = 0;
    while row < rows {
        // SAFETY: within what the caller vouches for.
        unsafe {
            let from = left.start.add(row * left.row);
            let steps = [left.row, left.column, right_row, out.row];
            let to = out.start.add(row * out.row);
            row += match rows - row {
                rest if rest >= ROWS => {
                    tile::<L, ROWS, WIDTH, ADD>(depth, from, right, to, steps);
                    ROWS
                }
                4.. => {
                    tile::<L, 4, WIDTH, ADD>(depth, from, right, to, steps);
                    4
                }
                2.. => {
                    tile::<L, 2, WIDTH, ADD>(depth, from, right, to, steps);
                    2
                }
                _ => {
                    tile::<L, 1, WIDTH, ADD>(depth, from, right, to, steps);
                    1
                }
            };
        }
    }
}

/// # Safety
/// As [`product`].
#[inline(always)]
unsafe fn tile<L: Lanes, const ROWS: usize, const WIDTH: usize, const ADD: bool>(
    depth: usize,
    mut left: *const f32,
    mut right: *const f32,
    out: *mut f32,
    [left_row, left_column, right_row, out_row]: [usize; 4],
) {
    let mut sums = [[L::splat(0.0); WIDTH]; ROWS];
    // SAFETY: within what the caller vouches for.
    unsafe {
        if ADD {
            for (row, sums) in sums.iter_mut().enumerate() {
                for (vector, sum) in sums.iter_mut().enumerate() {
                    *sum = L::load(out.add(row * out_row + vector * L::COUNT));
                }
            }
        }
        for _ in 0..depth {
            let mut b = [L::splat(0.0); WIDTH];
            for (vector, b) in b.iter_mut().enumerate() {
                *b = L::load(right.add(vector * L::COUNT));
            }
            for (row, sums) in sums.iter_mut().enumerate() {
                let a = L::splat(*left.add(row * left_row));
                for (sum, b) in sums.iter_mut().zip(b) {
                    *sum = a.mul_add(b, *sum);
                }
            }
            left = left.wrapping_add(left_column);
            right = right.wrapping_add(right_row);
        }
        for (row, sums) in sums.iter().enumerate() {
            for (vector, sum) in sums.iter().enumerate() {
                sum.store(out.add(row * out_row + vector * L::COUNT));
            }
        }
    }
}
