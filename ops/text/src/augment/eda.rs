//! Easy data augmentation (Wei and Zou 2019, section 2): synonyms, insertion, swap and deletion at random.

use super::WordNet;
use super::words::{Piece, pieces};
use crate::{Error, Result, Rng};

/// What is done to words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Words are replaced by synonyms (SR).
    Synonyms,
    /// Synonyms of words are put in somewhere (RI).
    Insert,
    /// Two words change places (RS).
    Swap,
    /// Words are left out (RD).
    Delete,
}

/// How texts are changed. Code, addresses and names with digits or underscores stay as they are.
#[derive(Clone, Debug)]
pub struct Eda<'a> {
    /// What is done; of several, one is drawn for each new text.
    pub operations: Vec<Operation>,
    /// α, the share of words that are changed, at least one.
    pub share: f64,
    /// Where synonyms come from.
    pub wordnet: Option<&'a WordNet>,
}

impl Eda<'_> {
    /// Fails for options that make no new texts.
    ///
    /// # Errors
    /// [`Error::Parameter`] with the option's name.
    pub fn check(&self) -> Result<()> {
        if self.operations.is_empty() {
            return Err(Error::parameter("operations", "[]", "name one or more"));
        }
        if !(self.share > 0.0 && self.share <= 1.0) {
            return Err(Error::parameter(
                "share",
                self.share,
                "above 0 and at most 1",
            ));
        }
        let needs = [Operation::Synonyms, Operation::Insert];
        if self.wordnet.is_none() && self.operations.iter().any(|done| needs.contains(done)) {
            return Err(Error::parameter(
                "operations",
                "synonyms or insert",
                "these need WordNet; install it (Debian: wordnet-base), or use swap and delete",
            ));
        }
        Ok(())
    }

    /// A new text. The same `rng` gives the same.
    pub fn apply(&self, text: &str, rng: &mut Rng) -> String {
        let mut parts: Vec<(String, bool)> = pieces(text)
            .into_iter()
            .map(|piece| (piece.text().to_owned(), matches!(piece, Piece::Word(_))))
            .collect();
        let count = parts.iter().filter(|(_, is_word)| *is_word).count();
        if count == 0 || self.operations.is_empty() {
            return text.to_owned();
        }
        let changes = ((count as f64 * self.share).round() as usize).max(1);
        match self.operations[rng.below(self.operations.len())] {
            Operation::Synonyms => self.replace(&mut parts, changes, rng),
            Operation::Insert => self.insert(&mut parts, changes, rng),
            Operation::Swap => swap(&mut parts, changes, rng),
            Operation::Delete => delete(&mut parts, changes.min(count - 1), rng),
        }
        parts.into_iter().map(|(part, _)| part).collect()
    }

    fn synonym(&self, word: &str, rng: &mut Rng) -> Option<String> {
        let found = self.wordnet?.synonyms(&word.to_lowercase());
        if found.is_empty() {
            return None;
        }
        Some(like(word, &found[rng.below(found.len())]))
    }

    fn replace(&self, parts: &mut [(String, bool)], changes: usize, rng: &mut Rng) {
        let mut left = changes;
        for at in shuffled(parts, rng) {
            if left == 0 {
                break;
            }
            if let Some(word) = self.synonym(&parts[at].0, rng) {
                parts[at].0 = word;
                left -= 1;
            }
        }
    }

    fn insert(&self, parts: &mut Vec<(String, bool)>, changes: usize, rng: &mut Rng) {
        for _ in 0..changes {
            let order = shuffled(parts, rng);
            let found = order.iter().find_map(|&at| self.synonym(&parts[at].0, rng));
            let Some(word) = found else { return };
            let before = order[rng.below(order.len())];
            parts.insert(before, (" ".to_owned(), false));
            parts.insert(before, (word.to_lowercase(), true));
        }
    }
}

