//! [`ScalarIndex`]: a byte a component.

use std::borrow::Cow;
use std::ops::Range;

use tensor::cpu::Threads;

use crate::candidates::{Rows, View};
use crate::chunk::Facts;
use crate::dense::{self, Source};
use crate::flat::check_search;
use crate::kernels;
use crate::vectors::{are_sound, checked};
use crate::{IndexError, Metric, Neighbours, Result};

/// Exhaustive search over vectors of a byte a component, a quarter of the memory of [`FlatIndex`](crate::FlatIndex).
///
/// Each component is one of 256 even steps between the least and the largest value that the training vectors have there, as FAISS's
/// `QT_8bit` has it, code for code. Queries are compared as they are with the middles of the steps.
#[derive(Clone, Debug)]
pub struct ScalarIndex {
    metric: Metric,
    least: Vec<f32>,
    extent: Vec<f32>,
    codes: Vec<u8>,
    facts: Vec<Facts>,
}

impl ScalarIndex {
    /// An index without vectors, whose steps are those of `vectors`, `[n, dimension]`.
    ///
    /// # Errors
    /// [`IndexError::Clusters`] for no vectors; else as for [`FlatIndex::add`](crate::FlatIndex::add).
    pub fn train(vectors: &[f32], dimension: usize, metric: Metric) -> Result<Self> {
        let vectors = checked("train", vectors, dimension, metric)?;
        if vectors.is_empty() {
            return Err(IndexError::Clusters {
                what: "ranges of values",
                clusters: dimension,
                vectors: 0,
            });
        }
        let mut least = vec![f32::INFINITY; dimension];
        let mut most = vec![f32::NEG_INFINITY; dimension];
        for vector in vectors.chunks_exact(dimension) {
            for ((least, most), x) in least.iter_mut().zip(&mut most).zip(vector) {
                *least = least.min(*x);
                *most = most.max(*x);
            }
        }
        Ok(Self {
            metric,
            extent: most
                .iter()
                .zip(&least)
                .map(|(most, least)| most - least)
                .collect(),
            least,
            codes: Vec::new(),
            facts: Vec::new(),
        })
    }

    /// The index of codes that were made before; nothing if they stand for vectors that no search works with.
    pub(crate) fn of_codes(
        metric: Metric,
        least: Vec<f32>,
        extent: Vec<f32>,
        codes: Vec<u8>,
    ) -> Option<Self> {
        let mut decoded = vec![0.0; least.len()];
        let mut facts = Vec::with_capacity(codes.len() / least.len().max(1));
        for codes in codes.chunks_exact(least.len().max(1)) {
            decode(codes, &least, &extent, &mut decoded);
            facts.push(Facts::of(&decoded));
        }
        let is_sound = are_sound(&facts) && least.iter().chain(&extent).all(|x| x.is_finite());
        is_sound.then_some(Self {
            metric,
            least,
            extent,
            codes,
            facts,
        })
    }

    /// The least value of each component, and how far from it the largest one is.
    pub(crate) fn steps(&self) -> (&[f32], &[f32]) {
        (&self.least, &self.extent)
    }

    /// The same with another metric.
    pub(crate) fn with_metric(self, metric: Metric) -> Self {
        Self { metric, ..self }
    }

    /// Bytes of memory for the vectors and what is known of them.
    pub(crate) fn bytes(&self) -> usize {
        8 * self.least.len() + self.codes.len() + size_of_val(&self.facts[..])
    }

