//! Checks what a caller asks for, and decides between sharing out one product and sharing out many.

use super::Right;
use super::epilogue::Epilogue;
use super::format::{Format, Precision};
use super::matrix::{Data, Matrix, MatrixMut};
use super::pack::Source;
use super::product::Product;
use super::target::{Pointer, Target};
use crate::cpu::threads::Threads;

/// Multiply-adds below which waking a thread costs more than it brings.
const WORTH_THREADS: usize = 1 << 20;

/// The same, where few rows make memory the limit: elements of B.
const WORTH_THREADS_TO_READ: usize = 1 << 18;

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
    let is_worth_threads = work >= WORTH_THREADS || n.saturating_mul(k) >= WORTH_THREADS_TO_READ;
    // Few large products are cut within, many small ones are shared out whole.
    if batch == 1 || (batch < 4 * threads.count() && work >= 4 * WORTH_THREADS) {
        for index in 0..batch {
            product(index).run(is_worth_threads.then_some(threads));
        }
    } else if work.saturating_mul(batch) < WORTH_THREADS {
        (0..batch).for_each(|index| product(index).run(None));
    } else {
        threads.for_each(batch, |index| product(index).run(None));
    }
}

/// The fastest precision that holds every element of both sides.
fn lossless(a: Data<'_>, b: Data<'_>) -> Precision {
    match (a, b) {
        (Data::Bf16(_), Data::Bf16(_)) if Precision::best() == Precision::Bf16 => Precision::Bf16,
        (Data::F16(_), Data::F16(_)) if Precision::best() == Precision::F16 => Precision::F16,
        _ => Precision::F32,
    }
}
