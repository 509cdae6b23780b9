//! Python's notions of a word character, a space and a lower-case text, which scikit-learn's tokens rest on.

use regex_syntax::hir::{Class, HirKind};
use std::sync::LazyLock;

/// One bit a code point.
struct CodePoints(Vec<u64>);

impl CodePoints {
    /// Python's `\w` for `str`: the letters, the numbers of every kind, and the underscore.
    fn word() -> Self {
        let mut bits = vec![0_u64; (char::MAX as usize + 1) / 64];
        if let Ok(hir) = regex_syntax::parse(r"[\p{L}\p{N}_]")
            && let HirKind::Class(Class::Unicode(class)) = hir.kind()
        {
            for range in class.ranges() {
                for code in range.start() as usize..=range.end() as usize {
                    bits[code / 64] |= 1 << (code % 64);
                }
            }
        }
        Self(bits)
    }

    #[inline]
    fn contains(&self, c: char) -> bool {
        let code = c as usize;
        self.0[code / 64] >> (code % 64) & 1 == 1
    }
}

static WORD: LazyLock<CodePoints> = LazyLock::new(CodePoints::word);

const ASCII_WORD: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric() || byte as u8 == b'_';
        byte += 1;
    }
    table
};

/// True for the ASCII bytes of Python's `\w`.
#[inline]
pub(crate) fn is_ascii_word(byte: u8) -> bool {
    ASCII_WORD[byte as usize]
}

/// True for Python's `\w`. Unlike Rust's `\w` and `char::is_alphanumeric`, combining marks are not part of it.
#[inline]
pub(crate) fn is_word(c: char) -> bool {
    WORD.contains(c)
}

/// True for Python's `str.isspace`: Unicode's white space and the four ASCII separators.
#[inline]
pub(crate) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// The words of `text` as Python's `str.split()` cuts them.
pub(crate) fn split_space(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_space).filter(|word| !word.is_empty())
}

/// Appends `text` in lower case as Python's `str.lower` gives it.
pub(crate) fn push_lowercase(text: &str, lowered: &mut String) {
    // A capital sigma becomes one of two letters by its neighbours, so the whole text has to be seen.
    if text.contains('Σ') {
        lowered.push_str(&text.to_lowercase());
        return;
    }
    lowered.reserve(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let ascii = rest
            .bytes()
            .position(|b| !b.is_ascii())
            .unwrap_or(rest.len());
        let start = lowered.len();
        lowered.push_str(&rest[..ascii]);
        lowered[start..].make_ascii_lowercase();
        rest = &rest[ascii..];
        let other = rest
            .bytes()
            .position(|b| b.is_ascii())
            .unwrap_or(rest.len());
        lowered.extend(rest[..other].chars().flat_map(char::to_lowercase));
        rest = &rest[other..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn word_characters_are_letters_numbers_and_the_underscore() {
        for c in [
            'a', 'Z', '_', '0', 'é', 'ß', 'Ж', '中', '²', '½', 'Ⅷ', '٣', 'ʰ', 'ª',
        ] {
            assert!(is_word(c), "{c}");
        }
        for c in ['-', ' ', '\u{301}', 'ः', 'Ⓐ', '😀', '\u{200d}', '‿'] {
            assert!(!is_word(c), "{c}");
        }
        assert!((0..=255_u8).all(|b| is_ascii_word(b) == (b.is_ascii() && is_word(b as char))));
    }

    #[test]
    fn words_are_cut_at_every_space_python_knows() {
        let words: Vec<&str> = split_space(" a\u{1c}b\u{a0}c\u{3000}\r\nd\u{85} ").collect();
        assert_eq!(words, ["a", "b", "c", "d"]);
    }

    #[test]
    fn lower_case_is_that_of_the_whole_text() {
        for text in [
            "",
            "ABC déÉF",
            "İSTANBUL",
            "ΟΔΟΣ ΣΑΣ, ΑΣ'Α",
            "ẞ Ǆ Ω K",
            "aÉbÉ",
        ] {
            let mut lowered = String::new();
            push_lowercase(text, &mut lowered);
            assert_eq!(lowered, text.to_lowercase());
        }
    }
}
