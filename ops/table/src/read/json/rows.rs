//! Walks rows along the tree of wanted places, and fills columns or learns their types.

use std::collections::BTreeMap;

use super::scan::{Next, RawString, Reason, Scanner};
use super::tree::{How, Leaf, Tree};
use crate::read::columns::{Builder, Column, Kind, is_huge_whole, number_kind};

/// The most columns that are taken from keys nobody named.
const MOST_COLUMNS: usize = 2_048;

/// Why a row was not taken.
pub(crate) enum Refusal {
    /// It is no good.
    Bad(Reason),
    /// It is good, but does not fit the types inferred so far.
    Misfit,
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self::Bad(reason)
    }
}

/// What is done with the values found.
pub(crate) trait Output {
    /// Takes the value at the scanner, which is within `depth` arrays and objects, and passes it.
    fn value(&mut self, leaf: Leaf, scanner: &mut Scanner<'_>, depth: usize)
    -> Result<(), Refusal>;

    /// The row has a list in this column, be it empty.
    fn list(&mut self, column: usize);

    /// Takes a bare text as an item of a list.
    fn bare_item(&mut self, column: usize, text: RawString<'_>) -> Result<(), Refusal>;

    /// Makes a column for a key that was not seen before.
    fn new_column(&mut self, name: &str) -> Result<usize, Refusal>;
}

/// Walks rows along a tree.
pub(crate) struct Walker {
    pub(crate) tree: Tree,
    max_depth: usize,
    visits: u64,
}

impl Walker {
    pub(crate) fn new(tree: Tree, max_depth: usize) -> Self {
        Self {
            tree,
            max_depth,
            visits: 0,
        }
    }

    /// Walks one row, the text of a JSON object.
    pub(crate) fn row(&mut self, text: &str, output: &mut impl Output) -> Result<(), Refusal> {
        let mut scanner = Scanner::new(text, self.max_depth);
        if scanner.next_kind()? != Next::Object {
            // The grammar comes first: a cut-off line is better called so.
            scanner.skip(0)?;
            return Err(Refusal::Bad(
                "a row must be a JSON object, such as {\"text\": \"…\"}".into(),
            ));
        }
        self.object(0, &mut scanner, output, 0)?;
        scanner.end()?;
        Ok(())
    }

    fn object(
        &mut self,
        node: usize,
        scanner: &mut Scanner<'_>,
        output: &mut impl Output,
        depth: usize,
    ) -> Result<(), Refusal> {
        scanner.check_depth(depth)?;
        scanner.open_object();
        self.visits += 1;
        let visit = self.visits;
        self.tree.nodes[node].expected = 0;
        let mut first = true;
        while let Some(raw) = scanner.key(first)? {
            first = false;
            let child = if raw.escaped {
                let key = raw.to_text()?;
                self.child(node, &key, output)?
            } else {
                self.child(node, raw.text, output)?
            };
            match child {
                None => scanner.skip(depth + 1)?,
                Some(child) => {
                    if self.tree.nodes[child].visited_in == visit {
                        return Err(Refusal::Bad(format!(
                            "the key `{}` occurs twice in one object",
                            raw.text
                        )));
                    }
                    self.tree.nodes[child].visited_in = visit;
                    self.value(child, scanner, output, depth + 1)?;
                }
            }
        }
        Ok(())
    }

    #[inline]
    fn child(
        &mut self,
        node: usize,
        key: &str,
        output: &mut impl Output,
    ) -> Result<Option<usize>, Refusal> {
        if let Some(child) = self.tree.lookup(node, key) {
            return Ok(child);
        }
        if node == 0 && self.tree.open {
            let column = output.new_column(key)?;
            let child = self.tree.add_key(key, column);
            return Ok(Some(child));
        }
        self.tree.ignore(node, key);
        Ok(None)
    }

    fn value(
        &mut self,
        node: usize,
        scanner: &mut Scanner<'_>,
        output: &mut impl Output,
        depth: usize,
    ) -> Result<(), Refusal> {
        let place = &self.tree.nodes[node];
        let is_inner = !place.keys.is_empty() || place.each.is_some();
        let leaves = place.leaves.len();
        let next = scanner.next_kind()?;
        let start = scanner.position();
        for leaf in 0..leaves {
            scanner.go_to(start);
            output.value(self.tree.nodes[node].leaves[leaf], scanner, depth)?;
        }
        if !is_inner {
            return Ok(());
        }
        scanner.go_to(start);
        let place = &self.tree.nodes[node];
        match next {
            Next::Object if !place.keys.is_empty() => self.object(node, scanner, output, depth),
            Next::Array => match place.each {
                Some(item) => self.array(node, item, scanner, output, depth),
                None => Ok(scanner.skip(depth)?),
            },
            Next::String => match place.bare {
                Some(column) => {
                    let text = scanner.string()?;
                    output.bare_item(column, text)
                }
                None => Ok(scanner.skip(depth)?),
            },
            _ => Ok(scanner.skip(depth)?),
        }
    }

    fn array(
        &mut self,
        node: usize,
        item: usize,
        scanner: &mut Scanner<'_>,
        output: &mut impl Output,
        depth: usize,
    ) -> Result<(), Refusal> {
        scanner.check_depth(depth)?;
        for list in 0..self.tree.nodes[node].lists.len() {
            output.list(self.tree.nodes[node].lists[list]);
        }
        scanner.open_array();
        let mut first = true;
        while scanner.item(first)? {
            first = false;
            self.value(item, scanner, output, depth + 1)?;
        }
        Ok(())
    }
}

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
fn kind_of(scanner: &mut Scanner<'_>, depth: usize) -> Result<Kind, Reason> {
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
