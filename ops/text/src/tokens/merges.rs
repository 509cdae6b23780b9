//! Merging the most frequent pair of neighbours into one token, again and again (Sennrich et al. 2016, algorithm 1).
//!
//! The trainers of the `tokenizers` crate visit words in the order of a table with a random seed, so that the same texts give
//! other vocabularies from run to run; here the same texts always give the same.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};

use crate::{Result, Workers};

/// What is learned.
pub(super) struct Learned {
    /// The tokens in the order of their numbers.
    pub vocabulary: Vec<String>,
    /// The merges in the order in which they were learned, as texts of both halves.
    pub merges: Vec<(String, String)>,
}

/// What a vocabulary is to hold.
pub(super) struct Limits<'a> {
    /// Tokens at most.
    pub vocab_size: usize,
    /// How often a pair must occur.
    pub min_frequency: u64,
    /// Characters at most; the most frequent ones are kept.
    pub alphabet: Option<usize>,
    /// The first tokens.
    pub special: &'a [&'a str],
    /// Characters that are tokens even if no text has them.
    pub initial: &'a [char],
    /// What stands before a token that continues a word.
    pub continuing: &'a str,
}

type Pair = (u32, u32);

/// A word as tokens.
struct Word {
    tokens: Vec<u32>,
    count: i64,
}

/// How often each pair occurs, and in which words.
#[derive(Default)]
struct Pairs {
    counts: HashMap<Pair, i64>,
    words: HashMap<Pair, Vec<u32>>,
}

/// Learns tokens and merges from words and how often they occur.
pub(super) fn learn(
    words: &BTreeMap<String, u64>,
    limits: &Limits<'_>,
    workers: Workers<'_>,
) -> Result<Learned> {
    let mut vocabulary: Vec<String> = limits.special.iter().map(|&name| name.to_owned()).collect();
    let alphabet = alphabet(words, limits);
    vocabulary.extend(alphabet.iter().map(|letter| letter.to_string()));
    let starts = numbers(&alphabet, limits.special.len());
    let continuing = match limits.continuing {
        "" => starts.clone(),
        prefix => {
            let inner: Vec<char> = {
                let within: HashSet<char> =
                    words.keys().flat_map(|word| word.chars().skip(1)).collect();
                let known = alphabet.iter().copied();
                known.filter(|letter| within.contains(letter)).collect()
            };
            let first = vocabulary.len();
            vocabulary.extend(inner.iter().map(|letter| format!("{prefix}{letter}")));
            numbers(&inner, first)
        }
    };
    let mut words: Vec<Word> = words
        .iter()
        .map(|(word, &count)| Word {
            tokens: word
                .chars()
                .enumerate()
                .filter_map(|(at, letter)| match at {
                    0 => starts.get(&letter).copied(),
                    _ => continuing.get(&letter).copied(),
                })
                .collect(),
            count: i64::try_from(count).unwrap_or(i64::MAX),
        })
        .collect();
    let mut known: HashMap<String, u32> = vocabulary.iter().cloned().zip(0..).collect();
    let mut pairs = Pairs::of(&words);
    let mut queue: BinaryHeap<(i64, Reverse<Pair>)> = pairs
        .counts
        .iter()
        .map(|(&pair, &count)| (count, Reverse(pair)))
        .collect();
    let mut merges = Vec::new();
    while vocabulary.len() < limits.vocab_size
        && let Some((count, Reverse(pair))) = queue.pop()
    {
        let now = pairs.counts.get(&pair).copied().unwrap_or(0);
        if count != now {
            // What the queue says is older than the last merge.
            if now > 0 {
                queue.push((now, Reverse(pair)));
            }
            continue;
        }
        if count < 1 || (count as u64) < limits.min_frequency {
            break;
        }
        if merges.len() % 64 == 0 {
            workers.check("learning a vocabulary")?;
        }
        let (left, right) = (&vocabulary[pair.0 as usize], &vocabulary[pair.1 as usize]);
        let end = right.strip_prefix(limits.continuing).unwrap_or(right);
        let merged = format!("{left}{end}");
        merges.push((left.clone(), right.clone()));
        let token = *known.entry(merged.clone()).or_insert_with(|| {
            vocabulary.push(merged);
            (vocabulary.len() - 1) as u32
        });
        for changed in pairs.merge(&mut words, pair, token) {
            let count = pairs.counts.get(&changed).copied().unwrap_or(0);
            if count > 0 {
                queue.push((count, Reverse(changed)));
            }
        }
    }
    Ok(Learned { vocabulary, merges })
}

/// The characters that are tokens, in their order.
fn alphabet(words: &BTreeMap<String, u64>, limits: &Limits<'_>) -> Vec<char> {
    let mut counts: BTreeMap<char, u64> = BTreeMap::new();
    for (word, count) in words {
        for letter in word.chars() {
            *counts.entry(letter).or_default() += count;
        }
    }
    for letter in limits.initial {
        counts.insert(*letter, u64::MAX);
    }
    let mut letters: Vec<(char, u64)> = counts.into_iter().collect();
    if let Some(most) = limits.alphabet {
        letters.sort_by_key(|(letter, count)| (Reverse(*count), *letter));
        letters.truncate(most);
        letters.sort_unstable();
    }
    letters.into_iter().map(|(letter, _)| letter).collect()
}

fn numbers(letters: &[char], first: usize) -> HashMap<char, u32> {
    letters.iter().copied().zip(first as u32..).collect()
}

impl Pairs {
    fn of(words: &[Word]) -> Pairs {
        let mut pairs = Pairs::default();
        for (at, word) in (0..).zip(words) {
            for pair in word.tokens.windows(2) {
                pairs.add((pair[0], pair[1]), word.count, at);
            }
        }
        pairs
    }

    fn add(&mut self, pair: Pair, count: i64, word: u32) {
        *self.counts.entry(pair).or_default() += count;
        let places = self.words.entry(pair).or_default();
        if places.last() != Some(&word) {
            places.push(word);
        }
    }

    /// Puts `token` wherever `pair` stands. Gives the pairs that occur more often than before.
    fn merge(&mut self, words: &mut [Word], pair: Pair, token: u32) -> HashSet<Pair> {
        let mut grown = HashSet::new();
        let places = self.words.remove(&pair).unwrap_or_default();
        self.counts.remove(&pair);
        for at in places {
            let word = &mut words[at as usize];
            if !word
                .tokens
                .windows(2)
                .any(|found| (found[0], found[1]) == pair)
            {
                continue;
            }
            let old = std::mem::take(&mut word.tokens);
            for found in old.windows(2).map(|found| (found[0], found[1])) {
                if found != pair
                    && let Some(count) = self.counts.get_mut(&found)
                {
                    *count -= word.count;
                }
            }
            let mut rest = old.into_iter().peekable();
            while let Some(next) = rest.next() {
                let is_pair = next == pair.0 && rest.next_if(|&right| right == pair.1).is_some();
                word.tokens.push(if is_pair { token } else { next });
            }
            let (count, tokens) = (word.count, word.tokens.clone());
            for found in tokens.windows(2).map(|found| (found[0], found[1])) {
                if found == pair {
                    continue;
                }
                if found.0 == token || found.1 == token {
                    grown.insert(found);
                }
                self.add(found, count, at);
            }
        }
        grown
    }
}
