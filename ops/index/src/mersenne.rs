//! The Mersenne Twister MT19937 (Matsumoto & Nishimura 1998), which FAISS draws from: the same seed gives the same sample here.

const SIZE: usize = 624;
const SHIFT: usize = 397;

/// A generator of 32-bit numbers.
pub(crate) struct Mersenne {
    state: [u32; SIZE],
    next: usize,
}

impl Mersenne {
    pub(crate) fn new(seed: u32) -> Self {
        let mut state = [seed; SIZE];
        for index in 1..SIZE {
            let before = state[index - 1];
            state[index] = 1_812_433_253_u32
                .wrapping_mul(before ^ (before >> 30))
                .wrapping_add(index as u32);
        }
        Self { state, next: SIZE }
    }

    pub(crate) fn number(&mut self) -> u32 {
        if self.next == SIZE {
            for index in 0..SIZE {
                let mixed = (self.state[index] & 0x8000_0000)
                    | (self.state[(index + 1) % SIZE] & 0x7fff_ffff);
                let twisted = (mixed >> 1) ^ if mixed & 1 == 1 { 0x9908_b0df } else { 0 };
                self.state[index] = self.state[(index + SHIFT) % SIZE] ^ twisted;
            }
            self.next = 0;
        }
        let mut number = self.state[self.next];
        self.next += 1;
        number ^= number >> 11;
        number ^= (number << 7) & 0x9d2c_5680;
        number ^= (number << 15) & 0xefc6_0000;
        number ^ (number >> 18)
    }

    /// A number from 0 to 1.
    pub(crate) fn uniform(&mut self) -> f32 {
        self.number() as f32 / u32::MAX as f32
    }

    /// The numbers below `count` in random order (Fisher & Yates, forwards).
    pub(crate) fn permutation(&mut self, count: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..count as u32).collect();
        for index in 0..count.saturating_sub(1) {
            let other = index + self.number() as usize % (count - index);
            order.swap(index, other);
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ten_thousandth_number_is_that_of_the_cpp_standard() {
        // ISO C++, [rand.predef]: the 10,000th number of a default-constructed mt19937, whose seed is 5489.
        let mut generator = Mersenne::new(5489);
        for _ in 0..9_999 {
            generator.number();
        }
        assert_eq!(generator.number(), 4_123_659_995);
    }
}
