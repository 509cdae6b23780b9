//! Matrix multiplication, `C = act(alpha A B + bias) (+ C)`.
//!
//! B is cut into panels of as many columns as a micro-kernel computes, A into panels of as many rows, and both are packed so that
//! the kernel reads them in order. Rows are shared out between threads in blocks whose packed part stays in the second-level
//! cache. Every element of C is one chain of multiply-adds over k, cut at fixed places, so its bits depend neither on the number
//! of threads nor on the tile that it fell into. The scheme is that of Goto & van de Geijn (2008) and Van Zee & van de Geijn
//! (2015).

mod blocking;
mod epilogue;
mod format;
mod kernels;
mod matrix;
mod pack;
mod packed;
mod product;
mod run;
mod target;
#[cfg(test)]
mod tests;
mod worker;
mod workspace;

pub use epilogue::{Activation, Epilogue};
pub use format::Precision;
pub use matrix::{Data, DataMut, Matrix, MatrixMut};
pub use packed::PackedB;

use crate::cpu::threads::Threads;

/// The right side of a product.
#[derive(Clone, Copy, Debug)]
pub enum Right<'a> {
    /// Packed within the call.
    Matrix(Matrix<'a>),
    /// Packed before, as weights are that serve many calls.
    Packed(&'a PackedB),
}

impl<'a> From<Matrix<'a>> for Right<'a> {
    fn from(matrix: Matrix<'a>) -> Self {
        Self::Matrix(matrix)
    }
}

impl<'a> From<&'a PackedB> for Right<'a> {
    fn from(packed: &'a PackedB) -> Self {
        Self::Packed(packed)
    }
}

/// `C = act(alpha A B + bias)`, plus C where the epilogue accumulates, for each matrix of the batch of C.
///
/// A is `[m, k]`, B `[k, n]`, C `[m, n]`. A and B may have any strides, so either may be transposed, and a batch stride of zero
/// makes one matrix serve the whole batch. Halves are multiplied in the [`Precision`] that B was packed in, or, packed within
/// the call, in the best one that loses nothing; sums are `f32`.
///
/// # Panics
/// If the shapes do not fit, or a matrix ends past its data: both are faults of the caller, who has checked what users give.
pub fn gemm<'a>(
    threads: &Threads,
    a: Matrix<'_>,
    b: impl Into<Right<'a>>,
    c: MatrixMut<'_>,
    epilogue: Epilogue<'_>,
) {
    run::gemm(threads, a, b.into(), c, epilogue, None);
}