/// The places of words, in any order.
fn shuffled(parts: &[(String, bool)], rng: &mut Rng) -> Vec<usize> {
    let mut places: Vec<usize> = (0..parts.len()).filter(|&at| parts[at].1).collect();
    rng.shuffle(&mut places);
    places
}

fn swap(parts: &mut [(String, bool)], changes: usize, rng: &mut Rng) {
    let places: Vec<usize> = (0..parts.len()).filter(|&at| parts[at].1).collect();
    if places.len() < 2 {
        return;
    }
    for _ in 0..changes {
        let first = rng.below(places.len());
        let other = (first + 1 + rng.below(places.len() - 1)) % places.len();
        let (a, b) = (places[first.min(other)], places[first.max(other)]);
        let (left, right) = parts.split_at_mut(b);
        std::mem::swap(&mut left[a].0, &mut right[0].0);
    }
}

/// Leaves words out, each with the blanks before it.
fn delete(parts: &mut [(String, bool)], changes: usize, rng: &mut Rng) {
    for at in shuffled(parts, rng).into_iter().take(changes) {
        parts[at].0.clear();
        let before = at.checked_sub(1).map(|before| &mut parts[before].0);
        if let Some(blanks) = before
            && !blanks.is_empty()
            && blanks.chars().all(|c| c == ' ')
        {
            blanks.clear();
        }
    }
}

/// A word with a capital where the other has one.
fn like(model: &str, word: &str) -> String {
    let is_capital = model.chars().next().is_some_and(char::is_uppercase);
    let mut rest = word.chars();
    match (is_capital, rest.next()) {
        (true, Some(first)) => first.to_uppercase().chain(rest).collect(),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const TEXT: &str = "The loader `load(x)` crashes on files with 3 columns.";

    fn apply(operation: Operation, share: f64, seed: u64) -> String {
        let eda = Eda {
            operations: vec![operation],
            share,
            wordnet: None,
        };
        eda.check().unwrap();
        eda.apply(TEXT, &mut Rng::new(seed))
    }

    fn sorted_words(text: &str) -> Vec<&str> {
        let mut words: Vec<&str> = pieces(text)
            .into_iter()
            .filter(|piece| matches!(piece, Piece::Word(_)))
            .map(Piece::text)
            .collect();
        words.sort_unstable();
        words
    }

    #[test]
    fn swapped_words_are_the_same_in_another_order() {
        let texts: BTreeSet<String> = (0..20)
            .map(|seed| apply(Operation::Swap, 0.2, seed))
            .collect();
        assert!(texts.len() > 5);
        for text in &texts {
            assert_eq!(sorted_words(text), sorted_words(TEXT));
            assert!(text.contains("`load(x)`"), "{text}");
        }
    }

    #[test]
    fn a_share_of_words_is_deleted_and_never_all() {
        let text = apply(Operation::Delete, 0.3, 1);
        assert_eq!(sorted_words(&text).len(), sorted_words(TEXT).len() - 2);
        assert!(!text.contains("  "), "{text}");
        assert_eq!(sorted_words(&apply(Operation::Delete, 1.0, 2)).len(), 1);
    }

    #[test]
    fn the_same_seed_gives_the_same_text() {
        assert_eq!(
            apply(Operation::Swap, 0.5, 7),
            apply(Operation::Swap, 0.5, 7)
        );
    }

    #[test]
    fn synonyms_need_a_source() {
        let eda = Eda {
            operations: vec![Operation::Synonyms],
            share: 0.1,
            wordnet: None,
        };
        let said = eda.check().unwrap_err().to_string();
        assert!(said.contains("wordnet-base"), "{said}");
    }

    #[test]
    fn synonyms_keep_the_capital() {
        let folder = super::super::wordnet::tests::small();
        let wordnet = WordNet::open(folder.path()).unwrap();
        let eda = Eda {
            operations: vec![Operation::Synonyms],
            share: 1.0,
            wordnet: Some(&wordnet),
        };
        assert_eq!(
            eda.apply("Crash of a file", &mut Rng::new(1)),
            "Break down of a file"
        );
    }
}
