//! Small products on tiles of registers, for matrices that stay in the cache.

// Loops over registers read best, and unroll most surely, by index.
#![allow(clippy::needless_range_loop)]

use crate::cpu::lanes::{LaneKernel, Lanes};

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
            let left = Left {
                start: left.start.add(row * left.row),
                ..left
            };
            let out = Out {
                start: out.start.add(row * out.row),
                ..out
            };
            macro_rules! tile {
                ($rows:expr) => {{
                    L::call(Tile::<{ $rows }, WIDTH, ADD> {
                        depth,
                        left,
                        right,
                        right_row,
                        out,
                    });
                    $rows
                }};
            }
            row += match rows - row {
                rest if rest >= ROWS => tile!(ROWS),
                4.. => tile!(4),
                2.. => tile!(2),
                _ => tile!(1),
            };
        }
    }
}

/// A tile of the result.
struct Tile<const ROWS: usize, const WIDTH: usize, const ADD: bool> {
    depth: usize,
    left: Left,
    right: *const f32,
    right_row: usize,
    out: Out,
}

impl<const ROWS: usize, const WIDTH: usize, const ADD: bool> LaneKernel for Tile<ROWS, WIDTH, ADD> {
    #[inline(always)]
    fn run<L: Lanes, const MOST: usize>(self) {
        let mut sums = [[L::splat(0.0); WIDTH]; ROWS];
        let at = |row: usize, vector: usize| {
            (self.out.start).wrapping_add(row * self.out.row + vector * L::COUNT)
        };
        if ADD {
            for row in 0..ROWS {
                for vector in 0..WIDTH {
                    // SAFETY: an element of the result.
                    sums[row][vector] = unsafe { L::load(at(row, vector)) };
                }
            }
        }
        let (mut left, mut right) = (self.left.start, self.right);
        for _ in 0..self.depth {
            let mut b = [L::splat(0.0); WIDTH];
            for vector in 0..WIDTH {
                // SAFETY: an element of the right side.
                b[vector] = unsafe { L::load(right.add(vector * L::COUNT)) };
            }
            for row in 0..ROWS {
                // SAFETY: an element of the left side.
                let a = L::splat(unsafe { *left.add(row * self.left.row) });
                for vector in 0..WIDTH {
                    sums[row][vector] = a.mul_add(b[vector], sums[row][vector]);
                }
            }
            left = left.wrapping_add(self.left.column);
            right = right.wrapping_add(self.right_row);
        }
        for row in 0..ROWS {
            for vector in 0..WIDTH {
                // SAFETY: an element of the result.
                unsafe { sums[row][vector].store(at(row, vector)) };
            }
        }
    }
}
