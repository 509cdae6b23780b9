//! Brings rows together that lie far apart, so that tiles read them in order.

use super::Rows;
use super::product::VECTORS;
use crate::cpu::lanes::Lanes;

/// Which rows: those of one head and `count` tokens from `first`.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub rows: Rows<'a>,
    pub head: usize,
    pub first: usize,
    pub count: usize,
    pub head_dim: usize,
}

/// The rows times `scale`, `row` numbers apart and filled up with zeros.
///
/// # Safety
/// `to` has room for `count` rows of `row` numbers.
#[inline(always)]
pub(super) unsafe fn rows(part: Part<'_>, scale: f32, to: *mut f32, row: usize) {
    for index in 0..part.count {
        let from = part.rows.row(part.first + index, part.head, part.head_dim);
        // SAFETY: as the caller vouches.
        let to = unsafe { std::slice::from_raw_parts_mut(to.add(index * row), row) };
        for (to, from) in to.iter_mut().zip(from) {
            *to = from * scale;
        }
        to[part.head_dim..].fill(0.0);
    }
}

/// The transpose of the rows, in panels of as many rows as [`Right::panels`](super::product::Right::panels) has columns; the
/// last one is filled up with zeros.
///
/// # Safety
/// `to` has room for `count` rounded up to panels, times `head_dim`.
#[inline(always)]
pub(super) unsafe fn panels<L: Lanes>(part: Part<'_>, to: *mut f32) {
    let width = VECTORS * L::COUNT;
    let whole = part.head_dim / L::COUNT * L::COUNT;
    let (mut first, mut to) = (0, to);
    while first < part.count {
        let count = (part.count - first).min(width);
        // SAFETY: the panel has `head_dim` rows of `width` numbers, and each block of the transposition lies within.
        unsafe {
            for half in 0..VECTORS {
                let start = half * L::COUNT;
                let there = count.saturating_sub(start).min(L::COUNT);
                let columns = if there == L::COUNT { whole } else { 0 };
                if columns > 0 {
                    let from = part
                        .rows
                        .row(part.first + first + start, part.head, part.head_dim);
                    // The last row of the block exists, so all do.
                    part.rows.row(
                        part.first + first + start + there - 1,
                        part.head,
                        part.head_dim,
                    );
                    for column in (0..columns).step_by(L::COUNT) {
                        L::transpose(
                            from.as_ptr().add(column),
                            part.rows.token_stride,
                            to.add(column * width + start),
                            width,
                        );
                    }
                }
                for row in 0..there {
                    let from =
                        part.rows
                            .row(part.first + first + start + row, part.head, part.head_dim);
                    for (column, &x) in from.iter().enumerate().skip(columns) {
                        *to.add(column * width + start + row) = x;
                    }
                }
                for column in columns..part.head_dim {
                    for row in there..L::COUNT {
                        *to.add(column * width + start + row) = 0.0;
                    }
                }
            }
            to = to.add(part.head_dim * width);
        }
        first += width;
    }
}
