//! One fast hash of short byte strings, fixed for ever: shingles and vocabularies use it.

const K0: u64 = 0xA076_1D64_78BD_642F;
const K1: u64 = 0xE703_7ED1_A0B4_28DB;

/// The two halves of the 128-bit product, folded: every input bit reaches every output bit.
#[inline]
pub(crate) fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

/// Hashes `bytes`: 16 bytes a step, each step a folded multiplication; the last step overlaps instead of padding.
#[inline]
pub(crate) fn hash_bytes(bytes: &[u8]) -> u64 {
    let len = bytes.len();
    // Multiplied, because a bare length in the low bits could be undone by a byte of the text.
    let seed = K0 ^ (len as u64).wrapping_mul(K1);
    let (a, b) = match len {
        0 => (0, 0),
        1..=3 => {
            let a = u64::from(bytes[0]) << 16
                | u64::from(bytes[len / 2]) << 8
                | u64::from(bytes[len - 1]);
            (a, 0)
        }
        4..=7 => (read_u32(bytes, 0), read_u32(bytes, len - 4)),
        8..=16 => (read_u64(bytes, 0), read_u64(bytes, len - 8)),
        _ => return hash_long(bytes, seed),
    };
    finish(seed, a, b)
}

fn hash_long(bytes: &[u8], mut seed: u64) -> u64 {
    let mut at = 0;
    while at + 16 < bytes.len() {
        seed = fold(read_u64(bytes, at) ^ K1, read_u64(bytes, at + 8) ^ seed);
        at += 16;
    }
    let end = bytes.len();
    finish(seed, read_u64(bytes, end - 16), read_u64(bytes, end - 8))
}

#[inline]
fn finish(seed: u64, a: u64, b: u64) -> u64 {
    fold(fold(a ^ K1, b ^ seed) ^ K0, seed ^ K1)
}

#[inline]
fn read_u32(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u64::from(u32::from_le_bytes(word))
}

#[inline]
fn read_u64(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn distinct_strings_of_every_length_get_distinct_hashes() {
        let mut seen = HashSet::new();
        for len in 0..70_usize {
            for position in 0..len.max(1) {
                for byte in 1..=255_u8 {
                    let mut bytes = vec![0_u8; len];
                    if let Some(b) = bytes.get_mut(position) {
                        *b = byte;
                    }
                    seen.insert((hash_bytes(&bytes), bytes));
                }
            }
        }
        let hashes: HashSet<u64> = seen.iter().map(|(h, _)| *h).collect();
        assert_eq!(hashes.len(), seen.len());
    }

    #[test]
    fn low_bits_spread_evenly() {
        let mut buckets = [0_usize; 64];
        for i in 0..64_000 {
            buckets[(hash_bytes(format!("word{i}").as_bytes()) & 63) as usize] += 1;
        }
        assert!(
            buckets.iter().all(|n| (850..1150).contains(n)),
            "{buckets:?}"
        );
    }
}
