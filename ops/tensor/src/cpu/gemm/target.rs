//! Where products go, whatever the type.

use half::{bf16, f16};

use super::matrix::DataMut;

/// Rows that are written.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub(super) first: Pointer,
    pub(super) row_stride: usize,
}

#[derive(Clone, Copy)]
pub(super) enum Pointer {
    F32(*mut f32),
    Bf16(*mut bf16),
    F16(*mut f16),
}

// SAFETY: an address; whoever writes through it states why that is sound.
unsafe impl Send for Pointer {}
// SAFETY: as above.
unsafe impl Sync for Pointer {}

impl Pointer {
    pub(super) fn of(data: &mut DataMut<'_>) -> Self {
        match data {
            DataMut::F32(data) => Self::F32(data.as_mut_ptr()),
            DataMut::Bf16(data) => Self::Bf16(data.as_mut_ptr()),
            DataMut::F16(data) => Self::F16(data.as_mut_ptr()),
        }
    }

    pub(super) fn offset(self, elements: usize) -> Self {
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
    pub(super) unsafe fn write(self, row: &[f32], accumulate: bool) {
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
    pub(super) fn at(self, row: usize, column: usize) -> Pointer {
        self.first.offset(row * self.row_stride + column)
    }
}
