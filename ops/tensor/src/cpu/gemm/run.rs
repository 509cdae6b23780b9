//! The loops around the micro-kernels.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use half::{bf16, f16};

use super::Right;
use super::blocking::{Caches, MOST_PACKED};
use super::epilogue::{Activation, Epilogue, Finish};
use super::format::{Format, Out, PanelShape, Precision};
use super::matrix::{Data, DataMut, Matrix, MatrixMut};
use super::pack::Source;
use super::packed::pack_right;
use super::workspace::{self, Use};
use crate::cpu::threads::{Shareable, Threads};

/// Multiply-adds below which waking a thread costs more than it brings.
const WORTH_THREADS: usize = 1 << 20;
/// Elements of k that are packed at a time.
const MOST_K: usize = 4096;
/// Columns of a block whose sums live in a buffer of `f32`.
const MOST_BUFFERED_COLUMNS: usize = 1024;

/// One product, with the addresses of its matrices.
struct Product<'a> {
    format: &'static Format,
    m: usize,
    n: usize,
    k: usize,
    a: Matrix<'a>,
    b: Right<'a>,
    /// The first elements of this one of the batch.
    from_a: Source,
    from_b: Source,
    c: Target,
    pre: Option<Target>,
    alpha: f32,
    bias: Option<&'a [f32]>,
    activation: Activation,
    accumulate: bool,
}

/// Rows that are written.
#[derive(Clone, Copy)]
struct Target {
    first: Pointer,
    row_stride: usize,
}

#[derive(Clone, Copy)]
enum Pointer {
    F32(*mut f32),
    Bf16(*mut bf16),
    F16(*mut f16),
}

// SAFETY: an address; whoever writes through it states why that is sound.
unsafe impl Send for Pointer {}
// SAFETY: as above.
unsafe impl Sync for Pointer {}

impl Pointer {
    fn of(data: &mut DataMut<'_>) -> Self {
        match data {
            DataMut::F32(data) => Self::F32(data.as_mut_ptr()),
            DataMut::Bf16(data) => Self::Bf16(data.as_mut_ptr()),
            DataMut::F16(data) => Self::F16(data.as_mut_ptr()),
        }
    }

    fn offset(self, elements: usize) -> Self {
        match self {
            Self::F32(pointer) => Self::F32(pointer.wrapping_add(elements)),
            Self::Bf16(pointer) => Self::Bf16(pointer.wrapping_add(elements)),
            Self::F16(pointer) => Self::F16(pointer.wrapping_add(elements)),
        }
    }

    /// Stores the row, or adds it to what is there.
    ///
    /// # Safety
    /// So many elements exist and nobody else uses them.
    unsafe fn write(self, row: &[f32], accumulate: bool) {
        // SAFETY: the caller vouches for the elements.
        unsafe {
            match self {
                Self::F32(to) => convert(
                    row,
                    std::slice::from_raw_parts_mut(to, row.len()),
                    accumulate,
                    |x| x,
                    |x| x,
                ),
                Self::Bf16(to) => {
                    convert(
                        row,
                        std::slice::from_raw_parts_mut(to, row.len()),
                        accumulate,
                        bf16::to_f32,
                        bf16::from_f32,
                    );
                }
                Self::F16(to) => {
                    convert(
                        row,
                        std::slice::from_raw_parts_mut(to, row.len()),
                        accumulate,
                        f16::to_f32,
                        f16::from_f32,
                    );
                }
            }
        }
    }
}

#[inline(always)]
fn convert<T: Copy>(
    row: &[f32],
    to: &mut [T],
    accumulate: bool,
    widen: impl Fn(T) -> f32,
    narrow: impl Fn(f32) -> T,
) {
    for (to, x) in to.iter_mut().zip(row) {
        *to = narrow(if accumulate { widen(*to) + x } else { *x });
    }
}

impl Target {
    fn at(self, row: usize, column: usize) -> Pointer {
        self.first.offset(row * self.row_stride + column)
    }
}

