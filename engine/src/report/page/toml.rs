//! TOML with its tokens marked, for reading. Any text goes in; what is not TOML comes out unmarked.

use crate::report::markup::{escaped, push};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Comment,
    Header,
    Key,
    Text,
    Number,
}

impl Kind {
    fn class(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Comment => Some("c"),
            Self::Header => Some("h"),
            Self::Key => Some("k"),
            Self::Text => Some("s"),
            Self::Number => Some("n"),
        }
    }
}

/// `source` as HTML: each line is an element, so that the style can number it.
pub(super) fn highlighted(source: &str) -> String {
    let mut out = String::with_capacity(source.len() * 2);
    out.push_str("<span class=\"line\">");
    let source = source.replace("\r\n", "\n");
    for (kind, text) in Tokens::of(&source) {
        for (index, line) in text.split('\n').enumerate() {
            if index > 0 {
                out.push_str("</span>\n<span class=\"line\">");
            }
            push_token(&mut out, kind, line);
        }
    }
    out.push_str("</span>");
    out
}

fn push_token(out: &mut String, kind: Kind, text: &str) {
    match kind.class() {
        _ if text.is_empty() => {}
        None => push(out, format_args!("{}", escaped(text))),
        Some(class) => {
            push(out, format_args!("<span class=\"{class}\">"));
            match kind {
                Kind::Text => push_references(out, text),
                _ => push(out, format_args!("{}", escaped(text))),
            }
            out.push_str("</span>");
        }
    }
}

/// Marks `${...}` within a string.
fn push_references(out: &mut String, mut text: &str) {
    while let Some(start) = text.find("${")
        && let Some(length) = text[start..].find('}')
    {
        let (before, rest) = text.split_at(start);
        let (reference, after) = rest.split_at(length + 1);
        push(
            out,
            format_args!(
                "{}<span class=\"r\">{}</span>",
                escaped(before),
                escaped(reference)
            ),
        );
        text = after;
    }
    push(out, format_args!("{}", escaped(text)));
}

/// Pieces of a source that together are all of it.
struct Tokens<'a> {
    rest: &'a str,
    /// Whether a bare word would be a key: at the start of a line or of an inline table's entry.
    at_key: bool,
    /// Brackets that are open; within `[` words are values.
    open: Vec<char>,
}

impl<'a> Tokens<'a> {
    fn of(source: &'a str) -> Self {
        Self {
            rest: source,
            at_key: true,
            open: Vec::new(),
        }
    }

    fn take(&mut self, kind: Kind, length: usize) -> (Kind, &'a str) {
        let (token, rest) = self.rest.split_at(length);
        self.rest = rest;
        (kind, token)
    }

