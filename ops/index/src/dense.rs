//! Exhaustive search: every query against every vector, in chunks whose scores never leave the cache.

use std::borrow::Cow;
use std::ops::Range;

use tensor::cpu::Threads;

use crate::candidates::{Best, Candidates, Rows, View};
use crate::chunk::{Chunk, Facts, QueryFacts, query_facts};

/// Queries that are multiplied at a time: as many as the product packs at once.
const MOST_QUERIES: usize = 96;

/// Vectors of a chunk; its scores with a block of queries take 384 kB.
const CHUNK: usize = 1024;

/// Chunks that are packed at a time, and stay in the last cache while all queries pass.
const CHUNKS: usize = 8;

/// Queries below which packing vectors takes longer than it saves.
const FEW: usize = 16;

/// Vectors that one task scores where queries are few.
const FEW_VECTORS: usize = 2048;

/// A share of the scores that become candidates above which single precision is the faster way.
const CROWDED: usize = 16;

/// Vectors that are searched exhaustively.
pub(crate) trait Source: Rows {
    /// What is computed once a query where queries are few.
    type Tables: Send + Sync;

    /// The number of components.
    fn dimension(&self) -> usize;

    /// One a vector.
    fn facts(&self) -> &[Facts];

    /// Whether scores are negated squares of distances.
    fn squared(&self) -> bool;

    /// Some vectors, row after row.
    fn vectors(&self, places: Range<usize>) -> Cow<'_, [f32]>;

    /// Prepares a query for [`Source::estimates`].
    fn tables(&self, query: &[f32]) -> Self::Tables;

    /// Writes the scores of some vectors, and says how to read them.
    fn estimates(
        &self,
        query: &[f32],
        tables: &Self::Tables,
        places: Range<usize>,
        scores: &mut [f32],
    ) -> View;
}

/// The k best of each query. There are that many vectors, and the queries are checked.
pub(crate) fn search(
    threads: &Threads,
    source: &impl Source,
    queries: &[f32],
    k: usize,
) -> Vec<Vec<Best>> {
    if queries.len() / source.dimension() < FEW {
        few(threads, source, queries, k)
    } else {
        many(threads, source, queries, k)
    }
}

/// Queries that go together, with their candidates.
struct Block<'a> {
    queries: &'a [f32],
    facts: &'a [QueryFacts],
    candidates: Vec<Candidates>,
    /// So many vectors lie within the error of half precision that it sorts out too few.
    precise: bool,
}

fn many(threads: &Threads, source: &impl Source, queries: &[f32], k: usize) -> Vec<Vec<Best>> {
    let dimension = source.dimension();
    let count = queries.len() / dimension;
    let size = count
        .div_ceil(4 * threads.count())
        .next_multiple_of(12)
        .clamp(12, MOST_QUERIES);
    let facts = query_facts(threads, queries, dimension);
    let mut blocks: Vec<Block<'_>> = queries
        .chunks(size * dimension)
        .zip(facts.chunks(size))
        .map(|(queries, facts)| Block {
            queries,
            facts,
            candidates: queries
                .chunks_exact(dimension)
                .map(|_| Candidates::new(k))
                .collect(),
            precise: false,
        })
        .collect();
    let length = source.facts().len();
    for begin in (0..length).step_by(CHUNK * CHUNKS) {
        let end = length.min(begin + CHUNK * CHUNKS);
        let vectors = source.vectors(begin..end);
        let facts = &source.facts()[begin..end];
        let mut chunks: Vec<Option<Chunk<'_>>> = Vec::new();
        chunks.resize_with((end - begin).div_ceil(CHUNK), || None);
        threads.chunks_mut(&mut chunks, 1, |index, chunk| {
            let (from, to) = (index * CHUNK, facts.len().min((index + 1) * CHUNK));
            chunk[0] = Some(Chunk::new(
                &vectors[from * dimension..to * dimension],
                &facts[from..to],
                source.squared(),
            ));
        });
        threads.chunks_mut(&mut blocks, 1, |_, block| {
            for (index, chunk) in chunks.iter().flatten().enumerate() {
                block[0].scan(source, chunk, (begin + index * CHUNK) as u32);
            }
        });
    }
    let mut found: Vec<Vec<Best>> = Vec::new();
    found.resize_with(count, Vec::new);
    let mut tasks: Vec<(Block<'_>, &mut [Vec<Best>])> =
        blocks.into_iter().zip(found.chunks_mut(size)).collect();
    threads.chunks_mut(&mut tasks, 1, |_, task| {
        let (block, found) = &mut task[0];
        let candidates = std::mem::take(&mut block.candidates);
        let queries = block.queries.chunks_exact(dimension);
        for ((candidates, query), found) in
            candidates.into_iter().zip(queries).zip(found.iter_mut())
        {
            *found = candidates.finish(query, source);
        }
    });
    found
}

impl Block<'_> {
    fn scan(&mut self, source: &impl Source, chunk: &Chunk<'_>, first: u32) {
        let dimension = source.dimension();
        let mut hits_in_all = 0;
        chunk.products(self.queries, self.precise, |index, values, hits| {
            let view = chunk.view(&self.facts[index], self.precise);
            let query = &self.queries[index * dimension..(index + 1) * dimension];
            hits_in_all += self.candidates[index].offer(values, first, view, query, source, hits);
        });
        // The first chunk fills the candidates and tells nothing.
        if first > 0 && hits_in_all * CROWDED > self.candidates.len() * chunk.len() {
            self.precise = true;
        }
    }
}

fn few<S: Source>(threads: &Threads, source: &S, queries: &[f32], k: usize) -> Vec<Vec<Best>> {
    /// Vectors that stay in the second-level cache while all queries pass.
    const STEP: usize = 64;
    let dimension = source.dimension();
    let length = source.facts().len();
    let tables: Vec<S::Tables> = queries
        .chunks_exact(dimension)
        .map(|query| source.tables(query))
        .collect();
    let mut tasks: Vec<Vec<Vec<Best>>> = Vec::new();
    tasks.resize_with(length.div_ceil(FEW_VECTORS), Vec::new);
    threads.chunks_mut(&mut tasks, 1, |index, found| {
        let (begin, end) = (index * FEW_VECTORS, length.min((index + 1) * FEW_VECTORS));
        let mut candidates: Vec<Candidates> = tables.iter().map(|_| Candidates::new(k)).collect();
        let mut scores = [0.0; STEP];
        let mut hits = Vec::new();
        for from in (begin..end).step_by(STEP) {
            let places = from..end.min(from + STEP);
            let scores = &mut scores[..places.len()];
            for ((query, tables), candidates) in queries
                .chunks_exact(dimension)
                .zip(&tables)
                .zip(&mut candidates)
            {
                let view = source.estimates(query, tables, places.clone(), scores);
                candidates.offer(scores, from as u32, view, query, source, &mut hits);
            }
        }
        found[0] = candidates
            .into_iter()
            .zip(queries.chunks_exact(dimension))
            .map(|(candidates, query)| candidates.finish(query, source))
            .collect();
    });
    let mut best: Vec<Candidates> = tables.iter().map(|_| Candidates::new(k)).collect();
    for task in &tasks {
        for (best, found) in best.iter_mut().zip(task) {
            best.merge(found);
        }
    }
    best.into_iter()
        .zip(queries.chunks_exact(dimension))
        .map(|(best, query)| best.finish(query, source))
        .collect()
}
