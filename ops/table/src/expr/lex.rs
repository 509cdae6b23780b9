//! Expressions cut into tokens.

use std::ops::Range;

use super::Fault;

/// A token and the bytes it takes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Range<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    /// A bare word: a keyword, a function or a column.
    Word(String),
    /// A column in backticks.
    Quoted(String),
    Text(String),
    Int(i64),
    Float(f64),
    /// An operator or a bracket.
    Symbol(&'static str),
    End,
}

const SYMBOLS: [&str; 20] = [
    "==", "!=", "<>", "<=", ">=", "&&", "||", "=", "<", ">", "+", "-", "*", "/", "%", "(", ")",
    "[", "]", ",",
];

/// Cuts an expression into tokens; the last one is [`TokenKind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Fault> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let start = at;
        let kind = if first == '"' || first == '\'' {
            let (content, end) = quoted_text(text, at, first)?;
            at = end;
            TokenKind::Text(content)
        } else if first == '`' {
            let length = text[at + 1..].find('`').ok_or_else(|| {
                Fault::new(
                    at..text.len(),
                    "a column's name in backticks is never closed",
                )
            })?;
            at += length + 2;
            TokenKind::Quoted(text[start + 1..at - 1].to_owned())
        } else if first.is_ascii_digit() {
            at = number_end(text, at);
            number(&text[start..at]).ok_or_else(|| {
                Fault::new(
                    start..at,
                    "this is no number; numbers look like 12, 0.5 or 1e6",
                )
            })?
        } else if first.is_alphabetic() || first == '_' {
            at += text[at..]
                .find(|c: char| !(c.is_alphanumeric() || c == '_'))
                .unwrap_or(text.len() - at);
            TokenKind::Word(text[start..at].to_owned())
        } else if let Some(symbol) = SYMBOLS
            .iter()
            .find(|symbol| text[at..].starts_with(**symbol))
        {
            at += symbol.len();
            match *symbol {
                "&&" => return Err(Fault::new(start..at, "write `and` for `&&`")),
                "||" => return Err(Fault::new(start..at, "write `or` for `||`")),
                symbol => TokenKind::Symbol(symbol),
            }
        } else {
            let end = at + first.len_utf8();
            let message = if first == '!' {
                "write `not` for `!`".to_owned()
            } else {
                format!("{first:?} means nothing here; odd column names go in backticks")
            };
            return Err(Fault::new(at..end, message));
        };
        tokens.push(Token {
            kind,
            span: start..at,
        });
    }
    tokens.push(Token {
        kind: TokenKind::End,
        span: text.len()..text.len(),
    });
    Ok(tokens)
}

/// The content of the text literal at `at` and the position after it.
fn quoted_text(text: &str, at: usize, quote: char) -> Result<(String, usize), Fault> {
    let mut content = String::new();
    let mut characters = text[at + 1..].char_indices();
    while let Some((offset, character)) = characters.next() {
        let place = at + 1 + offset;
        if character == quote {
            return Ok((content, place + 1));
        }
        if character != '\\' {
            content.push(character);
            continue;
        }
        match characters.next() {
            Some((_, 'n')) => content.push('\n'),
            Some((_, 't')) => content.push('\t'),
            Some((_, 'r')) => content.push('\r'),
            Some((_, escaped @ ('\\' | '"' | '\''))) => content.push(escaped),
            // Regular expressions are full of backslashes, and need no second one here.
            Some((_, other)) => {
                content.push('\\');
                content.push(other);
            }
            None => break,
        }
    }
    Err(Fault::new(at..text.len(), "a text is never closed"))
}

fn number_end(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = start;
    while let Some(&byte) = bytes.get(at) {
        let sign_of_exponent = matches!(byte, b'+' | b'-')
            && matches!(bytes.get(at - 1), Some(b'e' | b'E'))
            && at > start;
        if byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'_' || sign_of_exponent {
            at += 1;
        } else {
            break;
        }
    }
    at
}

fn number(text: &str) -> Option<TokenKind> {
    let plain = text.replace('_', "");
    if plain.bytes().all(|byte| byte.is_ascii_digit()) {
        return plain.parse().ok().map(TokenKind::Int);
    }
    let value: f64 = plain.parse().ok()?;
    value.is_finite().then_some(TokenKind::Float(value))
}
