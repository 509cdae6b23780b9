//! Near duplicates: candidates by locality-sensitive hashing, their check against the true similarity, clusters.

use super::bands::{Bands, groups};
use super::clusters::Clusters;
use super::minhash::MinHash;
use super::normalise::Normalise;
use super::shingles::{ShingleUnit, chain, jaccard, shingles};
use super::{Deduplicated, Duplicate};
use crate::{Error, Result, Workers};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};

/// The parameters of near-duplicate removal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NearParams {
    /// What is ignored when texts are compared.
    pub normalise: Normalise,
    /// What a shingle is a run of.
    pub shingle_unit: ShingleUnit,
    /// How many units a shingle has, at least 1.
    pub shingle_size: usize,
    /// The Jaccard similarity from which two texts are near duplicates, above 0.
    pub threshold: f64,
    /// The length of a signature.
    pub permutations: usize,
    /// What a candidate below the threshold costs; it only takes the time to check it.
    pub false_positive_weight: f64,
    /// What a missed pair above the threshold costs.
    pub false_negative_weight: f64,
    /// The seed of the hash functions.
    pub seed: u64,
}

impl Default for NearParams {
    fn default() -> Self {
        Self {
            normalise: Normalise {
                case: true,
                white_space: true,
            },
            shingle_unit: ShingleUnit::Words,
            shingle_size: 3,
            threshold: 0.8,
            permutations: 128,
            false_positive_weight: 0.01,
            false_negative_weight: 0.99,
            seed: 0,
        }
    }
}

/// Texts in one piece of work.
const GRAIN: usize = 128;
/// Pairs in one piece of work.
const PAIRS: usize = 512;

/// Keeps the first text of every cluster of near duplicates.
///
/// Texts that share a band of their MinHash signatures are candidates; a candidate pair counts only if the Jaccard
/// similarity of its shingle sets, computed exactly, reaches the threshold. Pairs are joined to clusters. So no false
/// pair is ever reported, and the chance to miss a true one is that of [`Bands::chance`]. Texts without any shingle
/// are duplicates of each other.
///
/// # Errors
/// [`Error::Parameter`], and [`Error::Cancelled`].
pub fn near(texts: &[&str], params: &NearParams, workers: &Workers) -> Result<Deduplicated> {
    if params.shingle_size == 0 {
        return Err(Error::parameter("shingle_size", 0, "at least 1"));
    }
    if !(params.threshold > 0.0 && params.threshold <= 1.0) {
        return Err(Error::parameter(
            "threshold",
            params.threshold,
            "above 0, and at most 1",
        ));
    }
    if texts.len() > u32::MAX as usize {
        return Err(Error::parameter("texts", texts.len(), "fewer than 2^32"));
    }
    let weights = (params.false_positive_weight, params.false_negative_weight);
    let cut = Bands::optimal(params.permutations, params.threshold, weights.0, weights.1)?;
    let sketches = sketch(texts, params, cut, workers)?;
    let mut search = Search {
        texts,
        params,
        workers,
        clusters: Clusters::new(texts.len()),
        sets: vec![None; texts.len()],
        rejected: HashSet::new(),
    };
    let firsts = search.join_equal_sets(&sketches);
    let bands = workers.map("grouping signatures", cut.bands, 1, |range| {
        let key = |&row: &u32| {
            u64::from(sketches.keys[row as usize * cut.bands + range.start]) << 32 | u64::from(row)
        };
        groups(firsts.iter().map(key).collect())
    })?;
    drop(sketches);
    search.build_sets(bands.iter().flatten().flatten().copied())?;
    search.join_candidates(&bands)?;
    search.finish()
}

/// What is kept of each text: a hash of its whole shingle set, and the key of each band.
struct Sketches {
    set_hashes: Vec<u64>,
    /// `[texts, bands]`
    keys: Vec<u32>,
}

fn sketch(texts: &[&str], params: &NearParams, cut: Bands, workers: &Workers) -> Result<Sketches> {
    let minhash = MinHash::new(params.permutations, params.seed);
    let pieces = workers.map("signing texts", texts.len(), GRAIN, |range| {
        let mut piece = Sketches {
            set_hashes: Vec::new(),
            keys: Vec::new(),
        };
        let (mut set, mut signature) = (Vec::new(), Vec::new());
        for text in &texts[range] {
            shingles(
                &params.normalise.apply(text),
                params.shingle_unit,
                params.shingle_size,
                &mut set,
            );
            piece.set_hashes.push(chain(&set));
            minhash.sign(&set, &mut signature);
            let bands = signature.chunks_exact(cut.rows).take(cut.bands);
            piece.keys.extend(bands.map(band_key));
        }
        piece
    })?;
    let mut all = Sketches {
        set_hashes: Vec::with_capacity(texts.len()),
        keys: Vec::with_capacity(texts.len() * cut.bands),
    };
    for piece in pieces {
        all.set_hashes.extend(piece.set_hashes);
        all.keys.extend(piece.keys);
    }
    Ok(all)
}

