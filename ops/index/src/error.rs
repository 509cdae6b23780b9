//! [`IndexError`]: what an index can't do, and what to do about it.

use std::path::PathBuf;

/// The result of work on indexes.
pub type Result<T> = std::result::Result<T, IndexError>;

/// Why work on an index could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// An index of vectors without components.
    #[error(
        "an index needs vectors of at least one dimension; give the number of dimensions that the embeddings have"
    )]
    NoDimensions,
    /// A number of values that is not a whole number of vectors.
    #[error(
        "{doing}: {values} values are no whole number of vectors of {dimension} dimensions; embed with the model that the index was \
         built with, or build the index again"
    )]
    Dimension {
        /// What was being done.
        doing: &'static str,
        /// The values given.
        values: usize,
        /// The dimensions of the index.
        dimension: usize,
    },
    /// A value that is infinite or not a number.
    #[error(
        "{doing}: component {component} of vector {row} is {value}; a text that gives such an embedding must be left out, or the model \
         run in single precision"
    )]
    NotFinite {
        /// What was being done.
        doing: &'static str,
        /// The vector, from 0.
        row: usize,
        /// The component, from 0.
        component: usize,
        /// What is there.
        value: f32,
    },
    /// A vector too long for its square to be a number.
    #[error(
        "{doing}: vector {row} has length {length:.1e}, and lengths above 1e18 overflow; divide all vectors by a common factor"
    )]
    TooLong {
        /// What was being done.
        doing: &'static str,
        /// The vector, from 0.
        row: usize,
        /// Its length.
        length: f64,
    },
    /// A vector of zeros, which has no direction.
    #[error(
        "{doing}: vector {row} is zero, and cosine needs a direction; leave its text out, or use `l2` or `inner_product`"
    )]
    Zero {
        /// What was being done.
        doing: &'static str,
        /// The vector, from 0.
        row: usize,
    },
    /// A search in an index that holds nothing.
    #[error("search: the index is empty; add vectors first")]
    Empty,
    /// More neighbours than there are vectors, or none.
    #[error("search: k is {k}, but the index holds {vectors} vectors; k goes from 1 to {vectors}")]
    Neighbours {
        /// The number wanted.
        k: usize,
        /// The number held.
        vectors: usize,
    },
    /// More lists to look into than there are, or none.
    #[error(
        "search: nprobe is {probes}, but the index has {lists} lists; nprobe goes from 1 to {lists}"
    )]
    Probes {
        /// The number wanted.
        probes: usize,
        /// The number there is.
        lists: usize,
    },
    /// More clusters than vectors to make them from, or none.
    #[error(
        "train: {clusters} {what} of {vectors} vectors can't be made; give 1 to {vectors}, or more vectors"
    )]
    Clusters {
        /// What the clusters are for: lists or centroids.
        what: &'static str,
        /// The number wanted.
        clusters: usize,
        /// The vectors given.
        vectors: usize,
    },
    /// Sub-vectors that do not share the dimensions out evenly.
    #[error(
        "train: {parts} sub-quantisers can't share {dimension} dimensions; their number must divide {dimension}"
    )]
    Parts {
        /// The sub-quantisers wanted.
        parts: usize,
        /// The dimensions of the index.
        dimension: usize,
    },
    /// More vectors than an index holds.
    #[error(
        "add: {vectors} vectors are more than the {} that an index holds; split them over several indexes",
        u32::MAX
    )]
    TooMany {
        /// The number that there would be.
        vectors: usize,
    },
    /// A file that could not be read or written.
    #[error("{path}: {doing}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file that is not what it should be.
    #[error("{path}: byte {offset}: {reason}", path = path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Where, in bytes from its start.
        offset: usize,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The device failed.
    #[error(transparent)]
    Tensor(#[from] tensor::TensorError),
}