    fn line_end(&self) -> usize {
        self.rest.find('\n').unwrap_or(self.rest.len())
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = (Kind, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let first = self.rest.chars().next()?;
        let length = first.len_utf8();
        Some(match first {
            '#' => self.take(Kind::Comment, self.line_end()),
            '[' if self.at_key && self.open.is_empty() => {
                let line = &self.rest[..self.line_end()];
                let length = line.find('#').unwrap_or(line.len());
                self.take(Kind::Header, line[..length].trim_end().len().max(1))
            }
            '"' | '\'' => {
                let kind = if self.at_key { Kind::Key } else { Kind::Text };
                self.take(kind, string_length(self.rest, first))
            }
            c if is_word(c) => {
                let length = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
                let word = &self.rest[..length];
                let kind = if self.at_key {
                    Kind::Key
                } else if is_literal(word) {
                    Kind::Number
                } else {
                    Kind::Plain
                };
                self.take(kind, length)
            }
            _ => {
                match first {
                    '\n' if self.open.is_empty() => self.at_key = true,
                    '=' => self.at_key = false,
                    '[' | '{' => {
                        self.open.push(first);
                        self.at_key = first == '{';
                    }
                    ']' | '}' => {
                        self.open.pop();
                        self.at_key = false;
                    }
                    ',' => self.at_key = self.open.last() == Some(&'{'),
                    _ => {}
                }
                self.take(Kind::Plain, length)
            }
        })
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || "_-+.:".contains(c)
}

/// Booleans, numbers, dates and times.
fn is_literal(word: &str) -> bool {
    matches!(
        word,
        "true" | "false" | "inf" | "nan" | "+inf" | "-inf" | "+nan" | "-nan"
    ) || word
        .trim_start_matches(['+', '-'])
        .starts_with(|c: char| c.is_ascii_digit())
}

/// Length of the string that `source` begins with, quotes included; an unclosed one ends with its line or the source.
fn string_length(source: &str, quote: char) -> usize {
    let triple: String = std::iter::repeat_n(quote, 3).collect();
    let multiline = source.starts_with(&triple);
    let start = if multiline { 3 } else { 1 };
    let mut escaped = false;
    for (index, c) in source[start..].char_indices() {
        let at = start + index;
        if escaped {
            escaped = false;
        } else if c == '\\' && quote == '"' {
            escaped = true;
        } else if multiline && source[at..].starts_with(&triple) {
            // Up to two quotes may stand right before the closing three.
            let quotes = source[at..]
                .chars()
                .take_while(|&c| c == quote)
                .count()
                .min(5);
            return at + quotes;
        } else if !multiline && c == quote {
            return at + 1;
        } else if !multiline && c == '\n' {
            return at;
        }
    }
    source.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kinds(source: &str) -> Vec<(Option<&'static str>, &str)> {
        Tokens::of(source)
            .filter(|(kind, _)| *kind != Kind::Plain)
            .map(|(kind, text)| (kind.class(), text))
            .collect()
    }

    #[test]
    fn tokens_are_what_toml_says_they_are() {
        let source = "[steps.fit] # why\nop = \"train\"\nmatrix = { n = [8, \"all\"], on = true }\n\"a b\".c = 'x#y'\n";
        let (k, s, n) = (Some("k"), Some("s"), Some("n"));
        assert_eq!(
            kinds(source),
            [
                (Some("h"), "[steps.fit]"),
                (Some("c"), "# why"),
                (k, "op"),
                (s, "\"train\""),
                (k, "matrix"),
                (k, "n"),
                (n, "8"),
                (s, "\"all\""),
                (k, "on"),
                (n, "true"),
                (k, "\"a b\""),
                (k, ".c"),
                (s, "'x#y'"),
            ]
        );
    }

    #[test]
    fn a_string_over_several_lines_is_one_token() {
        let text = "\"\"\"\none \\\" two\n# no comment\n\"\"\"\"";
        assert_eq!(
            kinds(&format!("a = {text}\nb = 1")),
            [
                (Some("k"), "a"),
                (Some("s"), text),
                (Some("k"), "b"),
                (Some("n"), "1")
            ]
        );
    }

    #[test]
    fn references_are_marked_and_markup_is_escaped() {
        assert_eq!(
            highlighted("a = \"<${vars.x}>\""),
            "<span class=\"line\"><span class=\"k\">a</span> = <span class=\"s\">&quot;&lt;<span class=\"r\">${vars.x}</span>&gt;&quot;</span></span>"
        );
    }

    proptest! {
        #[test]
        fn any_text_comes_out_whole(source in "[\\[\\]{}=,.\"'#\\\\a-z0-9 \n${}é\u{4e00}]{0,80}") {
            let whole: String = Tokens::of(&source).map(|(_, text)| text).collect();
            prop_assert_eq!(whole, source.clone());
            let html = highlighted(&source);
            let whole = format!("<pre>{html}</pre>");
            prop_assert!(roxmltree::Document::parse(&whole).is_ok());
            prop_assert_eq!(html.matches("class=\"line\"").count(), source.split('\n').count());
        }
    }
}
