//! [`RandomKey`]: random numbers by counter, the same on every device.
//!
//! A key names a stream of random words; word `i` is a function of the key and `i` alone (Philox4x32-10: Salmon et al. 2011,
//! "Parallel random numbers: as easy as 1, 2, 3"). So masks need not be stored, threads need no state, and shaders draw the
//! same words by `random_block` of `shaders/prelude.wgsl`.

/// The state of a random generator, and the name of what it draws next: two numbers, which is all that a checkpoint holds.
///
/// ```
/// let mut keys = tensor::RandomKey::new(42);
/// let (first, second) = (keys.next(), keys.next());
/// assert_ne!(first, second);
/// assert_eq!(keys, tensor::RandomKey { seed: 42, counter: 2 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RandomKey {
    /// Chosen by the user.
    pub seed: u64,
    /// How many keys were drawn before.
    pub counter: u64,
}

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: u32 = 10;
const LOWER: u64 = 0xffff_ffff;

/// Blocks that are computed side by side.
pub(crate) const LANES: usize = 16;
/// Random words that are computed at once.
pub(crate) const WORDS: usize = 4 * LANES;

impl RandomKey {
    /// The first key of a seed.
    pub fn new(seed: u64) -> Self {
        Self { seed, counter: 0 }
    }

    /// This key, and moves on to the following one.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator over keys would never end"
    )]
    pub fn next(&mut self) -> Self {
        let key = *self;
        self.counter = self.counter.wrapping_add(1);
        key
    }

    /// The first key of a stream of its own for part `data` of some work: a layer, an epoch, a thread.
    #[must_use]
    pub fn fold(self, data: u64) -> Self {
        let [a, b] = halves(data);
        let [c, d] = halves(self.counter);
        let [seed_low, seed_high] = halves(self.seed);
        // Keys for words and keys for keys must not meet.
        let [low, high, ..] = philox([a, b, c, d], [!seed_low, !seed_high]);
        Self::new(u64::from(low) | u64::from(high) << 32)
    }

    /// Random words `4 * block` to `4 * block + 3`.
    pub fn block(self, block: u64) -> [u32; 4] {
        let [low, high] = halves(block);
        let [c, d] = halves(self.counter);
        philox([low, high, c, d], halves(self.seed))
    }

    /// Random word `index`.
    pub fn word(self, index: u64) -> u32 {
        self.block(index / 4)[(index % 4) as usize]
    }

    /// Random words from `4 * block` on, for `block` a multiple of [`LANES`]. For a kernel's body.
    #[inline(always)]
    pub(crate) fn words(self, block: u64) -> [u32; WORDS] {
        let [low, high] = halves(block);
        let [c, d] = halves(self.counter).map(u64::from);
        let mut key = halves(self.seed);
        // Words in the lower halves of lanes of 64 bits, where the vector multiplication of processors wants them; what gets
        // into the upper halves is never looked at.
        let [mut x, mut y] = [[0_u64; LANES], [u64::from(high); LANES]];
        let [mut z, mut w] = [[c; LANES], [d; LANES]];
        for (lane, block) in x.iter_mut().enumerate() {
            *block = u64::from(low.wrapping_add(lane as u32));
        }
        for _ in 0..ROUNDS {
            let [first, second] = key.map(u64::from);
            for lane in 0..LANES {
                let left = (x[lane] & LOWER) * u64::from(MULTIPLIERS[0]);
                let right = (z[lane] & LOWER) * u64::from(MULTIPLIERS[1]);
                x[lane] = (right >> 32) ^ y[lane] ^ first;
                y[lane] = right;
                z[lane] = (left >> 32) ^ w[lane] ^ second;
                w[lane] = left;
            }
            key = bump(key);
        }
        let mut words = [0; WORDS];
        for lane in 0..LANES {
            words[4 * lane] = x[lane] as u32;
            words[4 * lane + 1] = y[lane] as u32;
            words[4 * lane + 2] = z[lane] as u32;
            words[4 * lane + 3] = w[lane] as u32;
        }
        words
    }

    /// As shaders take it: four parameters.
    pub(crate) fn params(self) -> [u32; 4] {
        let ([a, b], [c, d]) = (halves(self.seed), halves(self.counter));
        [a, b, c, d]
    }
}

/// The number below 1 that the upper 24 bits of a random word stand for.
#[inline(always)]
pub(crate) fn unit(word: u32) -> f32 {
    (word >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// Words below this have probability `p`; `None` if that is every word.
pub(crate) fn threshold(p: f32) -> Option<u32> {
    u32::try_from((f64::from(p) * 4_294_967_296.0).round() as u64).ok()
}

#[inline(always)]
fn halves(x: u64) -> [u32; 2] {
    [x as u32, (x >> 32) as u32]
}

#[inline(always)]
fn bump([a, b]: [u32; 2]) -> [u32; 2] {
    [a.wrapping_add(WEYL[0]), b.wrapping_add(WEYL[1])]
}

#[inline(always)]
fn round([a, b, c, d]: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let [low_0, high_0] = halves(u64::from(MULTIPLIERS[0]) * u64::from(a));
    let [low_1, high_1] = halves(u64::from(MULTIPLIERS[1]) * u64::from(c));
    [high_1 ^ b ^ key[0], low_1, high_0 ^ d ^ key[1], low_0]
}

fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..ROUNDS {
        counter = round(counter, key);
        key = bump(key);
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_equal_the_known_answers_of_the_authors() {
        // From the file of known answers that comes with the paper's implementation.
        let answers: [([u32; 4], [u32; 2], [u32; 4]); 3] = [
            (
                [0; 4],
                [0; 2],
                [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8],
            ),
            (
                [u32::MAX; 4],
                [u32::MAX; 2],
                [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd],
            ),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ];
        for (counter, key, expected) in answers {
            assert_eq!(philox(counter, key), expected);
            let whole = |[low, high]: [u32; 2]| u64::from(low) | u64::from(high) << 32;
            let random = RandomKey {
                seed: whole(key),
                counter: whole([counter[2], counter[3]]),
            };
            assert_eq!(random.block(whole([counter[0], counter[1]])), expected);
        }
    }

    #[test]
    fn many_words_at_once_are_the_words_one_by_one() {
        let key = RandomKey {
            seed: 0x0123_4567_89ab_cdef,
            counter: 1 << 40,
        };
        for block in [0, 16, 1 << 33] {
            let words = key.words(block);
            for (place, word) in (0..).zip(words) {
                assert_eq!(word, key.word(4 * block + place));
            }
        }
    }

    #[test]
    fn keys_that_are_drawn_or_folded_differ_and_repeat() {
        let mut keys = RandomKey::new(7);
        let drawn: Vec<RandomKey> = (0..3).map(|_| keys.next()).collect();
        assert_eq!(keys.counter, 3);
        assert_ne!(drawn[0].word(0), drawn[1].word(0));
        assert_ne!(drawn[1].fold(0), drawn[1].fold(1));
        assert_ne!(drawn[0].fold(1), drawn[1].fold(1));
        assert_eq!(
            drawn[2].fold(5),
            RandomKey {
                seed: 7,
                counter: 2
            }
            .fold(5)
        );
    }

    #[test]
    fn a_threshold_is_a_share_of_all_words() {
        assert_eq!(threshold(0.0), Some(0));
        assert_eq!(threshold(0.25), Some(1 << 30));
        assert_eq!(threshold(1.0), None);
    }
}
