//! Synonyms from the files of WordNet (Miller 1995), whose layout is that of wndb(5WN): `index.POS` lists the synonym sets of each word,
//! `data.POS` the words of each set.

use std::collections::HashMap;
use std::path::Path;

use crate::{Error, Result};

/// Where Debian's package puts the files.
const INSTALLED: &str = "/usr/share/wordnet";
const PARTS_OF_SPEECH: [&str; 4] = ["noun", "verb", "adj", "adv"];
/// Of a word's senses, the most frequent ones.
const SENSES: usize = 2;

/// The synonyms of English words.
pub struct WordNet {
    data: [String; 4],
    /// The sets of a word, each a part of speech and a place in its file, the most frequent senses first.
    sets: HashMap<String, Vec<(u8, u32)>>,
}

impl std::fmt::Debug for WordNet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WordNet")
            .field("words", &self.sets.len())
            .finish_non_exhaustive()
    }
}

impl WordNet {
    /// Reads what is installed.
    ///
    /// # Errors
    /// [`Error::WordNet`] where nothing is, or the files are damaged.
    pub fn installed() -> Result<WordNet> {
        WordNet::open(Path::new(INSTALLED))
    }

    /// Reads `index.noun`, `data.noun` and so on of a folder.
    ///
    /// # Errors
    /// [`Error::WordNet`] for a file that is missing or damaged.
    pub fn open(folder: &Path) -> Result<WordNet> {
        let read = |kind: &str, part: &str| {
            let path = folder.join(format!("{kind}.{part}"));
            std::fs::read_to_string(&path).map_err(|error| Error::WordNet {
                path,
                why: format!("{error}; install WordNet (Debian: wordnet-base)"),
            })
        };
        let mut sets: HashMap<String, Vec<(u8, u32)>> = HashMap::new();
        let mut data: [String; 4] = Default::default();
        for (number, part) in (0..).zip(PARTS_OF_SPEECH) {
            data[usize::from(number)] = read("data", part)?;
            for line in read("index", part)?.lines() {
                // The licence stands at the top, in lines that begin with blanks.
                if line.starts_with(' ') {
                    continue;
                }
                let Some((word, places)) = index_entry(line) else {
                    return Err(Error::WordNet {
                        path: folder.join(format!("index.{part}")),
                        why: format!("the line {line:?} is not as expected; install it again"),
                    });
                };
                let places = places.into_iter().take(SENSES);
                let known = sets.entry(word.to_owned()).or_default();
                known.extend(places.map(|place| (number, place)));
            }
        }
        Ok(WordNet { data, sets })
    }

    /// The synonyms of a word in lower case, without itself, in a fixed order; none for a word that is not known.
    pub fn synonyms(&self, word: &str) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for &(part, place) in self.sets.get(word).into_iter().flatten() {
            let rest = self.data[usize::from(part)].get(place as usize..);
            let Some(line) = rest.and_then(|rest| rest.lines().next()) else {
                continue;
            };
            for other in set(line) {
                // `galore(ip)`: where an adjective may stand.
                let other = other.split('(').next().unwrap_or(other).replace('_', " ");
                if !other.eq_ignore_ascii_case(word) && !found.contains(&other) {
                    found.push(other);
                }
            }
        }
        found
    }
}

/// `lemma pos synset_cnt p_cnt ptr... sense_cnt tagsense_cnt offset...`
fn index_entry(line: &str) -> Option<(&str, Vec<u32>)> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let count: usize = fields.get(2)?.parse().ok()?;
    let offsets = fields.get(fields.len().checked_sub(count)?..)?;
    let offsets = offsets
        .iter()
        .map(|place| place.parse().ok())
        .collect::<Option<_>>()?;
    Some((fields[0], offsets))
}

/// The words of `offset lex_filenum ss_type w_cnt word lex_id ...`, whose count is hexadecimal.
fn set(line: &str) -> impl Iterator<Item = &str> {
    let mut fields = line.split(' ').skip(3);
    let count = fields
        .next()
        .and_then(|count| usize::from_str_radix(count, 16).ok())
        .unwrap_or(0);
    fields.step_by(2).take(count)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// One verb with two senses.
    pub fn small() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        for part in PARTS_OF_SPEECH {
            write(&format!("index.{part}"), "  1 licence\n");
            write(&format!("data.{part}"), "  1 licence\n");
        }
        let data = "  1 licence\n00000014 30 v 02 crash 0 break_down 1 001 @ 00000001 v 0000 | stop working\n";
        write("data.verb", data);
        write("index.verb", "  1 licence\ncrash v 1 1 @ 1 0 00000014\n");
        folder
    }

    #[test]
    fn the_words_of_a_set_are_synonyms() {
        let folder = small();
        let wordnet = WordNet::open(folder.path()).unwrap();
        assert_eq!(wordnet.synonyms("crash"), ["break down"]);
        assert!(wordnet.synonyms("file").is_empty());
    }

    #[test]
    fn a_missing_file_says_what_to_install() {
        let said = WordNet::open(Path::new("/nowhere"))
            .unwrap_err()
            .to_string();
        assert!(
            said.contains("/nowhere/data.noun") && said.contains("wordnet-base"),
            "{said}"
        );
    }

    #[test]
    fn the_installed_files_are_read() {
        let Ok(wordnet) = WordNet::installed() else {
            eprintln!("skipped: WordNet is not installed");
            return;
        };
        assert!(wordnet.synonyms("error").contains(&"mistake".to_owned()));
    }
}
