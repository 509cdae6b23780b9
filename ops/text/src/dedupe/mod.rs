//! Duplicate texts: exact ones, and near ones by MinHash and locality-sensitive hashing.
//!
//! | file | what it holds |
//! |---|---|
//! | `normalise` | what is ignored when texts are compared |
//! | `exact` | equal texts |
//! | `near` | near duplicates: candidates, their check, clusters |
//! | `shingles` | a text as a set of hashed shingles; the Jaccard similarity |
//! | `minhash` | signatures |
//! | `bands` | how signatures are cut into bands, and the candidates that bands give |
//! | `clusters` | connected rows, the first of which is kept |

mod bands;
mod clusters;
mod exact;
mod minhash;
mod near;
mod normalise;
mod shingles;

pub use bands::Bands;
pub use exact::exact;
pub use near::{NearParams, near};
pub use normalise::Normalise;
pub use shingles::ShingleUnit;

use serde::{Deserialize, Serialize};

/// A row that was removed, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Duplicate {
    /// The row that was removed.
    pub removed: usize,
    /// The row of its cluster that was kept: the first.
    pub kept: usize,
    /// How similar the two are: 1 for exact duplicates, else the Jaccard similarity of their shingles. It is below the
    /// threshold where the two are only linked through others.
    pub similarity: f64,
}

/// What deduplication leaves and what it takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Deduplicated {
    /// The ascending rows that are left.
    pub kept: Vec<usize>,
    /// The removed rows, ascending.
    pub duplicates: Vec<Duplicate>,
}
