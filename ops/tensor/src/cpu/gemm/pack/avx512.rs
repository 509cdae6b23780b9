//! Packing with AVX-512: rows that run along k are transposed in registers, 16 steps of 16 rows at a time.

use std::arch::x86_64::*;

use half::{bf16, f16};

use super::{Element, Source, of_any_type};
use crate::cpu::gemm::format::PanelShape;

/// Elements that sixteen lanes are loaded from.
trait Load: Element {
    /// The first `count` elements, then zeros; none for a count below one.
    ///
    /// # Safety
    /// The processor has AVX-512, and the elements exist.
    unsafe fn load(pointer: *const Self, count: usize) -> __m512;
}

fn mask(count: usize) -> u16 {
    if count >= 16 {
        u16::MAX
    } else {
        (1 << count) - 1
    }
}

impl Load for f32 {
    #[inline(always)]
    unsafe fn load(pointer: *const Self, count: usize) -> __m512 {
        // SAFETY: the caller vouches for the elements; masked lanes are not touched.
        unsafe { _mm512_maskz_loadu_ps(mask(count), pointer) }
    }
}

impl Load for bf16 {
    #[inline(always)]
    unsafe fn load(pointer: *const Self, count: usize) -> __m512 {
        // SAFETY: as above.
        unsafe {
            let bits = _mm256_maskz_loadu_epi16(mask(count), pointer.cast());
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(bits)))
        }
    }
}

impl Load for f16 {
    #[inline(always)]
    unsafe fn load(pointer: *const Self, count: usize) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask(count), pointer.cast())) }
    }
}

/// What a panel holds of an element's step.
trait Unit {
    /// Elements of k in a step.
    const STEP: usize;
    /// Bytes of one element's step.
    const BYTES: usize;

    /// Sixteen steps of one row, of which `count` elements of k exist.
    ///
    /// # Safety
    /// As [`Load::load`], with the instructions of the unit.
    unsafe fn along<S: Load>(pointer: *const S, count: usize) -> __m512i;

    /// One step of sixteen rows side by side, of which `count` exist; `stride` leads to the next element of k, `depth` of which exist.
    ///
    /// # Safety
    /// As [`Load::load`], with the instructions of the unit.
    unsafe fn across<S: Load>(
        pointer: *const S,
        count: usize,
        stride: usize,
        depth: usize,
    ) -> __m512i;

    /// # Safety
    /// Sixteen units have room.
    unsafe fn store(pointer: *mut u8, unit: __m512i);
}

struct F32;
struct F16;
/// Two elements of k, as dot products take them.
struct PairOfBf16;

impl Unit for F32 {
    const STEP: usize = 1;
    const BYTES: usize = 4;

    #[inline(always)]
    unsafe fn along<S: Load>(pointer: *const S, count: usize) -> __m512i {
        // SAFETY: the caller vouches for the elements.
        unsafe { _mm512_castps_si512(S::load(pointer, count)) }
    }

    #[inline(always)]
    unsafe fn across<S: Load>(pointer: *const S, count: usize, _: usize, _: usize) -> __m512i {
        // SAFETY: the caller vouches for the elements.
        unsafe { _mm512_castps_si512(S::load(pointer, count)) }
    }

    #[inline(always)]
    unsafe fn store(pointer: *mut u8, unit: __m512i) {
        // SAFETY: the caller vouches for the room.
        unsafe { _mm512_storeu_si512(pointer.cast(), unit) };
    }
}

impl Unit for F16 {
    const STEP: usize = 1;
    const BYTES: usize = 2;

    #[inline(always)]
    unsafe fn along<S: Load>(pointer: *const S, count: usize) -> __m512i {
        // SAFETY: the caller vouches for the elements.
        unsafe { F32::along(pointer, count) }
    }

    #[inline(always)]
    unsafe fn across<S: Load>(
        pointer: *const S,
        count: usize,
        stride: usize,
        depth: usize,
    ) -> __m512i {
        // SAFETY: the caller vouches for the elements.
        unsafe { F32::across(pointer, count, stride, depth) }
    }

    #[inline(always)]
    unsafe fn store(pointer: *mut u8, unit: __m512i) {
        // SAFETY: the caller vouches for the room.
        unsafe {
            let halves = _mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(_mm512_castsi512_ps(unit));
            _mm256_storeu_si256(pointer.cast(), halves);
        }
    }
}

impl Unit for PairOfBf16 {
    const STEP: usize = 2;
    const BYTES: usize = 4;

    #[inline(always)]
    unsafe fn along<S: Load>(pointer: *const S, count: usize) -> __m512i {
        // SAFETY: the caller vouches for the elements; types of the same size, for which all bits are valid.
        unsafe {
            let low = S::load(pointer, count);
            let high = S::load(pointer.wrapping_add(16), count.saturating_sub(16));
            std::mem::transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(high, low))
        }
    }

    #[inline(always)]
    unsafe fn across<S: Load>(
        pointer: *const S,
        count: usize,
        stride: usize,
        depth: usize,
    ) -> __m512i {
        // SAFETY: the caller vouches for the elements; types of the same size, for which all bits are valid.
        unsafe {
            let first = S::load(pointer, count);
            let second = if depth > 1 {
                S::load(pointer.wrapping_add(stride), count)
            } else {
                _mm512_setzero_ps()
            };
            let narrow = |x| {
                _mm512_cvtepu16_epi32(std::mem::transmute::<__m256bh, __m256i>(
                    _mm512_cvtneps_pbh(x),
                ))
            };
            _mm512_or_si512(narrow(first), _mm512_slli_epi32::<16>(narrow(second)))
        }
    }

    #[inline(always)]
    unsafe fn store(pointer: *mut u8, unit: __m512i) {
        // SAFETY: the caller vouches for the room.
        unsafe { F32::store(pointer, unit) };
    }
}

