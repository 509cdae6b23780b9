//! A text as a set of hashed shingles; the Jaccard similarity of two.

use crate::hash::{fold, hash_bytes};
use crate::unicode::split_space;
use serde::{Deserialize, Serialize};

/// What a shingle is a run of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShingleUnit {
    /// Words, cut at white space.
    #[default]
    Words,
    /// Characters.
    Chars,
}

/// The ascending hashes of the runs of `size` units in `text`. A shorter text is one shingle; one without units has
/// none.
pub(super) fn shingles(text: &str, unit: ShingleUnit, size: usize, set: &mut Vec<u64>) {
    set.clear();
    match unit {
        ShingleUnit::Words => {
            let words: Vec<u64> = split_space(text)
                .map(|word| hash_bytes(word.as_bytes()))
                .collect();
            let runs = words.windows(size.min(words.len()).max(1));
            set.extend(runs.map(chain));
        }
        ShingleUnit::Chars => {
            let mut bounds: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            bounds.push(text.len());
            let size = size.min(bounds.len() - 1).max(1);
            let runs = bounds.windows(size + 1);
            set.extend(runs.map(|run| hash_bytes(&text.as_bytes()[run[0]..run[size]])));
        }
    }
    set.sort_unstable();
    set.dedup();
}

/// One hash of hashes in order.
pub(super) fn chain(hashes: &[u64]) -> u64 {
    hashes.iter().fold(0x9E37_79B9_7F4A_7C15, |sum, hash| {
        fold(sum ^ hash, 0xD6E8_FEB8_6659_FD93).rotate_left(17)
    })
}

/// The size of the intersection over that of the union; 1 for two empty sets. Both ascend.
pub(super) fn jaccard(a: &[u64], b: &[u64]) -> f64 {
    let (mut i, mut j, mut both) = (0, 0, 0_usize);
    while i < a.len() && j < b.len() {
        let (x, y) = (a[i], b[j]);
        both += usize::from(x == y);
        i += usize::from(x <= y);
        j += usize::from(y <= x);
    }
    let union = a.len() + b.len() - both;
    if union == 0 {
        1.0
    } else {
        both as f64 / union as f64
    }
}
