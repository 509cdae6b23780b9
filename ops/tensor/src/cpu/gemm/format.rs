//! The numbers that micro-kernels multiply, and which kernels there are for them.

use super::kernels;
use super::pack::Source;
use crate::cpu::simd::Level;

/// The type that products are computed in. Sums are always `f32` in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    /// Single precision.
    F32,
}

/// Where a tile goes.
pub(super) struct Out {
    /// Its first element.
    pub(super) c: *mut f32,
    pub(super) row_stride: usize,
    /// The tile's columns, at most those of the format.
    pub(super) columns: usize,
    pub(super) alpha: f32,
    /// Adds to what is there.
    pub(super) accumulate: bool,
}

/// Multiplies `steps` steps of a packed panel of A, which has exactly the kernel's rows, with one of B, and writes the tile.
///
/// # Safety
/// The processor has the kernel's instructions; the panels have so many steps; `out` describes elements that exist and that
/// nobody else uses.
pub(super) type Tile = unsafe fn(steps: usize, a: *const u8, b: *const u8, out: &Out);

/// Packs `across` rows of A (or columns of B), padded with zeros to `width`, over `along` elements of k.
///
/// # Safety
/// All `across * along` elements at these strides exist; the destination has room for `width` elements a step and a line more.
pub(super) type Pack = unsafe fn(source: Source, shape: PanelShape, destination: *mut u8);

/// What a panel is cut from.
#[derive(Clone, Copy)]
pub(super) struct PanelShape {
    pub(super) across: usize,
    pub(super) across_stride: usize,
    pub(super) width: usize,
    pub(super) along: usize,
    pub(super) along_stride: usize,
}

/// A family of kernels for one precision and instruction set.
pub(super) struct Format {
    pub(super) precision: Precision,
    /// Rows and columns of the largest tile.
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Elements of k in a step, and bytes of an element's step in a panel.
    pub(super) step: usize,
    pub(super) bytes: usize,
    /// Steps after which sums go to C.
    pub(super) steps: usize,
    /// By rows - 1, then by the number of columns: all, more than half, up to half.
    pub(super) tiles: &'static [[Tile; 3]],
    pub(super) pack: Pack,
}

impl Precision {
    /// The fastest on this processor.
    pub fn best() -> Self {
        Self::F32
    }
}

impl Format {
    /// The kernels of this precision for the best instruction set.
    pub(super) fn of(precision: Precision) -> &'static Self {
        Self::at(precision, Level::best())
    }

    /// The kernels of this precision for an instruction set, which the processor must have.
    pub(super) fn at(precision: Precision, level: Level) -> &'static Self {
        match (precision, level) {
            #[cfg(target_arch = "x86_64")]
            (Precision::F32, Level::Avx512) => &kernels::avx512::F32,
            #[cfg(target_arch = "x86_64")]
            (Precision::F32, Level::Avx2) => &kernels::avx2::F32,
            #[cfg(target_arch = "aarch64")]
            (Precision::F32, _) => &kernels::neon::F32,
            #[cfg(not(target_arch = "aarch64"))]
            (Precision::F32, _) => &kernels::portable::F32,
        }
    }

    /// Steps that `k` elements take.
    pub(super) fn steps_of(&self, k: usize) -> usize {
        k.div_ceil(self.step)
    }

    /// The kernel for a tile of this size.
    #[inline]
    pub(super) fn tile(&self, rows: usize, columns: usize) -> Tile {
        let part = if columns == self.columns {
            0
        } else if columns > self.columns / 2 {
            1
        } else {
            2
        };
        self.tiles[rows - 1][part]
    }
}
