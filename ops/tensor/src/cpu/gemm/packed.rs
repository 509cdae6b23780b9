//! A right side that is packed once and used many times.

use super::format::{Format, PanelShape, Precision};
use super::matrix::Matrix;
use super::pack::Source;
use super::workspace::Buffer;
use crate::cpu::threads::{Shareable, Threads};

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
        let panel = packed.panel_bytes();
        let panels = packed.n.div_ceil(format.columns);
        let destination = Shareable::new(packed.buffer.reserve(panels * panel));
        threads.for_each(panels, |index| {
            // SAFETY: `check` found all elements within the data; panels are apart.
            unsafe {
                pack_right(
                    format,
                    &matrix,
                    Source::of(matrix.data),
                    index * format.columns,
                    0..matrix.rows,
                    destination.get().add(index * panel),
                );
            }
        });
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

/// Packs the panel of B that begins at `column`, over the rows `k`. `source` is the matrix's first element.
///
/// # Safety
/// The elements exist and the destination has room for a whole panel.
pub(super) unsafe fn pack_right(
    format: &Format,
    matrix: &Matrix<'_>,
    source: Source,
    column: usize,
    k: std::ops::Range<usize>,
    destination: *mut u8,
) {
    let shape = PanelShape {
        across: format.columns.min(matrix.columns - column),
        across_stride: matrix.column_stride,
        width: format.columns,
        along: k.len(),
        along_stride: matrix.row_stride,
    };
    let source = source.offset(column * matrix.column_stride + k.start * matrix.row_stride);
    // SAFETY: the caller vouches for both.
    unsafe { (format.pack_b)(source, shape, destination) };
}
