//! Each label set divided for itself.

use super::{normalised, rows_of_parts, whole};
use crate::{LabelSets, Result, Rng};
use std::collections::BTreeMap;

/// Divides the rows of every label set (with one label a row: of every class) by the fractions.
///
/// Each stratum gives every part the whole of its share. The rows that are left of it, fewer than there are parts, go
/// one each to the parts that are furthest below their share of all strata so far, the largest strata first. So a
/// part's share of a stratum is off by less than one row, and rare label sets do not all land in the same part.
///
/// # Errors
/// [`crate::Error::Parameter`] for the fractions.
pub fn stratified(labels: &LabelSets, fractions: &[f64], seed: u64) -> Result<Vec<Vec<usize>>> {
    let fractions = normalised(fractions)?;
    let mut strata: BTreeMap<&[u32], Vec<usize>> = BTreeMap::new();
    for (row, carried) in labels.iter().enumerate() {
        strata.entry(carried).or_default().push(row);
    }
    let mut rng = Rng::new(seed);
    let mut strata: Vec<Vec<usize>> = strata.into_values().collect();
    rng.shuffle(&mut strata);
    strata.sort_by_key(|rows| std::cmp::Reverse(rows.len()));

    let mut part_of = vec![0; labels.rows()];
    // How many rows each part still misses of its share of the strata so far.
    let mut missing = vec![0.0; fractions.len()];
    for mut rows in strata {
        rng.shuffle(&mut rows);
        let shares = fractions
            .iter()
            .map(|fraction| fraction * rows.len() as f64);
        missing
            .iter_mut()
            .zip(shares.clone())
            .for_each(|(missing, share)| *missing += share);
        let mut sizes: Vec<usize> = shares.clone().map(|share| whole(share) as usize).collect();
        let left = rows.len().saturating_sub(sizes.iter().sum());
        let after = |part: usize| missing[part] - sizes[part] as f64;
        // A part whose share is whole already has it all.
        let mut takers: Vec<usize> = shares
            .enumerate()
            .filter(|(_, share)| share - whole(*share) > 1e-9)
            .map(|(part, _)| part)
            .collect();
        takers.sort_by(|&a, &b| after(b).total_cmp(&after(a)));
        takers
            .iter()
            .cycle()
            .take(left)
            .for_each(|&part| sizes[part] += 1);
        let parts = sizes
            .iter()
            .enumerate()
            .flat_map(|(part, &size)| std::iter::repeat_n(part, size));
        rows.iter()
            .zip(parts)
            .for_each(|(&row, part)| part_of[row] = part);
        missing
            .iter_mut()
            .zip(sizes)
            .for_each(|(missing, size)| *missing -= size as f64);
    }
    Ok(rows_of_parts(&part_of, fractions.len()))
}
