//! [`ProductIndex`]: a byte for each of a few parts of a vector.

use std::borrow::Cow;
use std::ops::Range;

use tensor::cpu::Threads;

use crate::candidates::{Rows, View};
use crate::chunk::{Facts, QueryFacts};
use crate::dense::{self, Source};
use crate::flat::check_search;
use crate::kernels;
use crate::kmeans::{KMeans, nearest};
use crate::vectors::{are_sound, checked};
use crate::{IndexError, Metric, Neighbours, Result};

/// Centroids of a part, as many as a byte tells apart.
const CENTROIDS: usize = 256;

/// Exhaustive search over vectors of a few bytes: product quantisation (Jégou et al. 2011).
///
/// Vectors are cut into parts, and of each part the nearest of 256 centroids is kept. Few queries are compared by tables of the scores of
/// their parts with all centroids (asymmetric distance computation, equation 13); many by matrix products with decoded vectors,
/// which are faster then. Both give the same neighbours and distances.
#[derive(Clone, Debug)]
pub struct ProductIndex {
    metric: Metric,
    dimension: usize,
    parts: usize,
    /// `[parts, 256, dimension / parts]`.
    centroids: Vec<f32>,
    codes: Vec<u8>,
    facts: Vec<Facts>,
    /// No decoded vector is longer.
    longest: f32,
}

impl ProductIndex {
    /// An index without vectors, whose centroids for each of `parts` parts are found among `vectors`, `[n, dimension]`.
    ///
    /// # Errors
    /// [`IndexError::Parts`] unless `parts` divides `dimension`; [`IndexError::Clusters`] for fewer than 256 vectors; else as for
    /// [`FlatIndex::add`](crate::FlatIndex::add).
    pub fn train(
        threads: &Threads,
        vectors: &[f32],
        dimension: usize,
        metric: Metric,
        parts: usize,
        options: KMeans,
    ) -> Result<Self> {
        let vectors = checked("train", vectors, dimension, metric)?;
        if parts == 0 || !dimension.is_multiple_of(parts) {
            return Err(IndexError::Parts { parts, dimension });
        }
        let width = dimension / parts;
        let mut centroids = Vec::with_capacity(CENTROIDS * dimension);
        for part in 0..parts {
            let cut = cut(&vectors, dimension, part * width..(part + 1) * width);
            centroids.extend(options.train(
                threads,
                &cut,
                width,
                CENTROIDS,
                Metric::L2,
                "centroids",
            )?);
        }
        Ok(Self {
            metric,
            dimension,
            parts,
            centroids,
            codes: Vec::new(),
            facts: Vec::new(),
            longest: 0.0,
        })
    }

    /// The index of codes that were made before; nothing if they stand for vectors that no search works with.
    pub(crate) fn of_codes(
        metric: Metric,
        dimension: usize,
        parts: usize,
        centroids: Vec<f32>,
        codes: Vec<u8>,
    ) -> Option<Self> {
        let mut index = Self {
            metric,
            dimension,
            parts,
            centroids,
            codes,
            facts: Vec::new(),
            longest: 0.0,
        };
        index.learn_facts();
        let is_sound = are_sound(&index.facts) && index.centroids.iter().all(|x| x.is_finite());
        is_sound.then_some(index)
    }

    /// The centroids, `[parts, 256, dimension / parts]`.
    pub(crate) fn centroids(&self) -> &[f32] {
        &self.centroids
    }

    /// The same with another metric.
    pub(crate) fn with_metric(self, metric: Metric) -> Self {
        Self { metric, ..self }
    }

    /// Bytes of memory for the vectors and what is known of them.
    pub(crate) fn bytes(&self) -> usize {
        4 * self.centroids.len() + self.codes.len() + size_of_val(&self.facts[..])
    }

    /// Notes what bounds need to know of vectors whose codes are new.
    fn learn_facts(&mut self) {
        let mut vector = vec![0.0; self.dimension];
        for place in self.facts.len()..self.codes.len() / self.parts {
            self.decode(place, &mut vector);
            let facts = Facts::of(&vector);
            self.longest = self.longest.max(facts.length);
            self.facts.push(facts);
        }
    }

    /// The codes, `[len, parts]`.
    pub fn codes(&self) -> &[u8] {
        &self.codes
    }

    /// The number of components of a vector.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// How vectors are compared.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// The number of parts, which is that of a vector's bytes.
    pub fn parts(&self) -> usize {
        self.parts
    }

