//! Groups that never straddle parts.

use super::{argmax, normalised, rows_of_parts};
use crate::{Result, Rng};
use std::collections::HashMap;

/// Gives whole groups to parts: the largest group first, each to the part that misses most rows of its share. Groups
/// of one size come in random order. `groups` holds the group of each row.
///
/// # Errors
/// [`crate::Error::Parameter`] for the fractions.
pub fn by_group(groups: &[&str], fractions: &[f64], seed: u64) -> Result<Vec<Vec<usize>>> {
    let fractions = normalised(fractions)?;
    let mut number_of = HashMap::new();
    let mut members: Vec<Vec<usize>> = Vec::new();
    for (row, group) in groups.iter().enumerate() {
        let number = *number_of.entry(*group).or_insert(members.len());
        if number == members.len() {
            members.push(Vec::new());
        }
        members[number].push(row);
    }
    let mut rng = Rng::new(seed);
    rng.shuffle(&mut members);
    members.sort_by_key(|rows| std::cmp::Reverse(rows.len()));
    let mut missing: Vec<f64> = fractions
        .iter()
        .map(|fraction| fraction * groups.len() as f64)
        .collect();
    let mut part_of = vec![0; groups.len()];
    for rows in members {
        let part = argmax(&missing, &fractions, &mut rng);
        missing[part] -= rows.len() as f64;
        rows.into_iter().for_each(|row| part_of[row] = part);
    }
    Ok(rows_of_parts(&part_of, fractions.len()))
}
