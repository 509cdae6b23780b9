//! Nearest-neighbour indexes over embeddings.
//!
//! [`FlatIndex`] looks at every vector; [`IvfIndex`] at those of the nearest lists; [`ScalarIndex`] and [`ProductIndex`] hold vectors in a
//! byte a component, or in a few bytes. Of equally near vectors the one with the smaller id comes first, and neighbours and distances
//! have the same bits whatever the number of threads or of queries: matrix products only sort out what can't be among the nearest,
//! by bounds on their error, and what is left is computed exactly.

mod any;
mod candidates;
mod chunk;
mod dense;
mod error;
mod faiss;
mod flat;
mod ivf;
mod kernels;
mod kmeans;
mod mersenne;
mod metric;
mod neighbours;
mod on_device;
mod product;
mod scalar;
mod vectors;

pub use any::AnyIndex;
pub use error::{IndexError, Result};
pub use flat::FlatIndex;
pub use ivf::IvfIndex;
pub use kmeans::KMeans;
pub use metric::Metric;
pub use neighbours::Neighbours;
pub use on_device::FlatOnDevice;
pub use product::ProductIndex;
pub use scalar::ScalarIndex;