    /// The number of vectors.
    pub fn len(&self) -> usize {
        self.facts.len()
    }

    /// Whether there are no vectors.
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }

    /// Adds vectors `[n, dimension]`.
    ///
    /// # Errors
    /// As for [`FlatIndex::add`](crate::FlatIndex::add). Nothing is added then.
    pub fn add(&mut self, threads: &Threads, vectors: &[f32]) -> Result<()> {
        let vectors = checked("add", vectors, self.dimension, self.metric)?;
        let added = vectors.len() / self.dimension;
        let begin = self.len();
        if begin + added > u32::MAX as usize {
            return Err(IndexError::TooMany {
                vectors: begin + added,
            });
        }
        let width = self.width();
        let mut codes = vec![0; added * self.parts];
        for part in 0..self.parts {
            let cut = cut(&vectors, self.dimension, part * width..(part + 1) * width);
            let found = nearest(threads, &cut, self.part(part), width, Metric::L2)?;
            for (codes, centroid) in codes.chunks_exact_mut(self.parts).zip(found) {
                codes[part] = centroid as u8;
            }
        }
        self.codes.extend(codes);
        self.learn_facts();
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
        let queries = check_search(queries, k, self.len(), self.dimension, self.metric)?;
        Ok(Neighbours::of(
            dense::search(threads, self, &queries, k),
            self.metric,
        ))
    }

    fn width(&self) -> usize {
        self.dimension / self.parts
    }

    /// The centroids of a part.
    fn part(&self, part: usize) -> &[f32] {
        let size = CENTROIDS * self.width();
        &self.centroids[part * size..(part + 1) * size]
    }

    fn decode(&self, place: usize, vector: &mut [f32]) {
        let width = self.width();
        let codes = &self.codes[place * self.parts..(place + 1) * self.parts];
        for (part, (code, to)) in codes.iter().zip(vector.chunks_exact_mut(width)).enumerate() {
            let begin = usize::from(*code) * width;
            to.copy_from_slice(&self.part(part)[begin..begin + width]);
        }
    }
}

/// Some components of all vectors.
fn cut(vectors: &[f32], dimension: usize, components: Range<usize>) -> Vec<f32> {
    vectors
        .chunks_exact(dimension)
        .flat_map(|vector| vector[components.clone()].iter().copied())
        .collect()
}

/// A query's scores with all centroids of all parts, `[parts, 256]`.
pub(crate) struct Tables {
    scores: Vec<f32>,
    view: View,
}

impl Rows for ProductIndex {
    fn id(&self, place: u32) -> i64 {
        i64::from(place)
    }

    fn scores(&self, query: &[f32], places: &[u32], scores: &mut [f32]) {
        let mut vector = vec![0.0; self.dimension];
        for (place, score) in places.iter().zip(scores) {
            self.decode(*place as usize, &mut vector);
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

impl Source for ProductIndex {
    type Tables = Tables;

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
        let mut vectors = vec![0.0; places.len() * self.dimension];
        for (place, vector) in places.zip(vectors.chunks_exact_mut(self.dimension)) {
            self.decode(place, vector);
        }
        Cow::Owned(vectors)
    }

    fn tables(&self, query: &[f32]) -> Tables {
        let mut scores = vec![0.0; self.parts * CENTROIDS];
        let places: Vec<u32> = (0..CENTROIDS as u32).collect();
        let parts = query.chunks_exact(self.width());
        for ((part, query), scores) in parts.enumerate().zip(scores.chunks_exact_mut(CENTROIDS)) {
            kernels::scores(query, self.part(part), &places, self.squared(), scores);
        }
        let terms = self.dimension + self.parts;
        Tables {
            scores,
            view: View {
                scale: 1.0,
                offset: 0.0,
                error: QueryFacts::of(query).sum_error(self.longest, terms, self.squared()),
            },
        }
    }

    fn estimates(
        &self,
        _query: &[f32],
        tables: &Tables,
        places: Range<usize>,
        scores: &mut [f32],
    ) -> View {
        let codes = &self.codes[places.start * self.parts..places.end * self.parts];
        for (codes, score) in codes.chunks_exact(self.parts).zip(scores) {
            // Four sums, so that additions do not wait for each other.
            let mut sums = [0.0_f32; 4];
            for (part, code) in codes.iter().enumerate() {
                sums[part % 4] += tables.scores[part * CENTROIDS + usize::from(*code)];
            }
            *score = (sums[0] + sums[1]) + (sums[2] + sums[3]);
        }
        tables.view
    }
}
