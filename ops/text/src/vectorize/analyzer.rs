//! Text to terms: lower case, tokens, n-grams.

use super::params::{Analyzer, VectorizerParams};
use super::terms::Terms;
use crate::unicode::{is_ascii_word, is_space, is_word, push_lowercase, split_space};
use crate::{Error, Result};
use regex::Regex;

/// Cuts texts into terms.
#[derive(Clone, Debug)]
pub(super) struct TermCutter {
    analyzer: Analyzer,
    lowercase: bool,
    pattern: Option<Regex>,
    stop_words: Terms,
    shortest: usize,
    longest: usize,
}

/// Buffers that are used again for every text.
#[derive(Default)]
pub(super) struct Scratch {
    lowered: String,
    /// Tokens with a space between, or one padded word.
    joined: String,
    /// Where each token starts and ends.
    spans: Vec<(usize, usize)>,
    /// Where each character starts, and the end.
    bounds: Vec<usize>,
}

impl TermCutter {
    pub(super) fn new(params: &VectorizerParams) -> Result<Self> {
        let pattern = match &params.token_pattern {
            Some(pattern) => Some(compile(pattern)?),
            None => None,
        };
        Ok(Self {
            analyzer: params.analyzer,
            lowercase: params.lowercase,
            pattern,
            stop_words: params.stop_words.iter().map(String::as_str).collect(),
            shortest: params.ngram_range.0,
            longest: params.ngram_range.1,
        })
    }

    /// Calls `emit` with every term of `text`.
    #[inline]
    pub(super) fn cut(&self, text: &str, scratch: &mut Scratch, mut emit: impl FnMut(&str)) {
        let Scratch {
            lowered,
            joined,
            spans,
            bounds,
        } = scratch;
        let text = if self.lowercase {
            lowered.clear();
            push_lowercase(text, lowered);
            lowered.as_str()
        } else {
            text
        };
        match self.analyzer {
            Analyzer::Word => {
                self.tokenize(text, spans);
                if self.longest == 1 {
                    spans
                        .iter()
                        .for_each(|&(start, end)| emit(&text[start..end]));
                } else {
                    join(text, spans, joined);
                    self.word_ngrams(joined, spans, &mut emit);
                }
            }
            Analyzer::Char => {
                squeeze_spaces(text, joined);
                find_bounds(joined, bounds);
                let chars = bounds.len() - 1;
                for length in self.shortest..=self.longest.min(chars) {
                    for start in 0..=chars - length {
                        emit(&joined[bounds[start]..bounds[start + length]]);
                    }
                }
            }
            Analyzer::CharWb => {
                for word in split_space(text) {
                    joined.clear();
                    joined.push(' ');
                    joined.push_str(word);
                    joined.push(' ');
                    find_bounds(joined, bounds);
                    self.padded_ngrams(joined, bounds, &mut emit);
                }
            }
        }
    }

    fn word_ngrams(&self, joined: &str, spans: &[(usize, usize)], emit: &mut impl FnMut(&str)) {
        for length in self.shortest..=self.longest.min(spans.len()) {
            for run in spans.windows(length) {
                emit(&joined[run[0].0..run[length - 1].1]);
            }
        }
    }

    /// The n-grams of one padded word. A word shorter than the n-gram is a term itself, once.
    fn padded_ngrams(&self, padded: &str, bounds: &[usize], emit: &mut impl FnMut(&str)) {
        let chars = bounds.len() - 1;
        for length in self.shortest..=self.longest {
            if length >= chars {
                emit(padded);
                return;
            }
            for start in 0..=chars - length {
                emit(&padded[bounds[start]..bounds[start + length]]);
            }
        }
    }

    fn tokenize(&self, text: &str, spans: &mut Vec<(usize, usize)>) {
        spans.clear();
        match &self.pattern {
            None => word_runs(text, |start, end| spans.push((start, end))),
            Some(pattern) if pattern.captures_len() == 1 => {
                spans.extend(
                    pattern
                        .find_iter(text)
                        .map(|found| (found.start(), found.end())),
                );
            }
            Some(pattern) => spans.extend(pattern.captures_iter(text).map(|captures| {
                // A group that took no part in the match is an empty token, as Python's findall has it.
                captures
                    .get(1)
                    .map_or((0, 0), |group| (group.start(), group.end()))
            })),
        }
        if self.stop_words.len() > 0 {
            spans.retain(|&(start, end)| self.stop_words.find(&text[start..end]).is_none());
        }
    }
}

pub(super) fn compile(pattern: &str) -> Result<Regex> {
    let refuse = |why: String| Error::TokenPattern {
        pattern: pattern.to_owned(),
        why,
    };
    let regex = Regex::new(pattern).map_err(|error| refuse(error.to_string()))?;
    if regex.captures_len() > 2 {
        return Err(refuse(
            "it has more than one group; write (?:...) for those that are not the token".into(),
        ));
    }
    Ok(regex)
}

