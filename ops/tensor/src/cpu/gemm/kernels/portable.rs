//! Kernels in plain Rust, for processors without the instructions of the others.

use half::{bf16, f16};

use super::table;
use crate::cpu::gemm::format::{Format, Out, Precision};
use crate::cpu::gemm::pack::{self, Element};

/// `f32`: 4 rows of two vectors of four, as the compiler will have it.
pub(in crate::cpu::gemm) static F32: Format = Format {
    precision: Precision::F32,
    rows: 4,
    columns: 8,
    step: 1,
    bytes_a: 4,
    bytes_b: 4,
    steps: 256,
    tiles: table!([f32, f32_tile], 2, 1, [1, 2, 3, 4]),
    pack_a: pack::f32_panel,
    pack_b: pack::f32_panel,
};

/// `bf16`: half the memory.
pub(in crate::cpu::gemm) static BF16: Format = Format {
    precision: Precision::Bf16,
    bytes_b: 2,
    tiles: table!([bf16, f32_tile], 2, 1, [1, 2, 3, 4]),
    pack_b: pack::bf16_panel,
    ..F32
};

/// `f16`: half the memory.
pub(in crate::cpu::gemm) static F16: Format = Format {
    precision: Precision::F16,
    bytes_b: 2,
    tiles: table!([f16, f32_tile], 2, 1, [1, 2, 3, 4]),
    pack_b: pack::f16_panel,
    ..F32
};

/// Vectors of a panel of B.
const VECTORS_OF_B: usize = 2;

/// # Safety
/// As [`Tile`](crate::cpu::gemm::format::Tile).
unsafe fn f32_tile<B: Element, const ROWS: usize, const VECTORS: usize, const PART: bool>(
    steps: usize,
    a: *const u8,
    b: *const u8,
    out: &Out,
) {
    let a = a.cast::<f32>();
    let b = b.cast::<[B; 4]>();
    let mut sums = [[[0.0_f32; 4]; VECTORS]; ROWS];
    for step in 0..steps {
        for (row, sums) in sums.iter_mut().enumerate() {
            // SAFETY: the caller vouches for the panels.
            let left = unsafe { *a.add(step * ROWS + row) };
            for (vector, sums) in sums.iter_mut().enumerate() {
                // SAFETY: as above.
                let right = unsafe { *b.add(step * VECTORS_OF_B + vector) };
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum += left * right.widen();
                }
            }
        }
    }
    for (row, sums) in sums.iter().enumerate() {
        let columns = if PART { out.columns } else { 4 * VECTORS };
        for (column, sum) in sums.as_flattened().iter().take(columns).enumerate() {
            // SAFETY: the caller vouches for the tile.
            unsafe {
                let c = out.c.add(row * out.row_stride + column);
                *c = out.alpha * sum + if out.accumulate { *c } else { 0.0 };
            }
        }
    }
}
