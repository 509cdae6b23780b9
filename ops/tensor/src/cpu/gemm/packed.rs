//! A right side that is packed once and used many times.

use super::format::{Format, Precision};
use super::matrix::Matrix;
use super::pack::{Block, Source};
use super::workspace::Buffer;
use crate::cpu::threads::Threads;

/// A matrix `[k, n]`, such as the weights of a layer, in the order in which the kernels read it.
pub struct PackedB {
    pub(super) format: &'static Format,
    pub(super) k: usize,
    pub(super) n: usize,
    buffer: Buffer,
}

// SAFETY: the buffer owns its memory and is written only while it is made.
unsafe impl Sync for PackedB {}

impl PackedB {
    /// Packs the matrix to be multiplied in `precision`.
    ///
    /// Weights as PyTorch stores them, `[n, k]`, are given as [`Matrix::transposed`].
    ///
    /// # Panics
    /// If the matrix ends past its data.
    pub fn new(threads: &Threads, matrix: Matrix<'_>, precision: Precision) -> Self {
        Self::with_format(threads, matrix, Format::of(precision))
    }

    pub(super) fn with_format(
        threads: &Threads,
        matrix: Matrix<'_>,
        format: &'static Format,
    ) -> Self {
        matrix.check("B", 1);
        let mut packed = Self {
            format,
            k: matrix.rows,
            n: matrix.columns,
            buffer: Buffer::default(),
        };
        let panels = packed.n.div_ceil(format.columns);
        let destination = packed.buffer.reserve(panels * packed.panel_bytes());
        let block = Block::right(format, &matrix, packed.n);
        // SAFETY: `check` found all elements within the data, and the buffer has room for all panels.
        unsafe {
            block.pack(
                Source::of(matrix.data),
                packed.k,
                destination,
                Some(threads),
            )
        };
        packed
    }

    /// The shape `[k, n]`.
    pub fn shape(&self) -> [usize; 2] {
        [self.k, self.n]
    }

    /// What it is multiplied in.
    pub fn precision(&self) -> Precision {
        self.format.precision
    }

    pub(super) fn panel_bytes(&self) -> usize {
        self.format.steps_of(self.k) * self.format.columns * self.format.bytes_b
    }

    pub(super) fn as_ptr(&self) -> *const u8 {
        self.buffer.as_ptr()
    }
}

impl std::fmt::Debug for PackedB {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("PackedB")
            .field("shape", &self.shape())
            .field("precision", &self.precision())
            .finish()
    }
}
