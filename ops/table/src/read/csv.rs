//! Rows out of comma-separated values (RFC 4180).
//!
//! A field is quoted only where its first character is a quote; quotes elsewhere are plain
//! characters. An unquoted empty field is null, `""` is the empty text.

use std::borrow::Cow;
use std::collections::BTreeMap;

use memchr::{memchr, memchr2, memrchr};

use super::columns::{Builder, Column, Kind};
use super::cut::{Cut, Cutter};
use super::json::rows::Refusal;

/// A field of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    start: usize,
    end: usize,
    quoted: bool,
    /// Whether quotes are doubled inside.
    doubled: bool,
    /// Whether something follows the closing quote.
    junk: bool,
}

impl Field {
    fn text<'a>(&self, row: &'a str) -> Cow<'a, str> {
        let text = &row[self.start..self.end];
        if self.doubled {
            Cow::Owned(text.replace("\"\"", "\""))
        } else {
            Cow::Borrowed(text)
        }
    }

    fn is_null(&self) -> bool {
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

fn row_end(bytes: &[u8], mut at: usize, delimiter: u8) -> Option<usize> {
    loop {
        let (_, next, last) = field(bytes, at, delimiter)?;
        at = next;
        if last {
            return Some(at);
        }
    }
}

/// Finds the ends of rows, some of which may span lines.
pub(crate) struct CsvCutter {
    pub(crate) delimiter: u8,
    pub(crate) max_row_bytes: usize,
}

impl Cutter for CsvCutter {
    fn cut(&mut self, buffer: &[u8], at_end: bool) -> Cut {
        let mut end = 0;
        if memchr(b'"', buffer).is_none() {
            end = if at_end {
                buffer.len()
            } else {
                memrchr(b'\n', buffer).map_or(0, |newline| newline + 1)
            };
        } else {
            while end < buffer.len() {
                match row_end(buffer, end, self.delimiter) {
                    // Without a line end behind it a row may go on in what is yet to come.
                    Some(next) if at_end || buffer[next - 1] == b'\n' => end = next,
                    _ => break,
                }
            }
        }
        let unclosed = end < buffer.len() && end == 0;
        if unclosed && (at_end || buffer.len() > self.max_row_bytes) {
            let reason = if at_end {
                "a quote is opened here and never closed".to_owned()
            } else {
                format!(
                    "the row is longer than {} bytes: is a quote opened here that is not closed? if it is right, raise `max_row_bytes`",
                    self.max_row_bytes
                )
            };
            let end = match memchr(b'\n', buffer) {
                Some(newline) => newline + 1,
                None if at_end => buffer.len(),
                None => return Cut::More,
            };
            return Cut::Rows {
                end,
                rows: Some(Vec::new()),
                bad: Some((0, reason)),
            };
        }
        if end == 0 && !at_end {
            return Cut::More;
        }
        Cut::Rows {
            end,
            rows: None,
            bad: None,
        }
    }

    fn resumes_at_line_ends(&self) -> bool {
        true
    }
}

/// A file's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) names: Vec<String>,
    pub(crate) delimiter: u8,
}

/// The header at the start of a content, and the bytes it takes; `None` where it has no end.
pub(crate) fn header(text: &str, delimiter: u8) -> Option<(Header, usize)> {
    let mut fields = Vec::new();
    let mut start = 0;
    loop {
        let end = row(text.as_bytes(), start, delimiter, &mut fields)?;
        let blank = fields.len() == 1 && fields[0].is_null();
        if !blank || end >= text.len() {
            let names = if blank {
                Vec::new()
            } else {
                fields
                    .iter()
                    .enumerate()
                    .map(|(index, field)| match field.text(text).trim() {
                        "" => format!("column_{}", index + 1),
                        name => name.to_owned(),
                    })
                    .collect()
            };
            return Some((Header { names, delimiter }, end));
        }
        start = end;
    }
}

/// How a column is found in a header and read.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// The names it may bear in a header.
    pub(crate) names: Vec<String>,
    /// What separates the items of a list; empty where a field is one item.
    pub(crate) separator: Option<String>,
}