/// As [`super::gemm`], with the kernels of `format` where one is given.
pub(super) fn gemm(
    threads: &Threads,
    a: Matrix<'_>,
    b: Right<'_>,
    mut c: MatrixMut<'_>,
    mut epilogue: Epilogue<'_>,
    format: Option<&'static Format>,
) {
    let (m, n, k) = (c.rows, c.columns, a.columns);
    let (b_rows, b_columns) = match &b {
        Right::Matrix(b) => (b.rows, b.columns),
        Right::Packed(b) => (b.k, b.n),
    };
    assert!(
        a.rows == m && b_rows == k && b_columns == n,
        "[{}, {k}] times [{b_rows}, {b_columns}] is not [{m}, {n}]",
        a.rows
    );
    a.check("A", c.batch);
    if let Right::Matrix(b) = &b {
        b.check("B", c.batch);
    }
    c.check("C");
    if let Some(bias) = epilogue.bias {
        assert!(bias.len() == n, "a bias of {} for {n} columns", bias.len());
    }
    if let Some(pre) = &epilogue.pre_activation {
        pre.check("the pre-activation");
        assert!(
            [pre.batch, pre.rows, pre.columns] == [c.batch, m, n],
            "a pre-activation of [{}, {}, {}] for [{}, {m}, {n}]",
            pre.batch,
            pre.rows,
            pre.columns,
            c.batch
        );
    }
    if c.batch == 0 || m == 0 || n == 0 {
        return;
    }
    let format = match &b {
        Right::Packed(b) => b.format,
        Right::Matrix(b) => format.unwrap_or_else(|| Format::of(lossless(a.data, b.data))),
    };
    let shared_right = match &b {
        Right::Matrix(b) => b.batch_stride == 0,
        Right::Packed(_) => true,
    };
    let pre_is_stacked = epilogue
        .pre_activation
        .as_ref()
        .is_none_or(|pre| pre.batch_stride == m * pre.row_stride);
    let stacked = shared_right
        && a.batch_stride == m * a.row_stride
        && c.batch_stride == m * c.row_stride
        && pre_is_stacked;
    let (batch, m) = if stacked {
        (1, c.batch * m)
    } else {
        (c.batch, m)
    };

    let target = |matrix: &mut MatrixMut<'_>| Target {
        first: Pointer::of(&mut matrix.data),
        row_stride: matrix.row_stride,
    };
    let (c_first, pre_first) = (target(&mut c), epilogue.pre_activation.as_mut().map(target));
    let pre_stride = epilogue
        .pre_activation
        .as_ref()
        .map_or(0, |pre| pre.batch_stride);
    let product = |index: usize| Product {
        format,
        m,
        n,
        k,
        a,
        b,
        from_a: Source::of(a.data).offset(index * a.batch_stride),
        from_b: match &b {
            Right::Matrix(b) => Source::of(b.data).offset(index * b.batch_stride),
            Right::Packed(_) => Source::of(a.data),
        },
        c: Target {
            first: c_first.first.offset(index * c.batch_stride),
            ..c_first
        },
        pre: pre_first.map(|pre| Target {
            first: pre.first.offset(index * pre_stride),
            ..pre
        }),
        alpha: epilogue.alpha,
        bias: epilogue.bias,
        activation: epilogue.activation,
        accumulate: epilogue.accumulate,
    };
    let work = m.saturating_mul(n).saturating_mul(k.max(1));
    // Few large products are cut within, many small ones are shared out whole.
    if batch == 1 || (batch < 4 * threads.count() && work >= 4 * WORTH_THREADS) {
        for index in 0..batch {
            product(index).run((work >= WORTH_THREADS).then_some(threads));
        }
    } else if work.saturating_mul(batch) < WORTH_THREADS {
        (0..batch).for_each(|index| product(index).run(None));
    } else {
        threads.for_each(batch, |index| product(index).run(None));
    }
}

/// The fastest precision that holds every element of both sides.
fn lossless(a: Data<'_>, b: Data<'_>) -> Precision {
    let _ = (a, b);
    Precision::F32
}

/// Packed panels of B.
#[derive(Clone, Copy)]
struct Panels {
    first: *const u8,
    /// Bytes from one to the next.
    stride: usize,
}

// SAFETY: an address of memory that is only read while it is shared.
unsafe impl Sync for Panels {}

