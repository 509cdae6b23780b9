//! Walks rows along the tree of wanted places.

use super::scan::{Next, Reason, Scanner};
use super::string::RawString;
use super::tree::{Leaf, Tree};

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
