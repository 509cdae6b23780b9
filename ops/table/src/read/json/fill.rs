//! Fills the columns of a batch from rows.

use super::learn::kind_of;
use super::scan::{Next, Scanner};
use super::string::RawString;
use super::tree::{How, Leaf};
use super::walk::{Output, Refusal};
use crate::read::columns::{Builder, Column, Kind, is_huge_whole, number_kind};

/// What a number is called where it does not fit.
fn number_name(text: &str) -> &'static str {
    match number_kind(text) {
        Kind::Text => "a number that 64 bits cannot hold",
        kind => kind.name(),
    }
}

/// Fills the columns of a batch.
pub(crate) struct Filler<'a> {
    pub(crate) builders: Vec<Builder>,
    pub(crate) columns: &'a [Column],
}

impl<'a> Filler<'a> {
    pub(crate) fn new(columns: &'a [Column]) -> Self {
        Self {
            builders: columns.iter().map(|c| Builder::new(c.kind)).collect(),
            columns,
        }
    }

    /// The row, the `row`th of the batch, was good.
    pub(crate) fn keep_row(&mut self, row: usize) {
        for (builder, column) in self.builders.iter_mut().zip(self.columns) {
            if column.false_if_absent {
                builder.end_row_false(row);
            } else {
                builder.end_row(row);
            }
        }
    }

    /// The row was bad; the batch goes on with `rows` rows.
    pub(crate) fn drop_row(&mut self, rows: usize) {
        for builder in &mut self.builders {
            builder.truncate(rows);
        }
    }

    fn misfit(&self, column: usize, found: &str) -> Refusal {
        let Column { name, kind, .. } = &self.columns[column];
        if self.columns[column].fixed {
            Refusal::Bad(format!(
                "`{name}` must be {}, but here it is {found}",
                kind.name()
            ))
        } else {
            Refusal::Misfit
        }
    }

    fn plain_value(
        &mut self,
        column: usize,
        scanner: &mut Scanner<'_>,
        depth: usize,
    ) -> Result<(), Refusal> {
        let next = scanner.next_kind()?;
        if next == Next::Null {
            scanner.word("null")?;
            return Ok(());
        }
        let builder = &mut self.builders[column];
        match (builder, next) {
            (Builder::Text(texts), Next::String) => {
                scanner.string()?.append_to(&mut texts.bytes)?;
                texts.end(true);
                Ok(())
            }
            (Builder::Text(texts), _) => {
                let start = scanner.position();
                scanner.skip(depth)?;
                texts.push(scanner.since(start));
                Ok(())
            }
            (Builder::Int(values), Next::Number) => {
                let text = scanner.number()?;
                if let Ok(value) = text.parse() {
                    values.push(Some(value));
                    Ok(())
                } else {
                    Err(self.misfit(column, number_name(text)))
                }
            }
            (Builder::Float(values), Next::Number) => {
                let text = scanner.number()?;
                let loses_digits = !self.columns[column].fixed && is_huge_whole(text);
                match text.parse::<f64>() {
                    Ok(value) if value.is_finite() && !loses_digits => {
                        values.push(Some(value));
                        Ok(())
                    }
                    _ => Err(self.misfit(column, number_name(text))),
                }
            }
            (Builder::Bool(values), Next::True) => {
                scanner.word("true")?;
                values.push(Some(true));
                Ok(())
            }
            (Builder::Bool(values), Next::False) => {
                scanner.word("false")?;
                values.push(Some(false));
                Ok(())
            }
            (Builder::Lists(_), Next::Array) => self.list_value(column, scanner, depth),
            (Builder::Lists(lists), Next::String) if self.columns[column].fixed => {
                lists.touch();
                scanner.string()?.append_to(&mut lists.items.bytes)?;
                lists.items.end(true);
                Ok(())
            }
            _ => {
                let found = kind_of(scanner, depth)?;
                Err(self.misfit(column, found.name()))
            }
        }
    }

    fn list_value(
        &mut self,
        column: usize,
        scanner: &mut Scanner<'_>,
        depth: usize,
    ) -> Result<(), Refusal> {
        scanner.check_depth(depth)?;
        // An inferred column that has shown only empty lists may yet turn out to be no list of text.
        let only_empty = self.columns[column].kind == Kind::EmptyLists;
        scanner.open_array();
        let mut first = true;
        while scanner.item(first)? {
            first = false;
            let next = scanner.next_kind()?;
            let fits = match next {
                Next::String | Next::Null => !only_empty,
                Next::Object | Next::Array => false,
                _ => self.columns[column].fixed,
            };
            if !fits {
                scanner.skip(depth + 1)?;
                return Err(self.misfit(column, "a list of other things than text"));
            }
            self.item(column, scanner, depth + 1)?;
        }
        if let Builder::Lists(lists) = &mut self.builders[column] {
            lists.touch();
        }
        Ok(())
    }

    /// Takes one item of a list: text as it is, null as null, anything else as its JSON.
    fn item(
        &mut self,
        column: usize,
        scanner: &mut Scanner<'_>,
        depth: usize,
    ) -> Result<(), Refusal> {
        let Builder::Lists(lists) = &mut self.builders[column] else {
            return Ok(scanner.skip(depth)?);
        };
        match scanner.next_kind()? {
            Next::String => {
                scanner.string()?.append_to(&mut lists.items.bytes)?;
                lists.items.end(true);
            }
            Next::Null => {
                scanner.word("null")?;
                lists.items.end(false);
            }
            _ => {
                let start = scanner.position();
                scanner.skip(depth)?;
                lists.items.push(scanner.since(start));
            }
        }
        Ok(())
    }
}

impl Output for Filler<'_> {
    #[inline]
    fn value(
        &mut self,
        leaf: Leaf,
        scanner: &mut Scanner<'_>,
        depth: usize,
    ) -> Result<(), Refusal> {
        match leaf.how {
            How::Value => self.plain_value(leaf.column, scanner, depth),
            How::Item => self.item(leaf.column, scanner, depth),
            How::Present => {
                let present = scanner.next_kind()? != Next::Null;
                scanner.skip(depth)?;
                if let Builder::Bool(values) = &mut self.builders[leaf.column] {
                    values.push(Some(present));
                }
                Ok(())
            }
            How::Text(extract) => {
                scanner.next_kind()?;
                let start = scanner.position();
                scanner.skip(depth)?;
                let text = extract(scanner.since(start))?;
                if let (Builder::Text(texts), Some(text)) = (&mut self.builders[leaf.column], text)
                {
                    texts.push(&text);
                }
                Ok(())
            }
        }
    }

    fn list(&mut self, column: usize) {
        if let Builder::Lists(lists) = &mut self.builders[column] {
            lists.touch();
        }
    }

    fn bare_item(&mut self, column: usize, text: RawString<'_>) -> Result<(), Refusal> {
        if let Builder::Lists(lists) = &mut self.builders[column] {
            text.append_to(&mut lists.items.bytes)?;
            lists.items.end(true);
        }
        Ok(())
    }

    fn new_column(&mut self, _name: &str) -> Result<usize, Refusal> {
        Err(Refusal::Misfit)
    }
}
