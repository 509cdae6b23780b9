//! One product: what is packed when, and how it is shared out.

use std::ops::Range;
use std::sync::atomic::AtomicUsize;

use super::Right;
use super::blocking::{Caches, MOST_PACKED};
use super::epilogue::{Activation, Finish, Rows};
use super::format::{Format, Out};
use super::matrix::Matrix;
use super::pack::{Block, Source};
use super::target::{Pointer, Target};
use super::worker::Worker;
use super::workspace::{self, Use};
use crate::cpu::threads::Threads;

/// Elements of k that are packed at a time.
const MOST_K: usize = 4096;

/// Pieces of work for each thread, at least, so that none waits long for another.
const SHARES: usize = 8;

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

/// Panels of B.
#[derive(Clone, Copy)]
pub(super) enum Panels<'a> {
    /// Packed, each of them `stride` bytes after the one before.
    Ready { first: *const u8, stride: usize },
    /// To be packed by whoever multiplies with them, in memory of its own that stays in its cache.
    Fresh(&'a Matrix<'a>),
}

// SAFETY: an address of memory that is only read while it is shared.
unsafe impl Sync for Panels<'_> {}

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
                    let panels = Panels::Ready {
                        first: b.as_ptr().wrapping_add(offset),
                        stride: b.panel_bytes(),
                    };
                    self.multiply(threads, k, 0..self.n, panels);
                }
                Right::Matrix(b) if self.serves_once(threads, k.len()) => {
                    self.multiply(threads, k, 0..self.n, Panels::Fresh(b));
                }
                Right::Matrix(b) => self.pack_and_multiply(threads, k, b),
            }
        }
    }

    /// Whether all rows are one block, so that a panel of B is needed by a single worker, and there are enough panels for all.
    fn serves_once(&self, threads: Option<&Threads>, k: usize) -> bool {
        let panels = self.n.div_ceil(self.format.columns);
        let shares = SHARES * threads.map_or(0, Threads::count);
        self.m <= self.format.rows || (self.m <= self.rows_of_block(k) && panels >= shares)
    }

    fn pack_and_multiply(&self, threads: Option<&Threads>, k: Range<usize>, b: &Matrix<'_>) {
        let format = self.format;
        let stride = Block::right(format, b, self.n).stride(k.len());
        let most = (MOST_PACKED / stride.max(1)).max(1) * format.columns;
        workspace::with(Use::B, |buffer| {
            for begin in (0..self.n).step_by(most) {
                let columns = begin..self.n.min(begin + most);
                let block = Block::right(format, b, columns.len());
                let first = buffer.reserve(columns.len().div_ceil(format.columns) * stride);
                let source = self.right(b, columns.start, k.start);
                // SAFETY: `check` found all elements within the data; the buffer has room for the panels.
                unsafe { block.pack(source, k.len(), first, threads) };
                self.multiply(threads, k.clone(), columns, Panels::Ready { first, stride });
            }
        });
    }

    /// An element of this product's B.
    pub(super) fn right(&self, b: &Matrix<'_>, column: usize, k: usize) -> Source {
        self.from_b
            .offset(column * b.column_stride + k * b.row_stride)
    }

    /// Multiplies over `k` with the panels of `columns`.
    fn multiply(
        &self,
        threads: Option<&Threads>,
        k: Range<usize>,
        columns: Range<usize>,
        panels: Panels<'_>,
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
        while rows > self.format.rows && self.m.div_ceil(rows) * panel_count < SHARES * count {
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
        let sums = Rows {
            first: out.c,
            stride: out.row_stride,
            rows: height,
            columns: out.columns,
        };
        // C is `f32` where its tiles are finished in place, and so is what has its type.
        let pre = self.pre.and_then(|pre| match pre.at(row, column) {
            Pointer::F32(first) => Some((first, pre.row_stride)),
            _ => None,
        });
        // SAFETY: `check` found the rows of both within their data; tiles are apart and this worker's.
        unsafe { finish.tile(sums, pre) };
    }
}
