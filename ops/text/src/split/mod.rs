//! Rows to parts: random, stratified, iteratively stratified, grouped.
//!
//! Every function takes the fractions of the parts, which sum to 1, and returns the ascending rows of each part. The
//! parts are disjoint and cover all rows; with more parts than rows some stay empty.
//!
//! | file | what it holds |
//! |---|---|
//! | `stratified` | each label set divided for itself |
//! | `iterative` | iterative stratification for multi-label data |
//! | `group` | groups that never straddle parts |

mod group;
mod iterative;
mod stratified;

pub use group::by_group;
pub use iterative::iterative;
pub use stratified::stratified;

use crate::{Error, Result, Rng};

/// Shuffles the rows `0..rows` and cuts them.
///
/// # Errors
/// [`Error::Parameter`] for the fractions.
pub fn random(rows: usize, fractions: &[f64], seed: u64) -> Result<Vec<Vec<usize>>> {
    let sizes = sizes(rows, fractions)?;
    let order = Rng::new(seed).permutation(rows);
    let mut rest = order.as_slice();
    let cut = |size: usize| {
        let (part, others) = rest.split_at(size.min(rest.len()));
        rest = others;
        let mut part = part.to_vec();
        part.sort_unstable();
        part
    };
    Ok(sizes.into_iter().map(cut).collect())
}

/// The number of rows of each part: the whole of `rows * fraction`, and one more for those with the largest
/// remainders until all rows are given out; of equal remainders the earlier part comes first.
///
/// # Errors
/// [`Error::Parameter`] unless every fraction is at least 0 and all sum to 1.
pub fn sizes(rows: usize, fractions: &[f64]) -> Result<Vec<usize>> {
    let fractions = normalised(fractions)?;
    let shares: Vec<f64> = fractions
        .iter()
        .map(|fraction| fraction * rows as f64)
        .collect();
    let mut sizes: Vec<usize> = shares.iter().map(|&share| whole(share) as usize).collect();
    let mut by_remainder: Vec<usize> = (0..fractions.len()).collect();
    let remainder = |part: usize| shares[part] - whole(shares[part]);
    by_remainder.sort_by(|&a, &b| remainder(b).total_cmp(&remainder(a)));
    let left = rows.saturating_sub(sizes.iter().sum());
    by_remainder
        .iter()
        .cycle()
        .take(left)
        .for_each(|&part| sizes[part] += 1);
    Ok(sizes)
}

/// The whole part of a share, where `0.7 * 10` is 7 in spite of rounding.
fn whole(share: f64) -> f64 {
    (share + 1e-9).floor()
}

/// The fractions with a sum of 1 to the last bit.
fn normalised(fractions: &[f64]) -> Result<Vec<f64>> {
    let sum: f64 = fractions.iter().sum();
    // Written so that a NaN fails.
    if fractions.iter().all(|&fraction| fraction >= 0.0) && (sum - 1.0).abs() < 1e-6 {
        return Ok(fractions.iter().map(|fraction| fraction / sum).collect());
    }
    Err(Error::parameter(
        "fractions",
        format!("{fractions:?}"),
        "0 or more each, and sum to 1",
    ))
}

/// The place of the greatest of `values`; among those equal up to rounding the one that `prefer` ranks highest, and
/// among those a random one.
fn argmax(values: &[f64], prefer: &[f64], rng: &mut Rng) -> usize {
    let greatest = |among: &[usize], of: &[f64]| {
        let top = among
            .iter()
            .map(|&i| of[i])
            .fold(f64::NEG_INFINITY, f64::max);
        among
            .iter()
            .copied()
            .filter(|&i| of[i] >= top - 1e-9)
            .collect::<Vec<usize>>()
    };
    let all: Vec<usize> = (0..values.len()).collect();
    let best = greatest(&greatest(&all, values), prefer);
    best[rng.below(best.len())]
}

/// Turns the part of each row into the rows of each part.
fn rows_of_parts(part_of: &[usize], parts: usize) -> Vec<Vec<usize>> {
    let mut rows = vec![Vec::new(); parts];
    for (row, &part) in part_of.iter().enumerate() {
        rows[part].push(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_round_by_largest_remainder_and_sum_to_the_rows() {
        assert_eq!(sizes(10, &[0.7, 0.15, 0.15]).unwrap(), [7, 2, 1]);
        assert_eq!(sizes(1656, &[0.5, 0.25, 0.25]).unwrap(), [828, 414, 414]);
        assert_eq!(sizes(1, &[0.25; 4]).unwrap(), [1, 0, 0, 0]);
        assert_eq!(sizes(0, &[1.0]).unwrap(), [0]);
    }

    #[test]
    fn fractions_that_do_not_sum_to_one_are_refused() {
        for fractions in [&[][..], &[0.5], &[0.9, 0.2], &[1.5, -0.5], &[f64::NAN, 1.0]] {
            assert!(sizes(10, fractions).is_err(), "{fractions:?}");
        }
    }
}
