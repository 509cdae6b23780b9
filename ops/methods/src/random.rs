//! Draws by counter: each is a function of a key and a number alone, so nothing has to be remembered to go on.

use tensor::RandomKey;

/// A number from 0 to less than 1, of 53 bits.
pub(crate) fn unit(key: RandomKey, index: u64) -> f64 {
    let [high, low, ..] = key.block(index);
    let bits = (u64::from(high) << 21) | u64::from(low >> 11);
    bits as f64 * (1.0 / (1_u64 << 53) as f64)
}

/// A number below `count`, which must not be 0.
pub(crate) fn below(key: RandomKey, index: u64, count: usize) -> usize {
    ((unit(key, index) * count as f64) as usize).min(count - 1)
}

/// The numbers below `count` in random order.
pub(crate) fn permutation(key: RandomKey, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_cached_key(|&place| {
        let [high, low, ..] = key.block(place as u64);
        ((u64::from(high) << 32) | u64::from(low), place)
    });
    order
}

/// `count` different numbers drawn one after the other with probabilities in proportion to `weights`, of those above 0; all of
/// them if there are no more. By exponential keys: the `count` smallest of `-ln(u) / weight` (Efraimidis & Spirakis 2006).
pub(crate) fn weighted_sample(key: RandomKey, weights: &[f64], count: usize) -> Vec<usize> {
    let mut keyed: Vec<(f64, usize)> = (weights.iter().enumerate())
        .filter(|(_, weight)| **weight > 0.0)
        .map(|(place, weight)| (-(1.0 - unit(key, place as u64)).ln() / weight, place))
        .collect();
    keyed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    keyed.truncate(count);
    keyed.into_iter().map(|(_, place)| place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weighted_sample_draws_in_proportion_and_never_twice() {
        let weights = [1.0, 3.0, 0.0, 6.0];
        let mut first = [0_u32; 4];
        for draw in 0..20_000 {
            let sample = weighted_sample(RandomKey::new(draw), &weights, 4);
            assert_eq!(sample.len(), 3, "a weight of 0 is never drawn");
            let mut sorted = sample.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 3]);
            first[sample[0]] += 1;
        }
        for (count, share) in first.iter().zip([0.1, 0.3, 0.0, 0.6]) {
            assert!(
                (f64::from(*count) / 20_000.0 - share).abs() < 0.01,
                "{first:?}"
            );
        }
    }

    #[test]
    fn permutations_hold_every_number_once_and_differ_by_key() {
        let key = RandomKey::new(5);
        let mut order = permutation(key.fold(0), 100);
        assert_ne!(order, permutation(key.fold(1), 100));
        assert_eq!(order, permutation(key.fold(0), 100));
        order.sort_unstable();
        assert_eq!(order, (0..100).collect::<Vec<_>>());
    }
}