/// 32 bits of a band. That two bands share them by chance only costs a check.
fn band_key(band: &[u32]) -> u32 {
    let mut sum = 0x243F_6A88_85A3_08D3_u64;
    for &place in band {
        sum = (sum ^ u64::from(place))
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .rotate_left(29);
    }
    (crate::rng::mix(sum) >> 32) as u32
}

/// The rows joined so far, and what is known about pairs.
struct Search<'a> {
    texts: &'a [&'a str],
    params: &'a NearParams,
    workers: &'a Workers<'a>,
    clusters: Clusters,
    /// The shingles of the rows that occur in candidates.
    sets: Vec<Option<Box<[u64]>>>,
    rejected: HashSet<(u32, u32)>,
}

impl Search<'_> {
    /// Joins rows with one and the same shingle set, and returns the first row of each set: only these need signatures.
    fn join_equal_sets(&mut self, sketches: &Sketches) -> Vec<u32> {
        let mut first_of: HashMap<u64, u32> = HashMap::with_capacity(self.texts.len());
        let mut firsts = Vec::with_capacity(self.texts.len());
        for (row, &hash) in (0..).zip(&sketches.set_hashes) {
            let first = *first_of.entry(hash).or_insert(row);
            if first == row {
                firsts.push(row);
            } else {
                self.clusters.connect(first, row);
            }
        }
        firsts
    }

    /// Computes the shingle sets of `rows` that are not known yet.
    fn build_sets(&mut self, rows: impl Iterator<Item = u32>) -> Result<()> {
        let mut rows: Vec<u32> = rows
            .filter(|&row| self.sets[row as usize].is_none())
            .collect();
        rows.sort_unstable();
        rows.dedup();
        let Self { texts, params, .. } = *self;
        let sets = self
            .workers
            .map("building shingle sets", rows.len(), GRAIN, |range| {
                let mut set = Vec::new();
                let build = |&row: &u32| {
                    let text = params.normalise.apply(texts[row as usize]);
                    shingles(&text, params.shingle_unit, params.shingle_size, &mut set);
                    set.as_slice().into()
                };
                rows[range].iter().map(build).collect::<Vec<Box<[u64]>>>()
            })?;
        for (row, set) in rows.into_iter().zip(sets.into_iter().flatten()) {
            self.sets[row as usize] = Some(set);
        }
        Ok(())
    }

    fn set(&self, row: u32) -> &[u64] {
        self.sets[row as usize].as_deref().unwrap_or_default()
    }

    /// Joins the rows of each group that are similar. Neighbours in a group come first: most groups are one cluster,
    /// and then none of their other pairs has to be looked at.
    fn join_candidates(&mut self, bands: &[Vec<Vec<u32>>]) -> Result<()> {
        for band in bands {
            let neighbours = band
                .iter()
                .flat_map(|group| group.windows(2))
                .map(|pair| (pair[0], pair[1]));
            self.join_similar(neighbours.collect())?;
        }
        for group in bands.iter().flatten().filter(|group| group.len() > 2) {
            for (at, &row) in group.iter().enumerate().skip(2) {
                self.join_similar(
                    group[..at - 1]
                        .iter()
                        .map(|&earlier| (earlier, row))
                        .collect(),
                )?;
            }
        }
        Ok(())
    }

    /// Checks the pairs that are neither joined nor rejected yet, and joins those that reach the threshold.
    fn join_similar(&mut self, mut pairs: Vec<(u32, u32)>) -> Result<()> {
        pairs.retain(|&(a, b)| !self.clusters.connected(a, b) && !self.rejected.contains(&(a, b)));
        let checked = self
            .workers
            .map("checking candidates", pairs.len(), PAIRS, |range| {
                pairs[range]
                    .iter()
                    .map(|&(a, b)| self.reaches_threshold(a, b))
                    .collect::<Vec<_>>()
            })?;
        for ((a, b), similar) in pairs.iter().zip(checked.into_iter().flatten()) {
            if similar {
                self.clusters.connect(*a, *b);
            } else {
                self.rejected.insert((*a, *b));
            }
        }
        Ok(())
    }

    fn reaches_threshold(&self, a: u32, b: u32) -> bool {
        let (a, b) = (self.set(a), self.set(b));
        // Sets whose sizes differ too much can't be similar enough.
        let (small, large) = (a.len().min(b.len()), a.len().max(b.len()));
        small as f64 >= self.params.threshold * large as f64
            && jaccard(a, b) >= self.params.threshold
    }

    fn finish(mut self) -> Result<Deduplicated> {
        let mut result = Deduplicated::default();
        let mut pairs = Vec::new();
        for row in 0..self.texts.len() as u32 {
            match self.clusters.root(row) {
                root if root == row => result.kept.push(row as usize),
                root => pairs.push((row, root)),
            }
        }
        self.build_sets(pairs.iter().flat_map(|&(row, root)| [row, root]))?;
        let duplicate = |(row, root)| Duplicate {
            removed: row as usize,
            kept: root as usize,
            similarity: jaccard(self.set(row), self.set(root)),
        };
        result.duplicates = pairs.into_iter().map(duplicate).collect();
        Ok(result)
    }
}
