//! Packing of `f32` with AVX2: rows that run along k are transposed in registers, 8 steps of 8 rows at a time.

use std::arch::x86_64::*;

use super::{Element, Source, of_any_type};
use crate::cpu::gemm::format::PanelShape;
use crate::cpu::gemm::kernels::avx2::Widen;

/// Elements of a vector.
const LANES: usize = 8;

/// Makes columns of rows.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn transpose(rows: [__m256; LANES]) -> [__m256; LANES] {
    let zero = _mm256_setzero_ps();
    // Columns of four rows, two of them in each vector.
    let mut fours = [zero; LANES];
    for group in 0..2 {
        let [a, b, c, d] = [
            rows[4 * group],
            rows[4 * group + 1],
            rows[4 * group + 2],
            rows[4 * group + 3],
        ];
        let (low_ab, high_ab) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
        let (low_cd, high_cd) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
        fours[4 * group] = _mm256_shuffle_ps::<0x44>(low_ab, low_cd);
        fours[4 * group + 1] = _mm256_shuffle_ps::<0xee>(low_ab, low_cd);
        fours[4 * group + 2] = _mm256_shuffle_ps::<0x44>(high_ab, high_cd);
        fours[4 * group + 3] = _mm256_shuffle_ps::<0xee>(high_ab, high_cd);
    }
    let mut columns = [zero; LANES];
    for column in 0..4 {
        let (upper, lower) = (fours[column], fours[4 + column]);
        columns[column] = _mm256_permute2f128_ps::<0x20>(upper, lower);
        columns[4 + column] = _mm256_permute2f128_ps::<0x31>(upper, lower);
    }
    columns
}

/// Packs `f32`.
///
/// Every store is of eight elements, so a panel whose width is no multiple of that is written in ascending order and runs up to
/// seven elements over.
///
/// # Safety
/// As [`Pack`](crate::cpu::gemm::format::Pack), and the processor has AVX2, FMA and F16C.
pub(in crate::cpu::gemm) unsafe fn f32_panel(
    source: Source,
    shape: PanelShape,
    destination: *mut u8,
) {
    // SAFETY: the caller vouches for the elements, for the room and for the processor.
    unsafe { of_any_type!(source, from => pack(from, shape, destination.cast())) };
}

/// # Safety
/// As above.
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn pack<S: Element + Widen>(source: *const S, shape: PanelShape, destination: *mut f32) {
    let PanelShape {
        across,
        across_stride,
        width,
        along,
        along_stride,
    } = shape;
    debug_assert!(
        width <= LANES || width.is_multiple_of(LANES),
        "stores would overrun the next step"
    );
    for group in (0..width).step_by(LANES) {
        let live = across.saturating_sub(group).min(LANES);
        let source = source.wrapping_add(group * across_stride);
        let to = |step: usize| destination.wrapping_add(step * width + group);
        let mut step = 0;
        if along_stride == 1 {
            while step + LANES <= along {
                let mut rows = [_mm256_setzero_ps(); LANES];
                for (row, vector) in rows.iter_mut().enumerate().take(live) {
                    // SAFETY: the caller vouches for the elements.
                    *vector = unsafe { S::load(source.wrapping_add(row * across_stride + step)) };
                }
                for (next, column) in transpose(rows).into_iter().enumerate() {
                    // SAFETY: the caller vouches for the room.
                    unsafe { _mm256_storeu_ps(to(step + next), column) };
                }
                step += LANES;
            }
        } else if across_stride == 1 {
            // A narrow panel reads eight elements too, where the first ones of the next step follow within reach.
            let whole = match live {
                0 => 0,
                LANES => along,
                _ if along_stride + live >= LANES => along.saturating_sub(1),
                _ => 0,
            };
            let mask = _mm256_castsi256_ps(_mm256_cmpgt_epi32(
                _mm256_set1_epi32(live as i32),
                _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7),
            ));
            while step < whole {
                // SAFETY: the caller vouches for the elements, those of the next step included, and for the room.
                unsafe {
                    let lanes = S::load(source.wrapping_add(step * along_stride));
                    _mm256_storeu_ps(to(step), _mm256_and_ps(lanes, mask));
                }
                step += 1;
            }
        }
        while step < along {
            let from = source.wrapping_add(step * along_stride);
            let mut lanes = [0.0_f32; LANES];
            for (row, lane) in lanes.iter_mut().enumerate().take(live) {
                // SAFETY: the caller vouches for the elements.
                *lane = unsafe { *from.wrapping_add(row * across_stride) }.widen();
            }
            // SAFETY: the caller vouches for the room.
            unsafe { _mm256_storeu_ps(to(step), _mm256_loadu_ps(lanes.as_ptr())) };
            step += 1;
        }
    }
}
