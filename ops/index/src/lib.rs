//! Nearest-neighbour indexes over embeddings.
//!
//! [`FlatIndex`] looks at every vector. Of equally near vectors the one with the smaller id comes first, and scores have the same bits
//! whatever the number of threads or queries.

mod candidates;
mod chunk;
mod dense;
mod error;
mod flat;
mod kernels;
mod metric;
mod neighbours;
mod vectors;

pub use error::{IndexError, Result};
pub use flat::FlatIndex;
pub use metric::Metric;
pub use neighbours::Neighbours;
