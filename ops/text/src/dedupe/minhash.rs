//! MinHash signatures (Broder 1997): the share of places where two agree estimates the Jaccard similarity.

use crate::Rng;

/// Places that are filled together: their minima and coefficients fit the vector registers.
const LANES: usize = 32;

/// Hash functions `x -> a x + b` modulo 2^32 with odd `a`, on shingles that are hashed already.
pub(super) struct MinHash {
    multipliers: Vec<[u32; LANES]>,
    offsets: Vec<[u32; LANES]>,
    permutations: usize,
    wide: bool,
}

impl MinHash {
    pub(super) fn new(permutations: usize, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let blocks = permutations.div_ceil(LANES);
        let mut draw = |odd: u32| -> Vec<[u32; LANES]> {
            (0..blocks)
                .map(|_| std::array::from_fn(|_| (rng.next_u64() >> 32) as u32 | odd))
                .collect()
        };
        Self {
            multipliers: draw(1),
            offsets: draw(0),
            permutations,
            #[cfg(target_arch = "x86_64")]
            wide: std::arch::is_x86_feature_detected!("avx2"),
            #[cfg(not(target_arch = "x86_64"))]
            wide: false,
        }
    }

    /// The signature of a set of shingles, `[permutations]`; all ones for the empty set.
    pub(super) fn sign(&self, shingles: &[u64], signature: &mut Vec<u32>) {
        signature.clear();
        for (a, b) in self.multipliers.iter().zip(&self.offsets) {
            #[cfg(target_arch = "x86_64")]
            if self.wide {
                // SAFETY: `wide` says that this processor has AVX2.
                signature.extend(unsafe { minima_avx2(shingles, a, b) });
                continue;
            }
            signature.extend(minima(shingles, a, b));
        }
        signature.truncate(self.permutations);
    }
}

#[inline(always)]
fn minima(shingles: &[u64], a: &[u32; LANES], b: &[u32; LANES]) -> [u32; LANES] {
    let mut least = [u32::MAX; LANES];
    for &shingle in shingles {
        let x = (shingle >> 32) as u32;
        for ((least, a), b) in least.iter_mut().zip(a).zip(b) {
            *least = (*least).min(a.wrapping_mul(x).wrapping_add(*b));
        }
    }
    least
}

/// The same, compiled for eight lanes an instruction; the baseline has four and neither product nor minimum.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn minima_avx2(shingles: &[u64], a: &[u32; LANES], b: &[u32; LANES]) -> [u32; LANES] {
    minima(shingles, a, b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::hash_bytes;

    #[test]
    fn the_share_of_equal_places_estimates_the_jaccard_similarity() {
        let minhash = MinHash::new(100, 1);
        let (mut sum, rounds) = (0.0, 300);
        for round in 0..rounds {
            let set = |from: u32, to: u32| -> Vec<u64> {
                (from..to)
                    .map(|i| hash_bytes(format!("{round} {i}").as_bytes()))
                    .collect()
            };
            let (mut left, mut right) = (Vec::new(), Vec::new());
            minhash.sign(&set(0, 90), &mut left);
            minhash.sign(&set(30, 120), &mut right);
            assert_eq!(left.len(), 100);
            sum += left.iter().zip(&right).filter(|(l, r)| l == r).count() as f64 / 100.0;
        }
        let mean = sum / f64::from(rounds);
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
    }

    #[test]
    fn wide_registers_give_the_same_signature() {
        let mut minhash = MinHash::new(70, 2);
        let shingles: Vec<u64> = (0..50_u64).map(|i| hash_bytes(&i.to_le_bytes())).collect();
        let (mut wide, mut narrow) = (Vec::new(), Vec::new());
        minhash.sign(&shingles, &mut wide);
        minhash.wide = false;
        minhash.sign(&shingles, &mut narrow);
        assert_eq!(wide, narrow);
    }
}
