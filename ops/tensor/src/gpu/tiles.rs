//! The shapes in which a matrix product is cut into workgroups.

use std::fmt;

use super::adapters::{Adapter, AdapterKind};

/// How `shaders/matmul.wgsl` divides the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Tile {
    /// Whether both sides go through workgroup memory.
    pub shared: bool,
    /// Blocks of 4 x 4 outputs a thread, along rows and columns: 1 or 2.
    pub blocks: [usize; 2],
    /// Threads of a workgroup along rows and columns.
    pub threads: [usize; 2],
    /// Depth of a tile in workgroup memory.
    pub depth: usize,
}

impl Tile {
    const fn shared(blocks: [usize; 2], threads: [usize; 2], depth: usize) -> Self {
        Self {
            shared: true,
            blocks,
            threads,
            depth,
        }
    }

    const fn direct(blocks: [usize; 2], threads: [usize; 2]) -> Self {
        Self {
            shared: false,
            blocks,
            threads,
            depth: 4,
        }
    }

    /// Outputs of a workgroup: rows and columns.
    pub fn outputs(&self) -> [usize; 2] {
        [
            4 * self.blocks[0] * self.threads[0],
            4 * self.blocks[1] * self.threads[1],
        ]
    }

    /// Threads of a workgroup.
    pub fn thread_count(&self) -> usize {
        self.threads[0] * self.threads[1]
    }

    fn fits(&self, adapter: &Adapter) -> bool {
        let shared = if self.shared {
            self.depth * self.outputs().iter().sum::<usize>() * 4
        } else {
            0
        };
        self.thread_count() <= adapter.limits.max_threads as usize
            && shared <= adapter.limits.max_shared_bytes as usize
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [rows, columns] = self.outputs();
        let depth = if self.shared {
            format!(", shared depth {}", self.depth)
        } else {
            ", direct".to_owned()
        };
        write!(
            formatter,
            "{rows} x {columns} by {} threads{depth}",
            self.thread_count()
        )
    }
}

/// What is tried on every adapter. In a shared tile each thread carries 1, 2 or 4 vectors of each side.
pub(super) const CANDIDATES: [Tile; 11] = [
    Tile::shared([2, 2], [16, 16], 8),
    Tile::shared([2, 2], [16, 16], 16),
    Tile::shared([2, 2], [8, 16], 16),
    Tile::shared([2, 2], [8, 8], 16),
    Tile::shared([1, 2], [16, 8], 16),
    Tile::shared([1, 1], [16, 16], 16),
    Tile::shared([1, 1], [8, 8], 16),
    Tile::direct([2, 2], [1, 8]),
    Tile::direct([2, 2], [8, 8]),
    Tile::direct([1, 2], [1, 8]),
    Tile::direct([1, 1], [8, 8]),
];

/// Problems whose best tile is alike: by their number of outputs, in fours.
pub(super) const CLASSES: usize = 6;

/// The class of a problem, and the side of the square output that stands for it in measurements.
pub(super) fn class_of(outputs: usize) -> usize {
    (0..CLASSES - 1)
        .find(|&class| outputs <= side_of(class) * side_of(class) * 2)
        .unwrap_or(CLASSES - 1)
}

pub(super) fn side_of(class: usize) -> usize {
    64 << class
}

/// What is used before anything is measured.
pub(super) fn default_tiles(adapter: &Adapter) -> [Tile; CLASSES] {
    let preferred: [usize; CLASSES] = match adapter.kind {
        // The small tile is slower, and compiles in a quarter of the time, which is what small products wait for.
        AdapterKind::Software => [10, 8, 8, 8, 8, 8],
        AdapterKind::Integrated => [6, 6, 3, 3, 3, 3],
        _ => [6, 6, 3, 2, 0, 0],
    };
    preferred.map(|number| {
        let preferred = CANDIDATES[number];
        if preferred.fits(adapter) {
            preferred
        } else {
            CANDIDATES[CANDIDATES.len() - 1]
        }
    })
}

/// The candidates that this adapter can run.
pub(super) fn possible(adapter: &Adapter) -> impl Iterator<Item = (usize, Tile)> {
    CANDIDATES
        .into_iter()
        .enumerate()
        .filter(|(_, tile)| tile.fits(adapter))
}
