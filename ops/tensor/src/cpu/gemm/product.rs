//! One product: what is packed when, and how it is shared out.

use std::ops::Range;
use std::sync::atomic::AtomicUsize;

use super::Right;
use super::blocking::{Caches, MOST_PACKED};
use super::epilogue::{Activation, Finish};
use super::format::{Format, Out};
use super::matrix::Matrix;
use super::pack::Source;
use super::packed::pack_right;
use super::target::{Pointer, Target};
use super::worker::Worker;
use super::workspace::{self, Use};
use crate::cpu::threads::{Shareable, Threads};

/// Elements of k that are packed at a time.
const MOST_K: usize = 4096;

/// One product, with the addresses of its matrices.
pub(super) struct Product<'a> {
    pub(super) format: &'static Format,
    pub(super) m: usize,
    pub(super) n: usize,
    pub(super) k: usize,
    pub(super) a: Matrix<'a>,
    pub(super) b: Right<'a>,
    /// The first elements of this one of the batch.
    pub(super) from_a: Source,
    pub(super) from_b: Source,
    pub(super) c: Target,
    pub(super) pre: Option<Target>,
    pub(super) alpha: f32,
    pub(super) bias: Option<&'a [f32]>,
    pub(super) activation: Activation,
    pub(super) accumulate: bool,
}

/// Packed panels of B.
#[derive(Clone, Copy)]
pub(super) struct Panels {
    pub(super) first: *const u8,
    /// Bytes from one to the next.
    pub(super) stride: usize,
}

// SAFETY: an address of memory that is only read while it is shared.
unsafe impl Sync for Panels {}

impl Product<'_> {
    /// Whether sums can't wait in C for the rest of k.
    pub(super) fn is_buffered(&self) -> bool {
        !matches!(self.c.first, Pointer::F32(_))
            || (self.accumulate && (self.activation != Activation::None || self.pre.is_some()))
    }

    pub(super) fn run(&self, threads: Option<&Threads>) {
        let most_k = if self.is_buffered() {
            self.k.max(1)
        } else {
            MOST_K
        };
        for begin in (0..self.k.max(1)).step_by(most_k) {
            let k = begin..self.k.min(begin + most_k);
            match &self.b {
                Right::Packed(b) => {
                    let offset =
                        self.format.steps_of(k.start) * self.format.columns * self.format.bytes_b;
                    let panels = Panels {
                        first: b.as_ptr().wrapping_add(offset),
                        stride: b.panel_bytes(),
                    };
                    self.multiply(threads, k, 0..self.n, panels);
                }
                Right::Matrix(b) => self.pack_and_multiply(threads, k, b),
            }
        }
    }

    fn pack_and_multiply(&self, threads: Option<&Threads>, k: Range<usize>, b: &Matrix<'_>) {
        let format = self.format;
        let stride = format.steps_of(k.len()) * format.columns * format.bytes_b;
        let most = (MOST_PACKED / stride.max(1)).max(1) * format.columns;
        workspace::with(Use::B, |buffer| {
            for begin in (0..self.n).step_by(most) {
                let columns = begin..self.n.min(begin + most);
                let count = columns.len().div_ceil(format.columns);
                let destination = Shareable::new(buffer.reserve(count * stride));
                let pack = |index: usize| {
                    let column = columns.start + index * format.columns;
                    // SAFETY: `check` found all elements within the data; panels are apart and have room.
                    unsafe {
                        pack_right(
                            format,
                            b,
                            self.from_b,
                            column,
                            k.clone(),
                            destination.get().add(index * stride),
                        )
                    };
                };
                match threads {
                    Some(threads) => threads.for_each(count, pack),
                    None => (0..count).for_each(pack),
                }
                self.multiply(
                    threads,
                    k.clone(),
                    columns,
                    Panels {
                        first: buffer.as_ptr(),
                        stride,
                    },
                );
            }
        });
    }

    /// Multiplies over `k` with the panels of `columns`.
    fn multiply(
        &self,
        threads: Option<&Threads>,
        k: Range<usize>,
        columns: Range<usize>,
        panels: Panels,
    ) {
        let Some(threads) = threads else {
            let rows = self.rows_of_block(k.len());
            let mut worker = Worker {
                product: self,
                k,
                columns,
                panels,
                rows,
                packed: None,
            };
            worker.all();
            return;
        };
        let count = threads.count();
        let panel_count = columns.len().div_ceil(self.format.columns);
        let mut rows = self.rows_of_block(k.len());
        while rows > self.format.rows && self.m.div_ceil(rows) * panel_count < 8 * count {
            rows = (rows / 2).next_multiple_of(self.format.rows);
        }
        let units = self.m.div_ceil(rows) * panel_count;
        let next = AtomicUsize::new(0);
        threads.for_each(count, |_| {
            let mut worker = Worker {
                product: self,
                k: k.clone(),
                columns: columns.clone(),
                panels,
                rows,
                packed: None,
            };
            worker.some(&next, units, count);
        });
    }

    /// Rows whose packed part stays in the second-level cache.
    fn rows_of_block(&self, k: usize) -> usize {
        let format = self.format;
        let depth = format.steps_of(k).clamp(1, format.steps) * format.bytes_a;
        let fitting = Caches::get().l2 / 3 / depth / format.rows * format.rows;
        fitting
            .clamp(format.rows, 8 * format.rows)
            .min(self.m.next_multiple_of(format.rows))
    }

    pub(super) fn finish(&self, columns: &Range<usize>) -> Finish<'_> {
        Finish {
            bias: self.bias.map(|bias| &bias[columns.clone()]),
            activation: self.activation,
        }
    }

    /// Bias, pre-activation and activation of a tile in C.
    pub(super) fn finish_tile(
        &self,
        finish: &Finish<'_>,
        out: &Out,
        row: usize,
        height: usize,
        column: usize,
    ) {
        if finish.is_nothing() && self.pre.is_none() {
            return;
        }
        for offset in 0..height {
            // SAFETY: the tile is within C and this worker's; nothing else refers to it now.
            let sums = unsafe {
                std::slice::from_raw_parts_mut(out.c.add(offset * out.row_stride), out.columns)
            };
            finish.apply(sums, |row_of_pre| {
                if let Some(pre) = self.pre {
                    // SAFETY: `check` found the rows within the data; tiles are apart.
                    unsafe { pre.at(row + offset, column).write(row_of_pre, false) };
                }
            });
        }
    }
}