    /// The number of components of a vector.
    pub fn dimension(&self) -> usize {
        self.least.len()
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

    /// The codes, `[len, dimension]`.
    pub fn codes(&self) -> &[u8] {
        &self.codes
    }

    /// Adds vectors `[n, dimension]`. Values outside the range of the training vectors are moved to its ends.
    ///
    /// # Errors
    /// As for [`FlatIndex::add`](crate::FlatIndex::add). Nothing is added then.
    pub fn add(&mut self, vectors: &[f32]) -> Result<()> {
        let dimension = self.dimension();
        let vectors = checked("add", vectors, dimension, self.metric)?;
        let count = self.len() + vectors.len() / dimension;
        if count > u32::MAX as usize {
            return Err(IndexError::TooMany { vectors: count });
        }
        let mut decoded = vec![0.0; dimension];
        self.codes.reserve(vectors.len());
        for vector in vectors.chunks_exact(dimension) {
            let begin = self.codes.len();
            for (x, (least, extent)) in vector.iter().zip(self.least.iter().zip(&self.extent)) {
                let share = if *extent == 0.0 {
                    0.0
                } else {
                    (x - least) / extent
                };
                self.codes.push((255.0 * share.clamp(0.0, 1.0)) as u8);
            }
            decode(
                &self.codes[begin..],
                &self.least,
                &self.extent,
                &mut decoded,
            );
            self.facts.push(Facts::of(&decoded));
        }
        Ok(())
    }

    /// The vector that is searched in place of the one that was added; nothing if there is none with this id.
    pub fn decoded(&self, id: usize) -> Option<Vec<f32>> {
        (id < self.len()).then(|| self.vectors(id..id + 1).into_owned())
    }

    /// The k nearest of each of the queries `[n, dimension]`.
    ///
    /// # Errors
    /// As for [`FlatIndex::search`](crate::FlatIndex::search).
    pub fn search(&self, threads: &Threads, queries: &[f32], k: usize) -> Result<Neighbours> {
        let queries = check_search(queries, k, self.len(), self.dimension(), self.metric)?;
        Ok(Neighbours::of(
            dense::search(threads, self, &queries, k),
            self.metric,
        ))
    }
}

kernels::kernel! {
    /// The middles of the codes' steps.
    fn decode<I>(codes: &[u8], least: &[f32], extent: &[f32], vector: &mut [f32]) {
        for ((x, code), (least, extent)) in vector.iter_mut().zip(codes).zip(least.iter().zip(extent)) {
            *x = least + (f32::from(*code) + 0.5) / 255.0 * extent;
        }
    }
}

impl Rows for ScalarIndex {
    fn id(&self, place: u32) -> i64 {
        i64::from(place)
    }

    fn scores(&self, query: &[f32], places: &[u32], scores: &mut [f32]) {
        let dimension = self.dimension();
        let mut vector = vec![0.0; dimension];
        for (place, score) in places.iter().zip(scores) {
            let begin = *place as usize * dimension;
            let codes = &self.codes[begin..begin + dimension];
            decode(codes, &self.least, &self.extent, &mut vector);
            kernels::scores(
                query,
                &vector,
                &[0],
                self.squared(),
                std::slice::from_mut(score),
            );
        }
    }
}

impl Source for ScalarIndex {
    type Tables = ();

    fn dimension(&self) -> usize {
        self.least.len()
    }

    fn facts(&self) -> &[Facts] {
        &self.facts
    }

    fn squared(&self) -> bool {
        self.metric == Metric::L2
    }

    fn vectors(&self, places: Range<usize>) -> Cow<'_, [f32]> {
        let dimension = self.dimension();
        let mut vectors = vec![0.0; places.len() * dimension];
        let codes = &self.codes[places.start * dimension..places.end * dimension];
        for (vector, codes) in vectors
            .chunks_exact_mut(dimension)
            .zip(codes.chunks_exact(dimension))
        {
            decode(codes, &self.least, &self.extent, vector);
        }
        Cow::Owned(vectors)
    }

    fn tables(&self, _query: &[f32]) {}

    fn estimates(&self, query: &[f32], (): &(), places: Range<usize>, scores: &mut [f32]) -> View {
        let places: Vec<u32> = places.map(|place| place as u32).collect();
        self.scores(query, &places, scores);
        View::EXACT
    }
}
