//! The paths of the wanted columns, merged into a tree that a row is walked along.

use crate::error::{Result, TableError};

/// How a value at a leaf becomes a column's value.
#[derive(Clone, Copy)]
pub(crate) enum How {
    /// As the column's type says.
    Value,
    /// As one item of the column's list.
    Item,
    /// True where there is any value but null; false otherwise, also where the key is absent.
    Present,
    /// As the text that a function makes of the value's JSON.
    Text(fn(&str) -> Result<Option<String>, String>),
}

/// A column to fill from a place in the tree.
#[derive(Clone, Copy)]
pub(crate) struct Leaf {
    pub(crate) column: usize,
    pub(crate) how: How,
}

/// A place in a row.
#[derive(Clone, Default)]
pub(crate) struct Node {
    /// The keys that lead on from an object here, in the order in which rows had them of late.
    pub(crate) keys: Vec<(Box<str>, Option<usize>)>,
    /// Where to look first: rows of one source mostly have the same keys in the same order.
    pub(crate) expected: usize,
    /// The place of an array's items.
    pub(crate) each: Option<usize>,
    /// The list columns filled from within an array here, so that an empty array is an empty list.
    pub(crate) lists: Vec<usize>,
    /// The columns whose value is here.
    pub(crate) leaves: Vec<Leaf>,
    /// The list column that takes a bare text here, where an object was to be expected.
    pub(crate) bare: Option<usize>,
    /// The visit that last led here: a second time in the same object is a repeated key.
    pub(crate) visited_in: u64,
}

/// The wanted columns as a tree of places; place 0 is the row.
#[derive(Clone)]
pub(crate) struct Tree {
    pub(crate) nodes: Vec<Node>,
    /// Whether every key of a row is a column.
    pub(crate) open: bool,
}

/// One step of a path.
enum Step<'a> {
    Key(&'a str),
    Each,
}

impl Tree {
    /// A tree without columns; with `open`, every key of a row becomes one.
    pub(crate) fn new(open: bool) -> Self {
        Self {
            nodes: vec![Node::default()],
            open,
        }
    }

    /// Adds a column found by a path such as `title`, `user.login` or `labels[].name`. Says
    /// whether the path passes an array, so that the column holds lists.
    pub(crate) fn add_path(&mut self, path: &str, column: usize) -> Result<bool> {
        let mut node = 0;
        let mut arrays = Vec::new();
        for step in steps(path)? {
            node = match step {
                Step::Key(key) => self.child(node, key),
                Step::Each => {
                    arrays.push(node);
                    self.each(node)
                }
            };
        }
        let how = if arrays.is_empty() {
            How::Value
        } else {
            How::Item
        };
        for &array in &arrays {
            self.nodes[array].lists.push(column);
        }
        self.nodes[node].leaves.push(Leaf { column, how });
        Ok(!arrays.is_empty())
    }

    /// Adds a column that is a row's own key, whatever characters the key holds.
    pub(crate) fn add_key(&mut self, key: &str, column: usize) -> usize {
        let node = self.child(0, key);
        self.nodes[node].leaves.push(Leaf {
            column,
            how: How::Value,
        });
        node
    }

    /// Adds a column that is filled in a way of its own.
    pub(crate) fn add_leaf(&mut self, path: &[&str], column: usize, how: How) {
        let node = path.iter().fold(0, |node, key| self.child(node, key));
        self.nodes[node].leaves.push(Leaf { column, how });
    }

    /// Adds the list of what is under `key` in the objects of the array at `path`.
    pub(crate) fn add_names(&mut self, path: &[&str], key: &str, column: usize) {
        let array = path.iter().fold(0, |node, key| self.child(node, key));
        let item = self.each(array);
        let name = self.child(item, key);
        self.nodes[array].lists.push(column);
        self.nodes[name].leaves.push(Leaf {
            column,
            how: How::Item,
        });
    }

    /// Lets a bare text stand for an object among the items of the array at `path`.
    pub(crate) fn allow_bare(&mut self, path: &[&str], column: usize) {
        let node = path.iter().fold(0, |node, key| self.child(node, key));
        let item = self.each(node);
        self.nodes[item].bare = Some(column);
    }

    fn child(&mut self, node: usize, key: &str) -> usize {
        let found = self.nodes[node]
            .keys
            .iter()
            .find(|(name, _)| name.as_ref() == key)
            .and_then(|(_, child)| *child);
        found.unwrap_or_else(|| {
            let child = self.nodes.len();
            self.nodes.push(Node::default());
            self.nodes[node].keys.push((key.into(), Some(child)));
            child
        })
    }

    fn each(&mut self, node: usize) -> usize {
        self.nodes[node].each.unwrap_or_else(|| {
            let item = self.nodes.len();
            self.nodes.push(Node::default());
            self.nodes[node].each = Some(item);
            item
        })
    }

    /// Where `key` leads from `node`: `Some(None)` where it is known to lead nowhere.
    #[inline]
    pub(crate) fn lookup(&mut self, node: usize, key: &str) -> Option<Option<usize>> {
        let node = &mut self.nodes[node];
        if let Some((name, child)) = node.keys.get(node.expected)
            && name.as_ref() == key
        {
            node.expected += 1;
            return Some(*child);
        }
        let found = node
            .keys
            .iter()
            .position(|(name, _)| name.as_ref() == key)?;
        node.expected = found + 1;
        Some(node.keys[found].1)
    }

    /// Remembers that `key` leads nowhere, so that the next row passes it at once. Only so many:
    /// an object used as a dictionary has new keys in every row.
    pub(crate) fn ignore(&mut self, node: usize, key: &str) {
        const REMEMBERED: usize = 64;
        let node = &mut self.nodes[node];
        if node.keys.len() < REMEMBERED {
            let place = node.expected.min(node.keys.len());
            node.keys.insert(place, (key.into(), None));
            node.expected = place + 1;
        }
    }
}

fn steps(path: &str) -> Result<Vec<Step<'_>>> {
    let wrong = |reason: &str| TableError::Options {
        message: format!(
            "the path `{path}` of a column {reason}; paths look like `title`, `user.login` or `labels[].name`"
        ),
    };
    let mut steps = Vec::new();
    for part in path.split('.') {
        let key = part.trim_end_matches("[]");
        let arrays = (part.len() - key.len()) / 2;
        if key.is_empty() && !(steps.is_empty() && arrays > 0) {
            return Err(wrong("has an empty part"));
        }
        if key.contains(['[', ']']) {
            return Err(wrong("has brackets other than `[]` at the end of a part"));
        }
        if !key.is_empty() {
            steps.push(Step::Key(key));
        }
        steps.extend((0..arrays).map(|_| Step::Each));
    }
    Ok(steps)
}