/// Calls `found` with the bounds of every run of two or more word characters.
#[inline]
fn word_runs(text: &str, mut found: impl FnMut(usize, usize)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        let mut chars = 0;
        while at < bytes.len() {
            let byte = bytes[at];
            if is_ascii_word(byte) {
                at += 1;
            } else if byte.is_ascii() {
                break;
            } else {
                match text[at..].chars().next() {
                    Some(c) if is_word(c) => at += c.len_utf8(),
                    _ => break,
                }
            }
            chars += 1;
        }
        if chars >= 2 {
            found(start, at);
        }
        // Past the character that ended the run.
        at += text[at..].chars().next().map_or(1, char::len_utf8);
    }
}

/// Writes the tokens with one space between, and moves their spans there.
fn join(text: &str, spans: &mut [(usize, usize)], joined: &mut String) {
    joined.clear();
    for (position, span) in spans.iter_mut().enumerate() {
        if position > 0 {
            joined.push(' ');
        }
        let start = joined.len();
        joined.push_str(&text[span.0..span.1]);
        *span = (start, joined.len());
    }
}

/// Every run of two or more spaces becomes one blank; a single space of any kind stays.
fn squeeze_spaces(text: &str, squeezed: &mut String) {
    squeezed.clear();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if is_space(c) && rest.next_if(|&next| is_space(next)).is_some() {
            while rest.next_if(|&next| is_space(next)).is_some() {}
            squeezed.push(' ');
        } else {
            squeezed.push(c);
        }
    }
}

fn find_bounds(text: &str, bounds: &mut Vec<usize>) {
    bounds.clear();
    bounds.extend(text.char_indices().map(|(at, _)| at));
    bounds.push(text.len());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(params: VectorizerParams, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        TermCutter::new(&params)
            .unwrap()
            .cut(text, &mut Scratch::default(), |term| {
                found.push(term.to_owned())
            });
        found
    }

    fn of(analyzer: Analyzer, ngram_range: (usize, usize)) -> VectorizerParams {
        VectorizerParams {
            analyzer,
            ngram_range,
            ..VectorizerParams::default()
        }
    }

    #[test]
    fn tokens_are_runs_of_two_or_more_word_characters() {
        let found = terms(
            VectorizerParams::default(),
            "A bc d_e, É2 «été» 中 中文 x\u{301}y ½¾ \u{301}",
        );
        assert_eq!(found, ["bc", "d_e", "é2", "été", "中文", "½¾"]);
    }

    #[test]
    fn stop_words_go_before_word_ngrams_are_built() {
        let params = VectorizerParams {
            stop_words: vec!["is".into()],
            ..of(Analyzer::Word, (1, 3))
        };
        let found = terms(params, "This is one thing");
        assert_eq!(
            found,
            [
                "this",
                "one",
                "thing",
                "this one",
                "one thing",
                "this one thing"
            ]
        );
        assert_eq!(terms(of(Analyzer::Word, (2, 2)), "alone"), [] as [&str; 0]);
    }

    #[test]
    fn a_word_shorter_than_the_ngram_counts_once() {
        assert_eq!(
            terms(of(Analyzer::CharWb, (3, 5)), "a bc"),
            [" a ", " bc", "bc ", " bc "]
        );
        assert_eq!(
            terms(of(Analyzer::CharWb, (1, 2)), "é"),
            [" ", "é", " ", " é", "é "]
        );
    }

    #[test]
    fn character_ngrams_see_two_spaces_as_one_blank_and_one_as_itself() {
        assert_eq!(
            terms(of(Analyzer::Char, (2, 2)), "a\n\tb\nc"),
            ["a ", " b", "b\n", "\nc"]
        );
        assert_eq!(terms(of(Analyzer::Char, (4, 9)), "abc"), [] as [&str; 0]);
        assert_eq!(terms(of(Analyzer::Char, (1, 2)), ""), [] as [&str; 0]);
    }

    #[test]
    fn the_group_of_a_pattern_is_the_token() {
        let with = |pattern: &str| VectorizerParams {
            token_pattern: Some(pattern.into()),
            ..VectorizerParams::default()
        };
        assert_eq!(
            terms(with("#([a-z]+)"), "see #Bug and #docs"),
            ["bug", "docs"]
        );
        assert_eq!(terms(with("[a-z]+"), "a1b"), ["a", "b"]);
        assert!(TermCutter::new(&with("(a)(b)")).is_err());
        assert!(TermCutter::new(&with("(")).is_err());
    }
}