/// What is done with a file's fields: for each field of a row, the column it goes to.
pub(crate) struct Mapping {
    pub(crate) targets: Vec<Option<usize>>,
}

impl Mapping {
    /// Matches a header to columns and their sources.
    ///
    /// # Errors
    /// Where one column that is no list occurs several times.
    pub(crate) fn new(
        header: &Header,
        columns: &[Column],
        sources: &[Source],
    ) -> Result<Self, String> {
        let mut targets = Vec::with_capacity(header.names.len());
        let mut taken = vec![false; columns.len()];
        for name in &header.names {
            let target = sources
                .iter()
                .position(|source| source.names.iter().any(|known| known == name));
            if let Some(column) = target {
                if taken[column] && columns[column].kind != Kind::Lists {
                    return Err(format!(
                        "the column `{name}` occurs several times in the header; to read it as one column of lists, say `lists = {{ \"{name}\" = \"\" }}`"
                    ));
                }
                taken[column] = true;
            }
            targets.push(target);
        }
        Ok(Self { targets })
    }
}

/// A row cut into fields, checked against the header.
pub(crate) fn check_row(fields: &[Field], header: &Header) -> Result<(), String> {
    if fields.len() != header.names.len() {
        return Err(format!(
            "the row has {} fields, but the header {}; fields with {} or line ends inside need quotes",
            fields.len(),
            header.names.len(),
            match header.delimiter {
                b'\t' => "tabs".to_owned(),
                other => format!("`{}`", char::from(other)),
            }
        ));
    }
    match fields.iter().position(|field| field.junk) {
        Some(index) => Err(format!(
            "in the field `{}` something follows the closing quote; quotes within quotes are written twice",
            header.names[index]
        )),
        None => Ok(()),
    }
}

pub(crate) fn is_blank(fields: &[Field]) -> bool {
    matches!(fields, [only] if only.is_null())
}

/// The kind of a field's text.
pub(crate) fn kind_of(text: &str) -> Kind {
    let bytes = text.as_bytes();
    let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
    match digits {
        [] => Kind::Text,
        // `007` is a name and no number.
        [b'0', b'0'..=b'9', ..] => Kind::Text,
        [b'0'..=b'9' | b'.', ..] => {
            if digits.iter().all(u8::is_ascii_digit) {
                if text.parse::<i64>().is_ok() {
                    Kind::Int
                } else {
                    Kind::Text
                }
            } else {
                match text.parse::<f64>() {
                    Ok(value) if value.is_finite() => Kind::Float,
                    _ => Kind::Text,
                }
            }
        }
        _ => match text {
            "true" | "false" | "True" | "False" | "TRUE" | "FALSE" => Kind::Bool,
            _ => Kind::Text,
        },
    }
}

/// Learns the kinds of a row's fields.
pub(crate) fn learn(row: &str, fields: &[Field], mapping: &Mapping, columns: &mut [Column]) {
    for (field, target) in fields.iter().zip(&mapping.targets) {
        if let Some(target) = *target
            && !columns[target].fixed
            && !field.is_null()
        {
            let column = &mut columns[target];
            if column.kind != Kind::Text {
                column.kind = column.kind.join(kind_of(&field.text(row)));
            }
        }
    }
}

