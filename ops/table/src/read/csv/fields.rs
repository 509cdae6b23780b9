//! Rows cut into fields.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

/// A field of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    start: usize,
    end: usize,
    quoted: bool,
    /// Whether quotes are doubled inside.
    doubled: bool,
    /// Whether something follows the closing quote.
    pub(super) junk: bool,
}

impl Field {
    pub(super) fn text<'a>(&self, row: &'a str) -> Cow<'a, str> {
        let text = &row[self.start..self.end];
        if self.doubled {
            Cow::Owned(text.replace("\"\"", "\""))
        } else {
            Cow::Borrowed(text)
        }
    }

    pub(super) fn is_null(&self) -> bool {
        self.start == self.end && !self.quoted
    }
}

/// The field that begins at `at`, the position after it and its delimiter, and whether it is the
/// row's last; `None` where its quote is never closed.
#[inline]
fn field(bytes: &[u8], at: usize, delimiter: u8) -> Option<(Field, usize, bool)> {
    if bytes.get(at) != Some(&b'"') {
        let (end, next, last) = field_end(bytes, at, delimiter);
        let field = Field {
            start: at,
            end,
            quoted: false,
            doubled: false,
            junk: false,
        };
        return Some((field, next, last));
    }
    let mut quote = at + 1;
    let mut doubled = false;
    loop {
        quote += memchr(b'"', bytes.get(quote..)?)?;
        if bytes.get(quote + 1) != Some(&b'"') {
            break;
        }
        doubled = true;
        quote += 2;
    }
    let (end, next, last) = field_end(bytes, quote + 1, delimiter);
    let field = Field {
        start: at + 1,
        end: quote,
        quoted: true,
        doubled,
        junk: end > quote + 1,
    };
    Some((field, next, last))
}

/// The end of an unquoted stretch, the position after its delimiter, and whether it ends the row.
#[inline]
fn field_end(bytes: &[u8], at: usize, delimiter: u8) -> (usize, usize, bool) {
    match memchr2(delimiter, b'\n', &bytes[at..]) {
        None => {
            let end = bytes.len();
            let carriage = end > at && bytes[end - 1] == b'\r';
            (end - usize::from(carriage), end, true)
        }
        Some(offset) => {
            let end = at + offset;
            if bytes[end] == delimiter {
                return (end, end + 1, false);
            }
            let carriage = end > at && bytes[end - 1] == b'\r';
            (end - usize::from(carriage), end + 1, true)
        }
    }
}

/// Reads the row at `at` into `fields`; gives the position after it, or `None` where a quote is
/// never closed.
pub(crate) fn row(
    bytes: &[u8],
    mut at: usize,
    delimiter: u8,
    fields: &mut Vec<Field>,
) -> Option<usize> {
    fields.clear();
    loop {
        let (field, next, last) = field(bytes, at, delimiter)?;
        fields.push(field);
        at = next;
        if last {
            return Some(at);
        }
    }
}

/// The position after the row at `at`, or `None` where a quote is never closed.
pub(super) fn row_end(bytes: &[u8], mut at: usize, delimiter: u8) -> Option<usize> {
    loop {
        let (_, next, last) = field(bytes, at, delimiter)?;
        at = next;
        if last {
            return Some(at);
        }
    }
}

pub(crate) fn is_blank(fields: &[Field]) -> bool {
    matches!(fields, [only] if only.is_null())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        row(text.as_bytes(), 0, b',', &mut found).unwrap();
        found
            .iter()
            .map(|field| field.text(text).into_owned())
            .collect()
    }

    #[test]
    fn quotes_protect_delimiters_line_ends_and_doubled_quotes() {
        assert_eq!(
            fields("a,\"b,\n\"\"c\"\"\",,\"\"\r\nnext"),
            ["a", "b,\n\"c\"", "", ""]
        );
    }

    #[test]
    fn a_quote_inside_an_unquoted_field_is_a_character() {
        assert_eq!(fields("5\" pipe,x\n"), ["5\" pipe", "x"]);
    }
}