/// Makes columns of rows.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
fn transpose(rows: [__m512i; 16]) -> [__m512i; 16] {
    let zero = _mm512_setzero_si512();
    // Columns of four rows, four of them in each vector.
    let mut fours = [zero; 16];
    for group in 0..4 {
        let [first, second, third, fourth] = [
            rows[4 * group],
            rows[4 * group + 1],
            rows[4 * group + 2],
            rows[4 * group + 3],
        ];
        let (low_a, high_a) = (
            _mm512_unpacklo_epi32(first, second),
            _mm512_unpackhi_epi32(first, second),
        );
        let (low_b, high_b) = (
            _mm512_unpacklo_epi32(third, fourth),
            _mm512_unpackhi_epi32(third, fourth),
        );
        fours[4 * group] = _mm512_unpacklo_epi64(low_a, low_b);
        fours[4 * group + 1] = _mm512_unpackhi_epi64(low_a, low_b);
        fours[4 * group + 2] = _mm512_unpacklo_epi64(high_a, high_b);
        fours[4 * group + 3] = _mm512_unpackhi_epi64(high_a, high_b);
    }
    let mut columns = [zero; 16];
    for column in 0..4 {
        let [a, b, c, d] = [
            fours[column],
            fours[4 + column],
            fours[8 + column],
            fours[12 + column],
        ];
        let (low_ab, high_ab) = (
            _mm512_shuffle_i32x4::<0x44>(a, b),
            _mm512_shuffle_i32x4::<0xee>(a, b),
        );
        let (low_cd, high_cd) = (
            _mm512_shuffle_i32x4::<0x44>(c, d),
            _mm512_shuffle_i32x4::<0xee>(c, d),
        );
        columns[column] = _mm512_shuffle_i32x4::<0x88>(low_ab, low_cd);
        columns[4 + column] = _mm512_shuffle_i32x4::<0xdd>(low_ab, low_cd);
        columns[8 + column] = _mm512_shuffle_i32x4::<0x88>(high_ab, high_cd);
        columns[12 + column] = _mm512_shuffle_i32x4::<0xdd>(high_ab, high_cd);
    }
    columns
}

/// Every store is of sixteen units, so a panel whose width is no multiple of that is written in ascending order and runs up to
/// fifteen units over.
macro_rules! packer {
    ($name:ident, $inner:ident, $unit:ty, $features:literal) => {
        /// # Safety
        /// As [`Pack`](crate::cpu::gemm::format::Pack), and the processor has the instructions.
        pub(in crate::cpu::gemm) unsafe fn $name(source: Source, shape: PanelShape, destination: *mut u8) {
            // SAFETY: the caller vouches for the elements, for the room and for the processor.
            unsafe { of_any_type!(source, from => $inner(from, shape, destination)) };
        }

        /// # Safety
        /// As above.
        #[target_feature(enable = $features)]
        unsafe fn $inner<S: Load>(source: *const S, shape: PanelShape, destination: *mut u8) {
            let PanelShape { across, across_stride, width, along, along_stride } = shape;
            let steps = along.div_ceil(<$unit>::STEP);
            let at = |step: usize, element: usize| destination.wrapping_add((step * width + element) * <$unit>::BYTES);
            debug_assert!(width <= 16 || width % 16 == 0, "stores would overrun the next step");
            for group in (0..width).step_by(16) {
                let live = across.saturating_sub(group).min(16);
                let source = source.wrapping_add(group * across_stride);
                if along_stride == 1 && (across_stride != 1 || along > 1) {
                    for begin in (0..steps).step_by(16) {
                        let k = begin * <$unit>::STEP;
                        let mut rows = [_mm512_setzero_si512(); 16];
                        for (row, vector) in rows.iter_mut().enumerate() {
                            if row < live {
                                // SAFETY: the caller vouches for the elements.
                                *vector = unsafe { <$unit>::along(source.wrapping_add(row * across_stride + k), along - k) };
                            }
                        }
                        let columns = transpose(rows);
                        for (step, column) in columns.into_iter().enumerate().take(steps - begin) {
                            // SAFETY: the caller vouches for the room.
                            unsafe { <$unit>::store(at(begin + step, group), column) };
                        }
                    }
                } else if across_stride == 1 {
                    for step in 0..steps {
                        let k = step * <$unit>::STEP;
                        // SAFETY: the caller vouches for the elements and for the room.
                        unsafe {
                            let unit = <$unit>::across(source.wrapping_add(k * along_stride), live, along_stride, along - k);
                            <$unit>::store(at(step, group), unit);
                        }
                    }
                } else {
                    let mut lanes = [0.0_f32; 32];
                    for step in 0..steps {
                        let k = step * <$unit>::STEP;
                        for depth in 0..<$unit>::STEP.min(along - k) {
                            for row in 0..live {
                                let offset = row * across_stride + (k + depth) * along_stride;
                                // SAFETY: the caller vouches for the elements.
                                lanes[16 * depth + row] = unsafe { *source.wrapping_add(offset) }.widen();
                            }
                        }
                        // SAFETY: the caller vouches for the room; the lanes are there.
                        unsafe { <$unit>::store(at(step, group), <$unit>::across(lanes.as_ptr(), live, 16, along - k)) };
                    }
                }
            }
        }
    };
}

packer!(
    f32_panel,
    f32_inner,
    F32,
    "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"
);
packer!(
    f16_panel,
    f16_inner,
    F16,
    "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"
);
packer!(
    bf16_pair_panel,
    bf16_pair_inner,
    PairOfBf16,
    "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,f16c"
);
