//! [`AnyIndex`]: an index whose kind is known only once its file was read.

use tensor::cpu::Threads;

use crate::{FlatIndex, IvfIndex, Metric, Neighbours, ProductIndex, Result, ScalarIndex};

/// An index of any kind.
#[derive(Clone, Debug)]
pub enum AnyIndex {
    /// All vectors as they are.
    Flat(FlatIndex),
    /// Vectors in lists, of which a search looks into a few.
    Ivf(IvfIndex),
    /// A byte a component.
    Scalar(ScalarIndex),
    /// A byte for each of a few parts.
    Product(ProductIndex),
}

impl AnyIndex {
    /// `flat`, `ivf`, `scalar` or `product`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Flat(_) => "flat",
            Self::Ivf(_) => "ivf",
            Self::Scalar(_) => "scalar",
            Self::Product(_) => "product",
        }
    }

    /// The number of components of a vector.
    pub fn dimension(&self) -> usize {
        match self {
            Self::Flat(index) => index.dimension(),
            Self::Ivf(index) => index.dimension(),
            Self::Scalar(index) => index.dimension(),
            Self::Product(index) => index.dimension(),
        }
    }

    /// How vectors are compared.
    pub fn metric(&self) -> Metric {
        match self {
            Self::Flat(index) => index.metric(),
            Self::Ivf(index) => index.metric(),
            Self::Scalar(index) => index.metric(),
            Self::Product(index) => index.metric(),
        }
    }

    /// The number of vectors.
    pub fn len(&self) -> usize {
        match self {
            Self::Flat(index) => index.len(),
            Self::Ivf(index) => index.len(),
            Self::Scalar(index) => index.len(),
            Self::Product(index) => index.len(),
        }
    }

    /// Whether there are no vectors.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory that the index holds while it is searched.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Flat(index) => index.bytes(),
            Self::Ivf(index) => index.bytes(),
            Self::Scalar(index) => index.bytes(),
            Self::Product(index) => index.bytes(),
        }
    }

    /// The k nearest of each of the queries `[n, dimension]`. An [`IvfIndex`] looks into `probes` lists, or into as many as its file
    /// says; other kinds have none.
    ///
    /// # Errors
    /// As [`FlatIndex::search`] and [`IvfIndex::search`].
    pub fn search(
        &self,
        threads: &Threads,
        queries: &[f32],
        k: usize,
        probes: Option<usize>,
    ) -> Result<Neighbours> {
        match self {
            Self::Flat(index) => index.search(threads, queries, k),
            Self::Ivf(index) => {
                // FAISS's files may say more lists than there are.
                let own = index.default_probes().clamp(1, index.lists().max(1));
                index.search(threads, queries, k, probes.unwrap_or(own))
            }
            Self::Scalar(index) => index.search(threads, queries, k),
            Self::Product(index) => index.search(threads, queries, k),
        }
    }

    /// An index of inner products over vectors at length 1 as one of cosines, which brings queries to length 1 and whatever is added:
    /// what it was before [`AnyIndex::write_faiss`].
    #[must_use]
    pub fn into_cosine(self) -> Self {
        let metric = Metric::Cosine;
        match self {
            Self::Flat(index) => Self::Flat(index.with_metric(metric)),
            Self::Ivf(index) => Self::Ivf(index.with_metric(metric)),
            Self::Scalar(index) => Self::Scalar(index.with_metric(metric)),
            Self::Product(index) => Self::Product(index.with_metric(metric)),
        }
    }
}
