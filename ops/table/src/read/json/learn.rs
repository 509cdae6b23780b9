//! Learns from rows which columns there are and what they hold.

use std::collections::BTreeMap;

use super::scan::{Next, Reason, Scanner};
use super::string::RawString;
use super::tree::{How, Leaf};
use super::walk::{Output, Refusal};
use crate::read::columns::{Column, Kind, number_kind};

/// The most columns that are taken from keys nobody named.
const MOST_COLUMNS: usize = 2_048;

/// Learns which columns there are and what they hold. A row counts once it is kept.
pub(crate) struct Learner {
    columns: Vec<Column>,
    /// The columns that a kept row had, in the order of appearance.
    confirmed: Vec<usize>,
    is_confirmed: Vec<bool>,
    /// What the current row holds.
    row: Vec<(usize, Kind)>,
    /// Types for columns that are yet to appear.
    types: BTreeMap<String, Kind>,
}

impl Learner {
    pub(crate) fn new(columns: Vec<Column>, types: BTreeMap<String, Kind>) -> Self {
        Self {
            confirmed: (0..columns.len()).collect(),
            is_confirmed: vec![true; columns.len()],
            columns,
            row: Vec::new(),
            types,
        }
    }

    /// The row was good: what it holds counts.
    pub(crate) fn keep_row(&mut self) {
        for (column, seen) in self.row.drain(..) {
            if !self.is_confirmed[column] {
                self.is_confirmed[column] = true;
                self.confirmed.push(column);
            }
            let column = &mut self.columns[column];
            if !column.fixed {
                column.kind = column.kind.join(seen);
            }
        }
    }

    /// The row was bad: it teaches nothing.
    pub(crate) fn drop_row(&mut self) {
        self.row.clear();
    }

    pub(crate) fn finish(self) -> Vec<Column> {
        self.confirmed
            .iter()
            .map(|&column| self.columns[column].clone())
            .collect()
    }
}

impl Output for Learner {
    fn value(
        &mut self,
        leaf: Leaf,
        scanner: &mut Scanner<'_>,
        depth: usize,
    ) -> Result<(), Refusal> {
        let seen = match leaf.how {
            How::Value => kind_of(scanner, depth)?,
            _ => {
                scanner.skip(depth)?;
                Kind::Nothing
            }
        };
        self.row.push((leaf.column, seen));
        Ok(())
    }

    fn list(&mut self, _column: usize) {}

    fn bare_item(&mut self, _column: usize, _text: RawString<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    fn new_column(&mut self, name: &str) -> Result<usize, Refusal> {
        if self.columns.len() >= MOST_COLUMNS {
            return Err(Refusal::Bad(format!(
                "the key `{name}` would be column {}; name the columns you need: `columns = {{ text = \"path.to.text\" }}`",
                MOST_COLUMNS + 1
            )));
        }
        let given = self.types.get(name).copied();
        self.columns.push(Column::given_or_learned(name, given));
        self.is_confirmed.push(false);
        Ok(self.columns.len() - 1)
    }
}

/// The kind of the value at the scanner, which is passed.
pub(super) fn kind_of(scanner: &mut Scanner<'_>, depth: usize) -> Result<Kind, Reason> {
    Ok(match scanner.next_kind()? {
        Next::Null => {
            scanner.word("null")?;
            Kind::Nothing
        }
        Next::True => {
            scanner.word("true")?;
            Kind::Bool
        }
        Next::False => {
            scanner.word("false")?;
            Kind::Bool
        }
        Next::Number => number_kind(scanner.number()?),
        Next::String => {
            scanner.string()?;
            Kind::Text
        }
        Next::Object => {
            scanner.skip(depth)?;
            Kind::Text
        }
        Next::Array => {
            scanner.check_depth(depth)?;
            scanner.open_array();
            let mut kind = Kind::EmptyLists;
            let mut first = true;
            while scanner.item(first)? {
                first = false;
                let item = match scanner.next_kind()? {
                    Next::String | Next::Null => Kind::Lists,
                    _ => Kind::Text,
                };
                kind = kind.join(item);
                scanner.skip(depth + 1)?;
            }
            kind
        }
    })
}
