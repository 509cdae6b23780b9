//! Panels: rows of A, or columns of B, side by side for each step of k.

#[cfg(target_arch = "x86_64")]
pub(super) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx512;
mod block;

use half::{bf16, f16};

use super::format::PanelShape;
use super::matrix::Data;
pub(super) use block::Block;

/// The first element of what is packed.
#[derive(Clone, Copy)]
pub(super) enum Source {
    F32(*const f32),
    Bf16(*const bf16),
    F16(*const f16),
}

// SAFETY: an address; whoever reads through it states why that is sound.
unsafe impl Send for Source {}
// SAFETY: as above.
unsafe impl Sync for Source {}

impl Source {
    pub(super) fn of(data: Data<'_>) -> Self {
        match data {
            Data::F32(data) => Self::F32(data.as_ptr()),
            Data::Bf16(data) => Self::Bf16(data.as_ptr()),
            Data::F16(data) => Self::F16(data.as_ptr()),
        }
    }

    /// The element so many after this one.
    pub(super) fn offset(self, elements: usize) -> Self {
        match self {
            Self::F32(pointer) => Self::F32(pointer.wrapping_add(elements)),
            Self::Bf16(pointer) => Self::Bf16(pointer.wrapping_add(elements)),
            Self::F16(pointer) => Self::F16(pointer.wrapping_add(elements)),
        }
    }
}

/// An element that a panel is made from.
pub(super) trait Element: Copy {
    fn widen(self) -> f32;
}

impl Element for f32 {
    #[inline(always)]
    fn widen(self) -> f32 {
        self
    }
}

impl Element for bf16 {
    #[inline(always)]
    fn widen(self) -> f32 {
        f32::from_bits(u32::from(self.to_bits()) << 16)
    }
}

impl Element for f16 {
    #[inline(always)]
    fn widen(self) -> f32 {
        self.to_f32()
    }
}

/// Calls a generic function with the pointer of a source.
macro_rules! of_any_type {
    ($source:expr, $pointer:ident => $call:expr) => {
        match $source {
            Source::F32($pointer) => $call,
            Source::Bf16($pointer) => $call,
            Source::F16($pointer) => $call,
        }
    };
}

#[cfg(target_arch = "x86_64")]
use of_any_type;

/// Packs `f32`.
///
/// # Safety
/// As [`Pack`](super::format::Pack).
pub(super) unsafe fn f32_panel(source: Source, shape: PanelShape, destination: *mut u8) {
    // SAFETY: the caller vouches for the elements and for the room.
    unsafe { of_any_type!(source, from => copy(from, shape, destination.cast::<f32>(), |x| x)) };
}

/// Packs `bf16`, one step for each element of k.
///
/// # Safety
/// As [`Pack`](super::format::Pack).
pub(super) unsafe fn bf16_panel(source: Source, shape: PanelShape, destination: *mut u8) {
    // SAFETY: the caller vouches for the elements and for the room.
    unsafe {
        of_any_type!(source, from => copy(from, shape, destination.cast::<bf16>(), bf16::from_f32))
    };
}

/// Packs `f16`, one step for each element of k.
///
/// # Safety
/// As [`Pack`](super::format::Pack).
pub(super) unsafe fn f16_panel(source: Source, shape: PanelShape, destination: *mut u8) {
    // SAFETY: the caller vouches for the elements and for the room.
    unsafe {
        of_any_type!(source, from => copy(from, shape, destination.cast::<f16>(), f16::from_f32))
    };
}

/// # Safety
/// As [`Pack`](super::format::Pack).
#[inline(always)]
unsafe fn copy<S: Element, D: Copy + Default>(
    source: *const S,
    shape: PanelShape,
    destination: *mut D,
    narrow: impl Fn(f32) -> D,
) {
    /// Steps that share the cache lines of a row.
    const BLOCK: usize = 16;
    let PanelShape {
        across,
        across_stride,
        width,
        along,
        along_stride,
    } = shape;
    // SAFETY: the caller vouches for the elements and for the room.
    unsafe {
        if along_stride == 1 {
            for begin in (0..along).step_by(BLOCK) {
                let end = along.min(begin + BLOCK);
                for element in 0..across {
                    let from = source.add(element * across_stride);
                    for k in begin..end {
                        *destination.add(k * width + element) = narrow((*from.add(k)).widen());
                    }
                }
            }
        } else {
            for k in 0..along {
                let from = source.add(k * along_stride);
                let to = destination.add(k * width);
                if across_stride == 1 {
                    for element in 0..across {
                        *to.add(element) = narrow((*from.add(element)).widen());
                    }
                } else {
                    for element in 0..across {
                        *to.add(element) = narrow((*from.add(element * across_stride)).widen());
                    }
                }
            }
        }
        if across < width {
            for k in 0..along {
                for element in across..width {
                    *destination.add(k * width + element) = D::default();
                }
            }
        }
    }
}
