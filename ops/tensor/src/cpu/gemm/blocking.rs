//! How large the blocks are, from the sizes of the caches.

use std::sync::OnceLock;

/// Bytes of the data caches of one core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Caches {
    pub(super) l1: usize,
    pub(super) l2: usize,
}

/// The most that a packed block of B takes where it is packed within the call.
pub(super) const MOST_PACKED: usize = 8 << 20;

impl Caches {
    pub(super) fn get() -> Self {
        static CACHES: OnceLock<Caches> = OnceLock::new();
        *CACHES.get_or_init(|| {
            let found = found();
            let sane = |size: usize, least: usize, most: usize| size.clamp(least, most);
            Self {
                l1: sane(found.l1, 16 << 10, 256 << 10),
                l2: sane(found.l2, 128 << 10, 4 << 20),
            }
        })
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn found() -> Caches {
    // The least of the arm64 cores of the last years; Apple's have far more.
    Caches {
        l1: 64 << 10,
        l2: 512 << 10,
    }
}

#[cfg(target_arch = "x86_64")]
fn found() -> Caches {
    use std::arch::x86_64::{__cpuid, __cpuid_count};
    let mut caches = Caches {
        l1: 32 << 10,
        l2: 256 << 10,
    };
    // AMD's leaf has the layout of Intel's.
    let amd = is_amd();
    if amd && __cpuid(0x8000_0000).eax < 0x8000_001d || !amd && __cpuid(0).eax < 4 {
        return caches;
    }
    let leaf = if amd { 0x8000_001d } else { 4 };
    for index in 0..8 {
        let cache = __cpuid_count(leaf, index);
        let (kind, level) = (cache.eax & 31, (cache.eax >> 5) & 7);
        if kind == 0 {
            break;
        }
        let field = |low: u32, bits: u32| ((cache.ebx >> low) & ((1 << bits) - 1)) as usize + 1;
        let size = field(22, 10) * field(12, 10) * field(0, 12) * (cache.ecx as usize + 1);
        match (level, kind) {
            (1, 1) => caches.l1 = size,
            (2, 1 | 3) => caches.l2 = size,
            _ => {}
        }
    }
    caches
}

/// Whether the processor is one of AMD's.
pub(super) fn is_amd() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        let vendor = std::arch::x86_64::__cpuid(0);
        [vendor.ebx, vendor.edx, vendor.ecx]
            == [*b"Auth", *b"enti", *b"cAMD"].map(u32::from_le_bytes)
    }
    #[cfg(not(target_arch = "x86_64"))]
    false
}
