//! Scaled-dot-product attention over packed texts of different lengths, in memory linear in length.
//!
//! Scores exist only for a few queries and a block of keys at a time (Dao et al. 2022, 2023); the backward pass computes them
//! again from the logarithm of their sum. Where all keys of a text fit one block, as they mostly do, nothing is rescaled.
//! Scores are in powers of two: queries are scaled by log2 e, so that a probability is 2^(score - log2 sum).

mod backward;
mod dropout;
mod forward;
mod pack;
mod product;
mod scratch;

use std::f32::consts::LOG2_E;
use std::ops::Range;

pub(crate) use backward::{Gradients, backward};
pub(crate) use dropout::Dropout;
pub(crate) use forward::forward;

use super::threads::Shareable;
use crate::rng::WORDS;

/// The widest panel of any instruction set, in numbers, and the most rows of a tile: scratch memory has room for them.
const WIDEST: usize = 32;
const MOST_ROWS: usize = 8;

/// Queries, keys or values: rows of `head_dim` numbers, one for each token and head.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub data: &'a [f32],
    /// From a token to the next.
    pub token_stride: usize,
    /// From a head to the next.
    pub head_stride: usize,
}

impl<'a> Rows<'a> {
    fn row(&self, token: usize, head: usize, head_dim: usize) -> &'a [f32] {
        let start = token * self.token_stride + head * self.head_stride;
        &self.data[start..start + head_dim]
    }
}

/// Rows to be written, of which each task has its own.
pub(crate) struct RowsMut<'a> {
    start: Shareable<f32>,
    length: usize,
    token_stride: usize,
    head_stride: usize,
    _data: std::marker::PhantomData<&'a mut [f32]>,
}

impl<'a> RowsMut<'a> {
    pub fn new(data: &'a mut [f32], token_stride: usize, head_stride: usize) -> Self {
        Self {
            start: Shareable::new(data.as_mut_ptr()),
            length: data.len(),
            token_stride,
            head_stride,
            _data: std::marker::PhantomData,
        }
    }

    /// `parts` sets of rows that lie beside each other in each token, as queries, keys and values do in one projection.
    pub fn beside<const N: usize>(data: &'a mut [f32], heads: usize, head_dim: usize) -> [Self; N] {
        let (start, length) = (data.as_mut_ptr(), data.len());
        std::array::from_fn(|part| {
            let before = (part * heads * head_dim).min(length);
            Self {
                start: Shareable::new(start.wrapping_add(before)),
                length: length - before,
                token_stride: N * heads * head_dim,
                head_stride: head_dim,
                _data: std::marker::PhantomData,
            }
        })
    }

    /// # Safety
    /// Nobody else has this row.
    // The row is the task's own, though the set of rows is shared.
    #[allow(clippy::mut_from_ref)]
    unsafe fn row(&self, token: usize, head: usize, head_dim: usize) -> &mut [f32] {
        let start = token * self.token_stride + head * self.head_stride;
        assert!(
            start + head_dim <= self.length,
            "a row lies within its tensor"
        );
        // SAFETY: it lies within the data, and the caller vouches that it is nobody else's.
        unsafe { std::slice::from_raw_parts_mut(self.start.get().add(start), head_dim) }
    }
}

/// What is added to the scores of each text: `[heads or 1, queries, keys]`, of which a text uses the first.
#[derive(Clone, Copy)]
pub(crate) struct Bias<'a> {
    pub data: &'a [f32],
    pub heads: usize,
    pub queries: usize,
    pub keys: usize,
}

impl<'a> Bias<'a> {
    fn row(&self, head: usize, query: usize, keys: &Range<usize>) -> &'a [f32] {
        let head = if self.heads == 1 { 0 } else { head };
        let start = (head * self.queries + query) * self.keys;
        &self.data[start + keys.start..start + keys.end]
    }
}

/// What is to be computed.
pub(crate) struct Problem<'a> {
    /// Where each text's queries begin, and where the last one's end.
    pub query_offsets: &'a [u32],
    /// The same of keys and values.
    pub key_offsets: &'a [u32],
    /// Of the queries.
    pub heads: usize,
    /// Of keys and values: each serves `heads / key_heads` heads of queries.
    pub key_heads: usize,
    pub head_dim: usize,
    pub scale: f32,
    /// Query `i` of `n` sees the keys up to `i + keys - n`.
    pub causal: bool,
    pub bias: Option<Bias<'a>>,
    pub dropout: Option<Dropout>,
}

impl Problem<'_> {
    fn texts(&self) -> usize {
        self.query_offsets.len().saturating_sub(1)
    }

    fn queries(&self, text: usize) -> Range<usize> {
        self.query_offsets[text] as usize..self.query_offsets[text + 1] as usize
    }

    fn keys(&self, text: usize) -> Range<usize> {
        self.key_offsets[text] as usize..self.key_offsets[text + 1] as usize
    }

    /// How many of a text's keys a query sees; both count from the beginning of the text.
    fn visible(&self, text: usize, query: usize) -> usize {
        let keys = self.keys(text).len();
        match self.causal {
            true => (query + 1 + keys)
                .saturating_sub(self.queries(text).len())
                .min(keys),
            false => keys,
        }
    }

    /// By what queries are multiplied, for scores in powers of two.
    fn query_scale(&self) -> f32 {
        self.scale * LOG2_E
    }

    /// The keys of a text in blocks of at most `most`, as even as possible; one empty block if there are none.
    fn key_blocks(&self, text: usize, most: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let keys = self.keys(text).len();
        let blocks = keys.div_ceil(most).max(1);
        // Whole batches of random words, so that each begins with one.
        let size = keys.div_ceil(blocks).next_multiple_of(WORDS);
        (0..blocks).map(move |block| (block * size).min(keys)..((block + 1) * size).min(keys))
    }
}

/// Adds a bias to the scores of one query.
#[inline(always)]
fn add_bias(scores: &mut [f32], bias: &[f32]) {
    for (score, bias) in scores.iter_mut().zip(bias) {
        *score += bias * LOG2_E;
    }
}
