//! The header, and what is done with the fields under it.

use super::fields::{Field, row};
use crate::read::columns::{Column, Kind};

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
