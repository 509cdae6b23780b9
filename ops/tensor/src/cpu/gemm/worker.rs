//! What one thread does of a product: it packs blocks of A and multiplies them with panels of B.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::blocking::Caches;
use super::format::Out;
use super::matrix::Matrix;
use super::pack::Block;
use super::product::{Panels, Product};
use super::target::Pointer;
use super::workspace::{self, Use};

/// Columns of a block whose sums live in a buffer of `f32`.
const MOST_BUFFERED_COLUMNS: usize = 1024;

/// A block of rows of A, and panels of B, where they lie packed.
#[derive(Clone, Copy)]
struct Packed {
    left: *const u8,
    first: *const u8,
    /// Bytes from one panel of B to the next.
    stride: usize,
}

/// One thread's part of a product.
pub(super) struct Worker<'a> {
    pub(super) product: &'a Product<'a>,
    pub(super) k: Range<usize>,
    pub(super) columns: Range<usize>,
    pub(super) panels: Panels<'a>,
    /// Rows of a block.
    pub(super) rows: usize,
    /// The block of rows that the buffer holds.
    pub(super) packed: Option<usize>,
}

impl Worker<'_> {
    pub(super) fn all(&mut self) {
        let panels = self.columns.len().div_ceil(self.product.format.columns);
        workspace::with(Use::A, |buffer| {
            for block in 0..self.product.m.div_ceil(self.rows) {
                self.block(buffer, block, 0..panels);
            }
        });
    }

    /// Takes runs of panels, long ones first, until all `units` (a panel of B by a block of rows) are taken.
    pub(super) fn some(&mut self, next: &AtomicUsize, units: usize, threads: usize) {
        let panels = self.columns.len().div_ceil(self.product.format.columns);
        workspace::with(Use::A, |buffer| {
            let mut begin = next.load(Ordering::Relaxed);
            while begin < units {
                // Never past the end of a block of rows, which is packed once for the run.
                let length = ((units - begin) / (2 * threads)).clamp(1, panels - begin % panels);
                match next.compare_exchange_weak(
                    begin,
                    begin + length,
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                ) {
                    Ok(_) => {
                        let panel = begin % panels;
                        self.block(buffer, begin / panels, panel..panel + length);
                        begin = next.load(Ordering::Relaxed);
                    }
                    Err(now) => begin = now,
                }
            }
        });
    }

    fn block(&mut self, buffer: &mut workspace::Buffer, block: usize, panels: Range<usize>) {
        let product = self.product;
        let rows = block * self.rows..product.m.min((block + 1) * self.rows);
        let format = product.format;
        let steps = format.steps_of(self.k.len());
        let packed = buffer.reserve(rows.len() * steps * format.bytes_a);
        if self.packed != Some(block) {
            self.pack_left(rows.clone(), packed);
            self.packed = Some(block);
        }
        match self.panels {
            Panels::Ready { first, stride } => {
                self.multiply(rows, panels, packed, first, stride);
            }
            Panels::Fresh(b) => self.pack_and_multiply(rows, panels, packed, b),
        }
    }

    fn pack_and_multiply(
        &self,
        rows: Range<usize>,
        panels: Range<usize>,
        packed: *const u8,
        b: &Matrix<'_>,
    ) {
        let format = self.product.format;
        let stride = Block::right(format, b, 0).stride(self.k.len());
        workspace::with(Use::B, |buffer| {
            let first = buffer.reserve(stride);
            for panel in panels {
                let column = panel * format.columns;
                let columns = format.columns.min(self.columns.len() - column);
                let source = self
                    .product
                    .right(b, self.columns.start + column, self.k.start);
                // SAFETY: `check` found all elements within the data; the buffer has room for the panel.
                unsafe { Block::right(format, b, columns).pack(source, self.k.len(), first, None) };
                let first = first.wrapping_sub(panel * stride);
                self.multiply(rows.clone(), panel..panel + 1, packed, first, stride);
            }
        });
    }

    /// Multiplies a block of rows with panels, the first of all of which is at `first`.
    fn multiply(
        &self,
        rows: Range<usize>,
        panels: Range<usize>,
        packed: *const u8,
        first: *const u8,
        stride: usize,
    ) {
        let product = self.product;
        let packed = Packed {
            left: packed,
            first,
            stride,
        };
        if product.is_buffered() {
            let most = (MOST_BUFFERED_COLUMNS / product.format.columns).max(1);
            for begin in panels.clone().step_by(most) {
                self.buffered(rows.clone(), begin..panels.end.min(begin + most), packed);
            }
        } else if let Pointer::F32(c) = product.c.first {
            let out = Out {
                c: c.wrapping_add(rows.start * product.c.row_stride),
                row_stride: product.c.row_stride,
                columns: 0,
                alpha: product.alpha,
                accumulate: false,
            };
            let accumulate = product.accumulate || self.k.start > 0;
            self.tiles(
                rows,
                panels,
                packed,
                out,
                self.columns.start,
                accumulate,
                true,
            );
        }
    }

    fn pack_left(&self, rows: Range<usize>, packed: *mut u8) {
        let product = self.product;
        let a = &product.a;
        let source = product
            .from_a
            .offset(rows.start * a.row_stride + self.k.start * a.column_stride);
        let block = Block::left(product.format, a, rows.len());
        // SAFETY: `check` found all elements within the data; the buffer has room for all rows.
        unsafe { block.pack(source, self.k.len(), packed, None) };
    }

    /// Computes tiles into a buffer of `f32`, and C from it.
    fn buffered(&self, rows: Range<usize>, panels: Range<usize>, packed: Packed) {
        let product = self.product;
        let format = product.format;
        let width = panels.len() * format.columns;
        let first = self.columns.start + panels.start * format.columns;
        let columns = first..self.columns.end.min(first + width);
        workspace::with(Use::C, |buffer| {
            let sums = buffer.reserve(rows.len() * width * 4).cast::<f32>();
            // The tiles' own offset is that of the panels.
            let c = sums.wrapping_sub(panels.start * format.columns);
            let out = Out {
                c,
                row_stride: width,
                columns: 0,
                alpha: product.alpha,
                accumulate: false,
            };
            self.tiles(rows.clone(), panels.clone(), packed, out, 0, false, false);
            let finish = product.finish(&columns);
            for row in rows.clone() {
                // SAFETY: the tiles have written this row of the buffer.
                let sums = unsafe {
                    std::slice::from_raw_parts_mut(
                        sums.add((row - rows.start) * width),
                        columns.len(),
                    )
                };
                // SAFETY: `check` found the rows of both within their data; blocks are apart.
                unsafe {
                    finish.row(sums, |row_of_pre| {
                        if let Some(pre) = product.pre {
                            pre.at(row, columns.start).write(row_of_pre, false);
                        }
                    });
                    product
                        .c
                        .at(row, columns.start)
                        .write(sums, product.accumulate);
                }
            }
        });
    }

    /// All tiles of a block of rows and some panels. `out` is that of the block's first row, where column `origin` of the
    /// worker's columns is at its start.
    #[allow(clippy::too_many_arguments)]
    fn tiles(
        &self,
        rows: Range<usize>,
        panels: Range<usize>,
        packed: Packed,
        mut out: Out,
        origin: usize,
        accumulate: bool,
        finishes: bool,
    ) {
        let product = self.product;
        let format = product.format;
        let steps = format.steps_of(self.k.len());
        let finishes = finishes && self.k.end == product.k;
        let c = out.c;
        // A tile waits for its next steps in the nearest cache, as long as the packed rows stay in the one behind it.
        let most = Caches::get().l2 / 2 / (rows.len() * format.bytes_a);
        let stretch = (most / format.steps).max(1) * format.steps;
        for begin in (0..steps.max(1)).step_by(stretch) {
            for panel in panels.clone() {
                let column = panel * format.columns;
                out.columns = format.columns.min(self.columns.len() - column);
                let columns =
                    self.columns.start + column..self.columns.start + column + out.columns;
                let end = steps.max(1).min(begin + stretch);
                for step in (begin..end).step_by(format.steps) {
                    let count = format.steps.min(steps - step);
                    let last = step + count == steps;
                    let finish = (finishes && last).then(|| product.finish(&columns));
                    out.accumulate = accumulate || step > 0;
                    let b = packed.first.wrapping_add(
                        panel * packed.stride + step * format.columns * format.bytes_b,
                    );
                    for first in (0..rows.len()).step_by(format.rows) {
                        let height = format.rows.min(rows.len() - first);
                        let a = packed
                            .left
                            .wrapping_add((first * steps + step * height) * format.bytes_a);
                        out.c = c.wrapping_add(first * out.row_stride + origin + column);
                        // SAFETY: the panels are packed for these sizes; the tile is within C or the buffer, and this worker's.
                        unsafe { format.tile(height, out.columns)(count, a, b, &out) };
                        if let Some(finish) = &finish {
                            product.finish_tile(
                                finish,
                                &out,
                                rows.start + first,
                                height,
                                columns.start,
                            );
                        }
                    }
                }
            }
        }
    }
}
