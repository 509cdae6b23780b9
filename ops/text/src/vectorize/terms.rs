//! The arena of distinct terms: one buffer of text, one hash table of numbers.

use crate::hash::hash_bytes;
use hashbrown::HashTable;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Distinct terms, numbered in the order of their first appearance.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    text: String,
    ends: Vec<usize>,
    hashes: Vec<u64>,
    table: HashTable<u32>,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            text: String::new(),
            ends: Vec::new(),
            hashes: Vec::new(),
            table: HashTable::new(),
        }
    }
}

impl Terms {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    #[inline]
    pub(super) fn get(&self, number: u32) -> &str {
        slice(&self.text, &self.ends, number)
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.len() as u32).map(|number| self.get(number))
    }

    #[inline]
    pub(super) fn find(&self, term: &str) -> Option<u32> {
        let hash = hash_bytes(term.as_bytes());
        let same = |&number: &u32| self.hashes[number as usize] == hash && self.get(number) == term;
        self.table.find(hash, same).copied()
    }

    /// The number of `term`, which is added if it is new.
    #[inline]
    pub(super) fn intern(&mut self, term: &str) -> u32 {
        self.intern_hashed(term, hash_bytes(term.as_bytes()))
    }

    #[inline]
    fn intern_hashed(&mut self, term: &str, hash: u64) -> u32 {
        let Self {
            text,
            ends,
            hashes,
            table,
        } = self;
        let same =
            |&number: &u32| hashes[number as usize] == hash && slice(text, ends, number) == term;
        if let Some(&number) = table.find(hash, same) {
            return number;
        }
        let number = ends.len() as u32;
        text.push_str(term);
        ends.push(text.len());
        hashes.push(hash);
        table.insert_unique(hash, number, |&number| hashes[number as usize]);
        number
    }

    /// Adds the terms of `other`, and returns their numbers here.
    pub(super) fn absorb(&mut self, other: &Self) -> Vec<u32> {
        let terms = other.iter().zip(&other.hashes);
        terms
            .map(|(term, &hash)| self.intern_hashed(term, hash))
            .collect()
    }

    /// The numbers in `kept` sorted by their terms' code points.
    pub(super) fn sort(&self, kept: impl Iterator<Item = u32>) -> Vec<u32> {
        let mut keyed: Vec<(u64, u32)> = kept
            .map(|number| (prefix(self.get(number)), number))
            .collect();
        keyed.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| self.get(a.1).cmp(self.get(b.1))));
        keyed.into_iter().map(|(_, number)| number).collect()
    }
}

#[inline]
fn slice<'a>(text: &'a str, ends: &[usize], number: u32) -> &'a str {
    let number = number as usize;
    let start = if number == 0 { 0 } else { ends[number - 1] };
    &text[start..ends[number]]
}

/// The first eight bytes as a number that sorts as they do, so that most comparisons never touch the text.
fn prefix(term: &str) -> u64 {
    let mut bytes = [0; 8];
    let len = term.len().min(8);
    bytes[..len].copy_from_slice(&term.as_bytes()[..len]);
    u64::from_be_bytes(bytes)
}

impl<'a> FromIterator<&'a str> for Terms {
    fn from_iter<I: IntoIterator<Item = &'a str>>(terms: I) -> Self {
        let mut arena = Self::default();
        for term in terms {
            arena.intern(term);
        }
        arena
    }
}

impl PartialEq for Terms {
    fn eq(&self, other: &Self) -> bool {
        self.ends == other.ends && self.text == other.text
    }
}

impl Serialize for Terms {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Terms {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let terms = Vec::<String>::deserialize(deserializer)?;
        let arena: Self = terms.iter().map(String::as_str).collect();
        if arena.len() != terms.len() {
            return Err(serde::de::Error::custom(
                "a vectorizer's vocabulary holds a term twice",
            ));
        }
        Ok(arena)
    }
}
