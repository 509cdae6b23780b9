//! Equal texts.

use super::{Deduplicated, Duplicate, Normalise};
use crate::hash::hash_bytes;
use crate::{Result, Workers};
use hashbrown::HashTable;

/// Keeps the first of all texts that are equal after `normalise`.
///
/// # Errors
/// [`crate::Error::Cancelled`].
pub fn exact(texts: &[&str], normalise: Normalise, workers: &Workers) -> Result<Deduplicated> {
    let hashes = workers.map("hashing texts", texts.len(), 512, |range| {
        texts[range]
            .iter()
            .map(|text| hash_bytes(normalise.apply(text).as_bytes()))
            .collect::<Vec<_>>()
    })?;
    let hashes = hashes.concat();
    let mut first_rows: HashTable<usize> = HashTable::new();
    let mut result = Deduplicated::default();
    for (row, text) in texts.iter().enumerate() {
        // Texts of one hash are compared, normalised anew: that is rare, and keeps no second copy of the data.
        let same = |&first: &usize| {
            hashes[first] == hashes[row] && normalise.apply(texts[first]) == normalise.apply(text)
        };
        if let Some(&kept) = first_rows.find(hashes[row], same) {
            result.duplicates.push(Duplicate {
                removed: row,
                kept,
                similarity: 1.0,
            });
        } else {
            first_rows.insert_unique(hashes[row], row, |&row| hashes[row]);
            result.kept.push(row);
        }
    }
    Ok(result)
}
