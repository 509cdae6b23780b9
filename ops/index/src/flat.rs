//! [`FlatIndex`]: exhaustive search over vectors as they are.

use std::borrow::Cow;
use std::ops::Range;

use tensor::cpu::Threads;

use crate::candidates::{Best, Rows, View};
use crate::chunk::Facts;
use crate::dense::{self, Source};
use crate::kernels;
use crate::vectors::checked;
use crate::{IndexError, Metric, Neighbours, Result};

/// All vectors, in the order in which they were added; the id of a vector is its place, from 0.
///
/// Searches are exact: the neighbours are those that computing every score in `f32` would give, whatever the number of threads
/// and of queries.
#[derive(Clone, Debug)]
pub struct FlatIndex {
    metric: Metric,
    dimension: usize,
    vectors: Vec<f32>,
    facts: Vec<Facts>,
}

impl FlatIndex {
    /// An empty index of vectors of `dimension` components.
    ///
    /// # Errors
    /// [`IndexError::NoDimensions`] for 0.
    pub fn new(dimension: usize, metric: Metric) -> Result<Self> {
        if dimension == 0 {
            return Err(IndexError::NoDimensions);
        }
        Ok(Self {
            metric,
            dimension,
            vectors: Vec::new(),
            facts: Vec::new(),
        })
    }

    /// The number of components of a vector.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// How vectors are compared.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// The number of vectors.
    pub fn len(&self) -> usize {
        self.facts.len()
    }

    /// Whether there are no vectors.
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }

    /// All vectors, `[len, dimension]`, row after row; at length 1 for [`Metric::Cosine`].
    pub fn vectors(&self) -> &[f32] {
        &self.vectors
    }

    /// Adds vectors `[n, dimension]`, row after row.
    ///
    /// # Errors
    /// [`IndexError::Dimension`], [`IndexError::NotFinite`], [`IndexError::TooLong`], [`IndexError::TooMany`]; [`IndexError::Zero`]
    /// for [`Metric::Cosine`]. Nothing is added then.
    pub fn add(&mut self, vectors: &[f32]) -> Result<()> {
        let vectors = checked("add", vectors, self.dimension, self.metric)?;
        self.add_checked(&vectors)
    }

    pub(crate) fn add_checked(&mut self, vectors: &[f32]) -> Result<()> {
        let count = self.len() + vectors.len() / self.dimension;
        if count > u32::MAX as usize {
            return Err(IndexError::TooMany { vectors: count });
        }
        self.vectors.extend_from_slice(vectors);
        self.facts
            .extend(vectors.chunks_exact(self.dimension).map(Facts::of));
        Ok(())
    }

    /// The k nearest of each of the queries `[n, dimension]`.
    ///
    /// # Errors
    /// [`IndexError::Empty`], [`IndexError::Neighbours`], and for queries as for [`FlatIndex::add`].
    pub fn search(&self, threads: &Threads, queries: &[f32], k: usize) -> Result<Neighbours> {
        let queries = self.check_search(queries, k)?;
        Ok(Neighbours::of(
            self.search_checked(threads, &queries, k),
            self.metric,
        ))
    }

    /// The same with another metric.
    pub(crate) fn with_metric(self, metric: Metric) -> Self {
        Self { metric, ..self }
    }

    /// Bytes of memory for the vectors and what is known of them.
    pub(crate) fn bytes(&self) -> usize {
        4 * self.vectors.len() + size_of_val(&self.facts[..])
    }

    pub(crate) fn search_checked(
        &self,
        threads: &Threads,
        queries: &[f32],
        k: usize,
    ) -> Vec<Vec<Best>> {
        dense::search(threads, self, queries, k)
    }

    pub(crate) fn check_search<'a>(&self, queries: &'a [f32], k: usize) -> Result<Cow<'a, [f32]>> {
        check_search(queries, k, self.len(), self.dimension, self.metric)
    }

    pub(crate) fn half_squares(&self, places: Range<usize>) -> Vec<f32> {
        self.facts[places]
            .iter()
            .map(|facts| facts.half_square)
            .collect()
    }
}

/// What every search asks of its arguments.
pub(crate) fn check_search(
    queries: &[f32],
    k: usize,
    vectors: usize,
    dimension: usize,
    metric: Metric,
) -> Result<Cow<'_, [f32]>> {
    if vectors == 0 {
        return Err(IndexError::Empty);
    }
    if k == 0 || k > vectors {
        return Err(IndexError::Neighbours { k, vectors });
    }
    checked("search", queries, dimension, metric)
}

impl Rows for FlatIndex {
    fn id(&self, place: u32) -> i64 {
        i64::from(place)
    }

    fn scores(&self, query: &[f32], places: &[u32], scores: &mut [f32]) {
        kernels::scores(query, &self.vectors, places, self.squared(), scores);
    }
}

impl Source for FlatIndex {
    type Tables = ();

    fn dimension(&self) -> usize {
        self.dimension
    }

    fn facts(&self) -> &[Facts] {
        &self.facts
    }

    fn squared(&self) -> bool {
        self.metric == Metric::L2
    }

    fn vectors(&self, places: Range<usize>) -> Cow<'_, [f32]> {
        Cow::Borrowed(&self.vectors[places.start * self.dimension..places.end * self.dimension])
    }

    fn tables(&self, _query: &[f32]) {}

    fn estimates(&self, query: &[f32], (): &(), places: Range<usize>, scores: &mut [f32]) -> View {
        let mut list = [0_u32; 64];
        for places in list[..places.len()].iter_mut().zip(places.clone()) {
            *places.0 = places.1 as u32;
        }
        self.scores(query, &list[..places.len()], scores);
        View::EXACT
    }
}