impl Product<'_> {
    /// Whether sums can't wait in C for the rest of k.
    fn is_buffered(&self) -> bool {
        !matches!(self.c.first, Pointer::F32(_))
            || (self.accumulate && (self.activation != Activation::None || self.pre.is_some()))
    }

    fn run(&self, threads: Option<&Threads>) {
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
                        self.format.steps_of(k.start) * self.format.columns * self.format.bytes;
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
        let stride = format.steps_of(k.len()) * format.columns * format.bytes;
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
        let depth = format.steps_of(k).clamp(1, format.steps) * format.bytes;
        let fitting = Caches::get().l2 / 4 / depth / format.rows * format.rows;
        fitting
            .clamp(format.rows, 8 * format.rows)
            .min(self.m.next_multiple_of(format.rows))
    }
}

/// One thread's part of a product.
struct Worker<'a> {
    product: &'a Product<'a>,
    k: Range<usize>,
    columns: Range<usize>,
    panels: Panels,
    /// Rows of a block.
    rows: usize,
    /// The block of rows that the buffer holds.
    packed: Option<usize>,
}

impl Worker<'_> {
    fn all(&mut self) {
        let panels = self.columns.len().div_ceil(self.product.format.columns);
        workspace::with(Use::A, |buffer| {
            for block in 0..self.product.m.div_ceil(self.rows) {
                self.block(buffer, block, 0..panels);
            }
        });
    }

    /// Takes runs of panels, long ones first, until all `units` (a panel of B by a block of rows) are taken.
    fn some(&mut self, next: &AtomicUsize, units: usize, threads: usize) {
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
        let packed = buffer.reserve(rows.len() * steps * format.bytes);
        if self.packed != Some(block) {
            self.pack_left(rows.clone(), packed);
            self.packed = Some(block);
        }
        if product.is_buffered() {
            let most = (MOST_BUFFERED_COLUMNS / format.columns).max(1);
            for begin in panels.clone().step_by(most) {
                self.buffered(rows.clone(), begin..panels.end.min(begin + most), packed);
            }
        } else if let Pointer::F32(c) = product.c.first {
            let c = c.wrapping_add(rows.start * product.c.row_stride);
            let out = Out {
                c,
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
        let format = product.format;
        let steps = format.steps_of(self.k.len());
        for first in rows.clone().step_by(format.rows) {
            let across = format.rows.min(rows.end - first);
            let shape = PanelShape {
                across,
                across_stride: product.a.row_stride,
                width: across,
                along: self.k.len(),
                along_stride: product.a.column_stride,
            };
            let source = product
                .from_a
                .offset(first * product.a.row_stride + self.k.start * product.a.column_stride);
            // SAFETY: `check` found all elements within the data; the buffer has room for all rows.
            unsafe {
                (format.pack)(
                    source,
                    shape,
                    packed.add((first - rows.start) * steps * format.bytes),
                )
            };
        }
    }

    /// Computes tiles into a buffer of `f32`, and C from it.
    fn buffered(&self, rows: Range<usize>, panels: Range<usize>, packed: *const u8) {
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
                    finish.apply(sums, |row_of_pre| {
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
        packed: *const u8,
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
        for step in (0..steps.max(1)).step_by(format.steps) {
            let count = format.steps.min(steps - step);
            out.accumulate = accumulate || step > 0;
            let last = step + count == steps;
            for panel in panels.clone() {
                let b = self.panels.first.wrapping_add(
                    panel * self.panels.stride + step * format.columns * format.bytes,
                );
                let column = panel * format.columns;
                out.columns = format.columns.min(self.columns.len() - column);
                let columns =
                    self.columns.start + column..self.columns.start + column + out.columns;
                let finish = (finishes && last).then(|| product.finish(&columns));
                for first in (0..rows.len()).step_by(format.rows) {
                    let height = format.rows.min(rows.len() - first);
                    let a = packed.wrapping_add((first * steps + step * height) * format.bytes);
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

impl Product<'_> {
    fn finish(&self, columns: &Range<usize>) -> Finish<'_> {
        Finish {
            bias: self.bias.map(|bias| &bias[columns.clone()]),
            activation: self.activation,
        }
    }

    /// Bias, pre-activation and activation of a tile in C.
    fn finish_tile(
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
