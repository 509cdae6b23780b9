//! The numbers that micro-kernels multiply, and which kernels there are for them.

use std::sync::OnceLock;

use super::blocking;
use super::kernels;
use super::pack::Source;
use crate::cpu::simd::Level;

/// The type that products are computed in. Sums are always `f32` in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    /// Single precision.
    F32,
    /// Both sides rounded to the upper half of single precision: dot products where the processor has them.
    Bf16,
    /// B rounded to IEEE half precision. Where the processor multiplies halves, A is too, and sums run in halves over short
    /// stretches of k, so that products past 65,504 overflow.
    F16,
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
    /// Elements of k in a step, and bytes of an element's step in a panel of A and of B.
    pub(super) step: usize,
    pub(super) bytes_a: usize,
    pub(super) bytes_b: usize,
    /// Steps after which sums go to C.
    pub(super) steps: usize,
    /// By rows - 1, then by the number of columns: all, more than half, up to half.
    pub(super) tiles: &'static [[Tile; 3]],
    pub(super) pack_a: Pack,
    pub(super) pack_b: Pack,
}

/// Instructions for halves that kernels use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Halves {
    /// Dot products of pairs of `bf16` at twice the rate of `f32`.
    bf16: bool,
    /// Multiply-adds of `f16`.
    f16: bool,
}

impl Halves {
    fn get() -> Self {
        static HALVES: OnceLock<Halves> = OnceLock::new();
        *HALVES.get_or_init(|| {
            #[cfg(target_arch = "x86_64")]
            {
                let wide = Level::best() == Level::Avx512;
                Self {
                    bf16: wide && is_x86_feature_detected!("avx512bf16"),
                    f16: wide && is_x86_feature_detected!("avx512fp16"),
                }
            }
            #[cfg(not(target_arch = "x86_64"))]
            Self {
                bf16: false,
                f16: false,
            }
        })
    }
}

impl Precision {
    /// The fastest on this processor for matrices that are not too small.
    ///
    /// Multiply-adds of `f16` run at twice the rate of `f32` wherever they exist. Dot products of `bf16` run at twice the rate
    /// on AMD's processors (Zen 4 and later) and at half of it on Intel's, all of which with `f16` have both.
    pub fn best() -> Self {
        match Halves::get() {
            Halves { f16: true, .. } if !blocking::is_amd() => Self::F16,
            Halves { bf16: true, .. } if blocking::is_amd() => Self::Bf16,
            _ => Self::F32,
        }
    }
}

impl Format {
    /// The kernels of this precision for the best instruction set.
    pub(super) fn of(precision: Precision) -> &'static Self {
        #[cfg(target_arch = "x86_64")]
        match (precision, Halves::get()) {
            (Precision::Bf16, Halves { bf16: true, .. }) if blocking::is_amd() => {
                return &kernels::avx512::BF16;
            }
            (Precision::F16, Halves { f16: true, .. }) => return &kernels::fp16::F16,
            _ => {}
        }
        Self::at(precision, Level::best())
    }

    /// The kernels of this precision for an instruction set that every processor of the level has, as this one must.
    pub(super) fn at(precision: Precision, level: Level) -> &'static Self {
        use Precision::{Bf16, F16, F32};
        #[cfg(target_arch = "x86_64")]
        {
            use kernels::{avx2, avx512, portable};
            match (level, precision) {
                (Level::Avx512, F32) => &avx512::F32,
                (Level::Avx512, Bf16) => &avx512::WIDENED_BF16,
                (Level::Avx512, F16) => &avx512::WIDENED_F16,
                (Level::Avx2, F32) => &avx2::F32,
                (Level::Avx2, Bf16) => &avx2::BF16,
                (Level::Avx2, F16) => &avx2::F16,
                (Level::Baseline, F32) => &portable::F32,
                (Level::Baseline, Bf16) => &portable::BF16,
                (Level::Baseline, F16) => &portable::F16,
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            #[cfg(target_arch = "aarch64")]
            use kernels::neon as kernels;
            #[cfg(not(target_arch = "aarch64"))]
            use kernels::portable as kernels;
            let _ = level;
            match precision {
                F32 => &kernels::F32,
                Bf16 => &kernels::BF16,
                F16 => &kernels::F16,
            }
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
