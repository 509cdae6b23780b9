//! The seeded random numbers behind every shuffle, tie-break and bootstrap draw.

/// SplitMix64 (Steele, Lea and Flood 2014) read as a counter-based generator: draw `i` of a stream is
/// `mix(key + (i + 1) * 0x9E3779B97F4A7C15)`, where `key` mixes the seed with the stream's number and `mix` is that
/// paper's finaliser (Stafford's variant 13). So the same seed gives the same draws on every machine and thread count.
#[derive(Clone, Debug)]
pub struct Rng {
    state: u64,
}

const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

pub(crate) const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Rng {
    /// The first stream of `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Stream `stream` of `seed`, independent of the others: one per bootstrap replicate, for example.
    pub fn stream(seed: u64, stream: u64) -> Self {
        Self {
            state: mix(seed.wrapping_add(mix(stream.wrapping_add(GAMMA)))),
        }
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GAMMA);
        mix(self.state)
    }

    /// A uniform number in `0..bound`, without bias (Lemire 2019); 0 when `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = bound as u64;
        let mut product = u128::from(self.next_u64()) * u128::from(bound);
        if (product as u64) < bound {
            let threshold = bound.wrapping_neg() % bound;
            while (product as u64) < threshold {
                product = u128::from(self.next_u64()) * u128::from(bound);
            }
        }
        (product >> 64) as usize
    }

    /// Shuffles in place (Fisher-Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }

    /// The rows `0..len` in random order.
    pub fn permutation(&mut self, len: usize) -> Vec<usize> {
        let mut rows: Vec<usize> = (0..len).collect();
        self.shuffle(&mut rows);
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_draws_are_those_of_the_reference_implementation() {
        let mut rng = Rng::new(1_234_567);
        let draws: Vec<u64> = (0..5).map(|_| rng.next_u64()).collect();
        assert_eq!(
            draws,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423,
                4_593_380_528_125_082_431,
                16_408_922_859_458_223_821,
            ]
        );
    }

    #[test]
    fn draws_below_a_bound_cover_it_evenly() {
        let mut rng = Rng::stream(7, 3);
        let mut seen = [0_usize; 6];
        for _ in 0..60_000 {
            seen[rng.below(6)] += 1;
        }
        assert!(
            seen.iter().all(|&n| (9_600..10_400).contains(&n)),
            "{seen:?}"
        );
        assert_eq!(rng.below(0), 0);
    }

    #[test]
    fn a_permutation_holds_every_row_once() {
        let mut rows = Rng::new(1).permutation(100);
        assert_ne!(rows, (0..100).collect::<Vec<_>>());
        rows.sort_unstable();
        assert_eq!(rows, (0..100).collect::<Vec<_>>());
    }
}