/// Appends a row's fields to the columns.
pub(crate) fn fill(
    row: &str,
    fields: &[Field],
    mapping: &Mapping,
    columns: &[Column],
    sources: &[Source],
    builders: &mut [Builder],
) -> Result<(), Refusal> {
    for (field, target) in fields.iter().zip(&mapping.targets) {
        let Some(target) = *target else { continue };
        if field.is_null() {
            continue;
        }
        let text = field.text(row);
        let column = &columns[target];
        let fits = match &mut builders[target] {
            Builder::Text(texts) => {
                texts.push(&text);
                true
            }
            Builder::Lists(lists) => {
                lists.touch();
                match sources[target].separator.as_deref() {
                    None | Some("") => lists.items.push(&text),
                    Some(separator) => text
                        .split(separator)
                        .map(str::trim)
                        .filter(|item| !item.is_empty())
                        .for_each(|item| lists.items.push(item)),
                }
                true
            }
            Builder::Int(values) => {
                let value = if column.fixed {
                    text.trim().parse().ok()
                } else if kind_of(&text) == Kind::Int {
                    text.parse().ok()
                } else {
                    None
                };
                value.map(|value| values.push(Some(value))).is_some()
            }
            Builder::Float(values) => {
                let value = if column.fixed {
                    text.trim().parse().ok()
                } else if column.kind.holds(kind_of(&text)) {
                    text.parse().ok()
                } else {
                    None
                };
                value.map(|value| values.push(Some(value))).is_some()
            }
            Builder::Bool(values) => {
                let value = match text.trim() {
                    "true" | "True" | "TRUE" => Some(true),
                    "false" | "False" | "FALSE" => Some(false),
                    "1" if column.fixed => Some(true),
                    "0" if column.fixed => Some(false),
                    _ => None,
                };
                // Unless given, white space around the word makes it text.
                let value = value.filter(|_| column.fixed || kind_of(&text) == Kind::Bool);
                value.map(|value| values.push(Some(value))).is_some()
            }
            Builder::Nothing(_) => false,
        };
        if !fits {
            return Err(if column.fixed {
                Refusal::Bad(format!(
                    "`{}` must be {}, but here it is {:?}",
                    column.name,
                    column.kind.name(),
                    shortened(&text)
                ))
            } else {
                Refusal::Misfit
            });
        }
    }
    Ok(())
}

fn shortened(text: &str) -> String {
    const SHOWN: usize = 40;
    if text.chars().count() <= SHOWN {
        text.to_owned()
    } else {
        text.chars().take(SHOWN).chain(['…']).collect()
    }
}

/// The columns of a header where all of them are wanted, with given types and list separators.
pub(crate) fn open_columns(
    header: &Header,
    types: &BTreeMap<String, Kind>,
    lists: &BTreeMap<String, String>,
    all_text: bool,
) -> (Vec<Column>, Vec<Source>) {
    let mut columns: Vec<Column> = Vec::new();
    let mut sources = Vec::new();
    for name in &header.names {
        if columns.iter().any(|column| column.name == *name) {
            continue;
        }
        let (column, source) = column(name, name, types, lists, all_text);
        columns.push(column);
        sources.push(source);
    }
    (columns, sources)
}

/// The column `name`, found under `from` in the header.
pub(crate) fn column(
    name: &str,
    from: &str,
    types: &BTreeMap<String, Kind>,
    lists: &BTreeMap<String, String>,
    all_text: bool,
) -> (Column, Source) {
    let separator = lists.get(name).or_else(|| lists.get(from)).cloned();
    let given = types
        .get(name)
        .copied()
        .or(separator.as_ref().map(|_| Kind::Lists))
        .or(all_text.then_some(Kind::Text));
    let source = Source {
        names: vec![from.to_owned()],
        separator,
    };
    (Column::given_or_learned(name, given), source)
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

    #[test]
    fn kinds_are_recognised_without_surprises() {
        for (text, kind) in [
            ("12", Kind::Int),
            ("-3", Kind::Int),
            ("0", Kind::Int),
            ("007", Kind::Text),
            ("+5", Kind::Text),
            ("1.50", Kind::Float),
            (".5", Kind::Float),
            ("1e3", Kind::Float),
            ("1e999", Kind::Text),
            ("9223372036854775808", Kind::Text),
            ("nan", Kind::Text),
            ("True", Kind::Bool),
            ("yes", Kind::Text),
            ("1_000", Kind::Text),
            (" 5", Kind::Text),
            ("2024-01-02", Kind::Text),
            ("-", Kind::Text),
            (".", Kind::Text),
        ] {
            assert_eq!(kind_of(text), kind, "{text}");
        }
    }
}
