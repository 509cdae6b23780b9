//! Micro-kernels: one tile of C, held in registers while k runs.

#[cfg(target_arch = "x86_64")]
pub(super) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx512;
#[cfg(target_arch = "x86_64")]
pub(super) mod fp16;
#[cfg(target_arch = "aarch64")]
pub(super) mod neon;
#[cfg(not(target_arch = "aarch64"))]
pub(super) mod portable;

/// The kernels of a format by rows and share of the columns, from `tile::<TYPE, ROWS, VECTORS, PART>`; not all have a type.
macro_rules! table {
    ([$tile:ident], $vectors:literal, $half:literal, [$($rows:literal),*]) => {
        &[$([$tile::<$rows, $vectors, false>, $tile::<$rows, $vectors, true>, $tile::<$rows, $half, true>]),*]
    };
    ([$kind:ident, $tile:ident], $vectors:literal, $half:literal, [$($rows:literal),*]) => {
        &[$([
            $tile::<$kind, $rows, $vectors, false>,
            $tile::<$kind, $rows, $vectors, true>,
            $tile::<$kind, $rows, $half, true>,
        ]),*]
    };
}

use table;
