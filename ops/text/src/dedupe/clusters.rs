//! Connected rows, the first of which is kept.

/// A forest of rows (union-find with path halving); the root of a tree is its first row.
pub(super) struct Clusters {
    parents: Vec<u32>,
}

impl Clusters {
    pub(super) fn new(rows: usize) -> Self {
        Self {
            parents: (0..rows as u32).collect(),
        }
    }

    pub(super) fn root(&mut self, mut row: u32) -> u32 {
        while self.parents[row as usize] != row {
            let grandparent = self.parents[self.parents[row as usize] as usize];
            self.parents[row as usize] = grandparent;
            row = grandparent;
        }
        row
    }

    pub(super) fn connected(&mut self, a: u32, b: u32) -> bool {
        self.root(a) == self.root(b)
    }

    pub(super) fn connect(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        self.parents[a.max(b) as usize] = a.min(b);
    }
}
