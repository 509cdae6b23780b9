//! [`IvfIndex`]: inverted lists, of which a search looks into the nearest few.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tensor::cpu::Threads;

use crate::candidates::{Best, Candidates, Rows, View};
use crate::chunk::{Chunk, Facts, QueryFacts, query_facts};
use crate::flat::check_search;
use crate::kernels;
use crate::kmeans::{KMeans, nearest};
use crate::vectors::checked;
use crate::{FlatIndex, IndexError, Metric, Neighbours, Result};

/// Queries of one list below which packing its vectors takes longer than it saves.
const FEW: usize = 6;

/// Queries that are multiplied at a time.
const MOST_QUERIES: usize = 96;

/// Vectors that are multiplied at a time.
const MOST_VECTORS: usize = 1024;

/// Vectors in as many lists as there are centroids, each in the list of the nearest one (Jégou et al. 2011, section IV).
///
/// Within the lists that it looks into, a search is as exact as that of [`FlatIndex`].
#[derive(Clone, Debug)]
pub struct IvfIndex {
    pub(crate) metric: Metric,
    /// Holds the centroids.
    pub(crate) quantiser: FlatIndex,
    pub(crate) lists: Vec<List>,
    pub(crate) len: usize,
    /// What FAISS keeps in its files as the number of lists to look into.
    pub(crate) probes: usize,
}

/// The vectors of one centroid, in the order in which they were added.
#[derive(Clone, Debug, Default)]
pub(crate) struct List {
    pub(crate) ids: Vec<i64>,
    pub(crate) vectors: Vec<f32>,
    facts: Vec<Facts>,
}

impl List {
    pub(crate) fn push(&mut self, id: i64, vector: &[f32]) {
        self.ids.push(id);
        self.vectors.extend_from_slice(vector);
        self.facts.push(Facts::of(vector));
    }
}

impl IvfIndex {
    /// An index without vectors, whose `lists` centroids are found among `vectors`, `[n, dimension]`.
    ///
    /// # Errors
    /// [`IndexError::Clusters`] for more lists than vectors, or none; else as for [`FlatIndex::add`].
    pub fn train(
        threads: &Threads,
        vectors: &[f32],
        dimension: usize,
        metric: Metric,
        lists: usize,
        options: KMeans,
    ) -> Result<Self> {
        let vectors = checked("train", vectors, dimension, metric)?;
        let coarse = coarse_metric(metric);
        let centroids = options.train(threads, &vectors, dimension, lists, coarse, "lists")?;
        let mut quantiser = FlatIndex::new(dimension, coarse)?;
        quantiser.add_checked(&centroids)?;
        Ok(Self::of(quantiser, metric))
    }

    pub(crate) fn of(quantiser: FlatIndex, metric: Metric) -> Self {
        Self {
            metric,
            lists: vec![List::default(); quantiser.len()],
            quantiser,
            len: 0,
            probes: 1,
        }
    }

    /// The number of components of a vector.
    pub fn dimension(&self) -> usize {
        self.quantiser.dimension()
    }

    /// How vectors are compared.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// The number of vectors.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no vectors.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The number of lists.
    pub fn lists(&self) -> usize {
        self.lists.len()
    }

    /// The same, of which FAISS and [`AnyIndex::search`](crate::AnyIndex::search) look into so many lists by themselves.
    ///
    /// # Errors
    /// [`IndexError::Probes`] for more lists than there are, or none.
    pub fn with_default_probes(self, probes: usize) -> Result<Self> {
        let lists = self.lists();
        match (1..=lists).contains(&probes) {
            true => Ok(Self { probes, ..self }),
            false => Err(IndexError::Probes { probes, lists }),
        }
    }

    /// The same with another metric.
    pub(crate) fn with_metric(self, metric: Metric) -> Self {
        Self { metric, ..self }
    }

    /// Bytes of memory for the vectors, their ids, the centroids, and what is known of them.
    pub(crate) fn bytes(&self) -> usize {
        let list = |list: &List| {
            4 * list.vectors.len() + 8 * list.ids.len() + size_of_val(&list.facts[..])
        };
        self.quantiser.bytes() + self.lists.iter().map(list).sum::<usize>()
    }

    /// Adds vectors `[n, dimension]`; ids go on from the number of vectors held.
    ///
    /// # Errors
    /// As for [`FlatIndex::add`]. Nothing is added then.
    pub fn add(&mut self, threads: &Threads, vectors: &[f32]) -> Result<()> {
        let dimension = self.dimension();
        let vectors = checked("add", vectors, dimension, self.metric)?;
        let count = self.len + vectors.len() / dimension;
        if count > u32::MAX as usize {
            return Err(IndexError::TooMany { vectors: count });
        }
        let lists = nearest(
            threads,
            &vectors,
            self.quantiser.vectors(),
            dimension,
            self.quantiser.metric(),
        )?;
        for (vector, list) in vectors.chunks_exact(dimension).zip(lists) {
            self.lists[list as usize].push(self.len as i64, vector);
            self.len += 1;
        }
        Ok(())
    }

