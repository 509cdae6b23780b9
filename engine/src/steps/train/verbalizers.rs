//! Words that tell labels apart, where their names have words in common.

use std::collections::BTreeMap;

/// What may stand for a label.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    /// The tokens of its words.
    pub words: Vec<u32>,
    /// Tokens within these words, which are taken where no word is left.
    pub parts: Vec<u32>,
    /// Whether a user chose the words, of which none is left out.
    pub are_given: bool,
}

/// The tokens that stand for each label: its words that no other label has. A label all of whose words others have as well gets one of
/// them to itself where that is possible, or a part of one; labels that stay alike are given as they are.
pub fn tell_apart(candidates: &[Candidates]) -> Vec<Vec<u32>> {
    let mut labels_with: BTreeMap<u32, usize> = BTreeMap::new();
    for label in candidates {
        let mut words = label.words.clone();
        words.sort_unstable();
        words.dedup();
        words
            .iter()
            .for_each(|word| *labels_with.entry(*word).or_default() += 1);
    }
    let is_own = |word: &u32| labels_with.get(word) == Some(&1);
    let mut chosen: Vec<Vec<u32>> = (candidates.iter())
        .map(|label| match label.are_given {
            true => label.words.clone(),
            false => label.words.iter().copied().filter(is_own).collect(),
        })
        .collect();
    let taken: Vec<u32> = chosen.iter().flatten().copied().collect();
    let mut holders: BTreeMap<u32, usize> = BTreeMap::new();
    for (label, words) in chosen.iter().enumerate() {
        if words.is_empty() {
            hand_out(label, candidates, &taken, &mut holders, &mut Vec::new());
        }
    }
    for (word, label) in holders {
        chosen[label].push(word);
    }
    for (words, label) in chosen.iter_mut().zip(candidates) {
        if words.is_empty() {
            words.clone_from(&label.words);
        }
    }
    chosen
}

/// Gives a label one of its tokens; who holds it moves to another one if there is one (Kuhn 1955).
fn hand_out(
    label: usize,
    candidates: &[Candidates],
    taken: &[u32],
    holders: &mut BTreeMap<u32, usize>,
    asked: &mut Vec<u32>,
) -> bool {
    let Candidates { words, parts, .. } = &candidates[label];
    for &word in words.iter().chain(parts) {
        if taken.contains(&word) || asked.contains(&word) {
            continue;
        }
        asked.push(word);
        let is_free = match holders.get(&word).copied() {
            None => true,
            Some(holder) => hand_out(holder, candidates, taken, holders, asked),
        };
        if is_free {
            holders.insert(word, label);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[u32], parts: &[u32]) -> Candidates {
        Candidates {
            words: words.to_vec(),
            parts: parts.to_vec(),
            are_given: false,
        }
    }

    const BUG: u32 = 1;
    const DATA: u32 = 2;
    const REQUEST: u32 = 3;
    const VIEWER: u32 = 4;

    #[test]
    fn labels_without_common_words_keep_all_of_theirs() {
        let found = tell_apart(&[words(&[BUG, DATA], &[]), words(&[REQUEST], &[])]);
        assert_eq!(found, [vec![BUG, DATA], vec![REQUEST]]);
    }

    #[test]
    fn words_in_common_are_left_out_or_go_to_whom_they_are_all() {
        // bug, dataset bug, dataset request, dataset-viewer
        let found = tell_apart(&[
            words(&[BUG], &[]),
            words(&[DATA, BUG], &[]),
            words(&[DATA, REQUEST], &[]),
            words(&[DATA], &[VIEWER]),
        ]);
        assert_eq!(found, [vec![BUG], vec![DATA], vec![REQUEST], vec![VIEWER]]);
    }

    #[test]
    fn chosen_words_stay_and_labels_that_nothing_tells_apart_stay_alike() {
        let given = Candidates {
            are_given: true,
            ..words(&[DATA, BUG], &[])
        };
        let found = tell_apart(&[given, words(&[DATA, REQUEST], &[])]);
        assert_eq!(found, [vec![DATA, BUG], vec![REQUEST]]);
        let found = tell_apart(&[words(&[BUG], &[]), words(&[BUG], &[])]);
        assert_eq!(found, [vec![BUG], vec![BUG]]);
    }
}
