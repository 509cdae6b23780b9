//! Micro-kernels: one tile of C, held in registers while k runs.

#[cfg(target_arch = "x86_64")]
pub(super) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx512;
#[cfg(target_arch = "aarch64")]
pub(super) mod neon;
#[cfg(not(target_arch = "aarch64"))]
pub(super) mod portable;

/// The kernels of a format by rows and share of the columns, from `tile::<ROWS, VECTORS, PART>`.
macro_rules! table {
    ($tile:ident, $vectors:literal, $half:literal, [$($rows:literal),*]) => {
        &[$([$tile::<$rows, $vectors, false>, $tile::<$rows, $vectors, true>, $tile::<$rows, $half, true>]),*]
    };
}

use table;