    /// The k nearest of each of the queries `[n, dimension]` among the vectors of its `probes` nearest lists; fewer than k where these
    /// hold fewer.
    ///
    /// # Errors
    /// [`IndexError::Probes`], and as for [`FlatIndex::search`].
    pub fn search(
        &self,
        threads: &Threads,
        queries: &[f32],
        k: usize,
        probes: usize,
    ) -> Result<Neighbours> {
        let dimension = self.dimension();
        let queries = check_search(queries, k, self.len, dimension, self.metric)?;
        if probes == 0 || probes > self.lists.len() {
            return Err(IndexError::Probes {
                probes,
                lists: self.lists.len(),
            });
        }
        let coarse = self.quantiser.search_checked(threads, &queries, probes);
        let mut visitors: Vec<Vec<u32>> = vec![Vec::new(); self.lists.len()];
        for (query, lists) in coarse.iter().enumerate() {
            for best in lists {
                visitors[best.id as usize].push(query as u32);
            }
        }
        let places = Places::new(&self.lists, dimension, self.metric);
        let facts = query_facts(threads, &queries, dimension);
        let search = Search {
            places: &places,
            queries: &queries,
            facts: &facts,
            candidates: facts
                .iter()
                .map(|_| Mutex::new(Candidates::new(k)))
                .collect(),
        };
        threads.for_each(self.lists.len(), |list| search.scan(list, &visitors[list]));
        let mut found: Vec<Vec<Best>> = vec![Vec::new(); facts.len()];
        threads.chunks_mut(&mut found, 64, |block, found| {
            for (offset, found) in found.iter_mut().enumerate() {
                let query = (block * 64 + offset) as u32;
                let candidates =
                    std::mem::replace(&mut *search.candidates(query), Candidates::new(0));
                *found = candidates.finish(search.query(query), &places);
            }
        });
        Ok(Neighbours::of(found, self.metric))
    }
}

/// How vectors and centroids are compared.
fn coarse_metric(metric: Metric) -> Metric {
    match metric {
        Metric::L2 => Metric::L2,
        Metric::InnerProduct | Metric::Cosine => Metric::InnerProduct,
    }
}

/// The vectors of all lists, numbered through.
struct Places<'a> {
    lists: &'a [List],
    starts: Vec<u32>,
    dimension: usize,
    squared: bool,
}

impl<'a> Places<'a> {
    fn new(lists: &'a [List], dimension: usize, metric: Metric) -> Self {
        let starts = lists
            .iter()
            .scan(0, |next, list| {
                let start = *next;
                *next += list.ids.len() as u32;
                Some(start)
            })
            .collect();
        Self {
            lists,
            starts,
            dimension,
            squared: metric == Metric::L2,
        }
    }

    /// The list of a place, and the place within it.
    fn find(&self, place: u32) -> (&List, u32) {
        let list = self.starts.partition_point(|start| *start <= place) - 1;
        (&self.lists[list], place - self.starts[list])
    }
}

impl Rows for Places<'_> {
    fn id(&self, place: u32) -> i64 {
        let (list, place) = self.find(place);
        list.ids[place as usize]
    }

    fn scores(&self, query: &[f32], places: &[u32], scores: &mut [f32]) {
        for (place, score) in places.iter().zip(scores) {
            let (list, place) = self.find(*place);
            kernels::scores(
                query,
                &list.vectors,
                &[place],
                self.squared,
                std::slice::from_mut(score),
            );
        }
    }
}

struct Search<'a> {
    places: &'a Places<'a>,
    queries: &'a [f32],
    facts: &'a [QueryFacts],
    candidates: Vec<Mutex<Candidates>>,
}

impl Search<'_> {
    /// Offers the vectors of a list to the queries that look into it.
    fn scan(&self, list: usize, visitors: &[u32]) {
        let start = self.places.starts[list];
        let list = &self.places.lists[list];
        if visitors.is_empty() || list.ids.is_empty() {
            return;
        }
        let dimension = self.places.dimension;
        if visitors.len() < FEW {
            let places: Vec<u32> = (0..list.ids.len() as u32).collect();
            let mut scores = vec![0.0; places.len()];
            let mut hits = Vec::new();
            for visitor in visitors {
                let query = self.query(*visitor);
                kernels::scores(
                    query,
                    &list.vectors,
                    &places,
                    self.places.squared,
                    &mut scores,
                );
                self.candidates(*visitor).offer(
                    &scores,
                    start,
                    View::EXACT,
                    query,
                    self.places,
                    &mut hits,
                );
            }
            return;
        }
        let mut gathered = Vec::new();
        for (part, facts) in list.facts.chunks(MOST_VECTORS).enumerate() {
            let first = part * MOST_VECTORS;
            let vectors = &list.vectors[first * dimension..(first + facts.len()) * dimension];
            let chunk = Chunk::new(vectors, facts, self.places.squared);
            for visitors in visitors.chunks(MOST_QUERIES) {
                gathered.clear();
                for visitor in visitors {
                    gathered.extend_from_slice(self.query(*visitor));
                }
                chunk.products(&gathered, false, |index, values, hits| {
                    let visitor = visitors[index];
                    let view = chunk.view(&self.facts[visitor as usize], false);
                    self.candidates(visitor).offer(
                        values,
                        start + first as u32,
                        view,
                        self.query(visitor),
                        self.places,
                        hits,
                    );
                });
            }
        }
    }

    fn query(&self, query: u32) -> &[f32] {
        let begin = query as usize * self.places.dimension;
        &self.queries[begin..begin + self.places.dimension]
    }

    fn candidates(&self, query: u32) -> MutexGuard<'_, Candidates> {
        self.candidates[query as usize]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
