//! Fields to columns and their types.

use std::collections::BTreeMap;

use super::fields::Field;
use super::header::{Header, Mapping, Source};
use crate::read::columns::{Builder, Column, Kind};
use crate::read::json::walk::Refusal;

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
