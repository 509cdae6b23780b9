//! Panels: rows of A, or columns of B, side by side for each step of k.

use half::{bf16, f16};

use super::format::PanelShape;
use super::matrix::Data;

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

/// Packs `f32`, widening halves.
///
/// # Safety
/// As [`Pack`](super::format::Pack).
pub(super) unsafe fn f32_panel(source: Source, shape: PanelShape, destination: *mut u8) {
    let destination = destination.cast::<f32>();
    // SAFETY: the caller vouches for the elements and for the room.
    unsafe {
        match source {
            Source::F32(source) => copy(source, shape, destination, |x| x),
            Source::Bf16(source) => copy(source, shape, destination, bf16::to_f32),
            Source::F16(source) => copy(source, shape, destination, f16::to_f32),
        }
    }
}

/// # Safety
/// As [`Pack`](super::format::Pack).
#[inline(always)]
unsafe fn copy<S: Copy, D: Copy + Default>(
    source: *const S,
    shape: PanelShape,
    destination: *mut D,
    convert: impl Fn(S) -> D,
) {
    let PanelShape {
        across,
        across_stride,
        width,
        along,
        along_stride,
    } = shape;
    // SAFETY: the caller vouches for the elements and for the room.
    unsafe {
        for k in 0..along {
            let from = source.add(k * along_stride);
            let to = destination.add(k * width);
            for element in 0..across {
                *to.add(element) = convert(*from.add(element * across_stride));
            }
            for element in across..width {
                *to.add(element) = D::default();
            }
        }
    }
}
