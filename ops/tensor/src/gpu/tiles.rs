//! The shapes in which a matrix product is cut into workgroups.

use std::fmt;

use super::adapters::{Adapter, AdapterKind};

/// The entry points of `shaders/matmul.wgsl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Way {
    /// Every thread loads what it needs.
    Direct,
    /// Both sides go through workgroup memory.
    Tiled,
    /// Subgroups multiply matrices of this side, in half precision.
    Cooperative(usize),
}

/// How `shaders/matmul.wgsl` divides the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Tile {
    /// Which of its entry points.
    pub way: Way,
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
            way: Way::Tiled,
            blocks,
            threads,
            depth,
        }
    }

    const fn direct(blocks: [usize; 2], threads: [usize; 2]) -> Self {
        Self {
            way: Way::Direct,
            blocks,
            threads,
            depth: 4,
        }
    }

    /// Eight subgroups of 32 threads with 4 x 2 matrices each.
    pub const fn cooperative(matrix: usize) -> Self {
        Self {
            way: Way::Cooperative(matrix),
            blocks: [1, 1],
            threads: [16, 16],
            depth: 2 * matrix,
        }
    }

    /// Outputs of a workgroup: rows and columns.
    pub fn outputs(&self) -> [usize; 2] {
        if let Way::Cooperative(matrix) = self.way {
            return [8 * matrix, 8 * matrix];
        }
        [
            4 * self.blocks[0] * self.threads[0],
            4 * self.blocks[1] * self.threads[1],
        ]
    }

    /// Threads of a workgroup.
    pub fn thread_count(&self) -> usize {
        self.threads[0] * self.threads[1]
    }

    /// Elements of the tiles of left and right in workgroup memory: vectors of four, or halves with eight behind each line,
    /// whichever way their lines go.
    pub fn tile_elements(&self) -> [usize; 2] {
        self.outputs().map(|outputs| match self.way {
            Way::Direct => 0,
            Way::Tiled => self.depth * outputs / 4,
            Way::Cooperative(_) => (self.depth * (outputs + 8)).max((self.depth + 8) * outputs),
        })
    }

    /// Whether the adapter has the threads and the workgroup memory for it.
    pub fn fits(&self, adapter: &Adapter) -> bool {
        let elements: usize = self.tile_elements().iter().sum();
        let shared = match self.way {
            Way::Direct => 0,
            Way::Tiled => elements * 16,
            Way::Cooperative(matrix) => elements * 2 + 8 * matrix * matrix * 4,
        };
        self.thread_count() <= adapter.limits.max_threads as usize
            && shared <= adapter.limits.max_shared_bytes as usize
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [rows, columns] = self.outputs();
        let depth = match self.way {
            Way::Direct => ", direct".to_owned(),
            Way::Tiled => format!(", shared depth {}", self.depth),
            Way::Cooperative(matrix) => format!(", cooperative {matrix} x {matrix}"),
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
