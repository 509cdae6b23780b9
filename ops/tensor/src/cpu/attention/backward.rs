//! The backward pass: a task has all queries and keys of one text and one head of keys, so no two tasks add to one number.

use std::f32::consts::LN_2;
use std::ops::Range;

use super::dropout;
use super::pack::{self, Part};
use super::product::{Left, Out, Right, product};
use super::scratch::{self, LINE};
use super::{Problem, Rows, RowsMut, WIDEST, add_bias};
use crate::cpu::Cpu;
use crate::cpu::lanes::{LaneKernel, Lanes, dispatch};
use crate::cpu::threads::Shareable;

/// Queries whose scores exist at once.
const QUERIES: usize = 32;
/// Keys and values that are packed at once.
const KEYS: usize = 128;

/// What the backward pass writes.
pub(crate) struct Gradients<'a> {
    /// Of queries, keys and values.
    pub of: [RowsMut<'a>; 3],
    /// Of the bias for each head, `[heads, queries, keys]`, zero before.
    pub of_bias: Option<&'a mut [f32]>,
}

/// The gradients of [`forward`](super::forward()), from its inputs, its result, its sums and the result's gradient.
pub(crate) fn backward(
    cpu: &Cpu,
    problem: &Problem<'_>,
    inputs: [Rows<'_>; 3],
    [result, sums, upstream]: [Rows<'_>; 3],
    gradients: Gradients<'_>,
) {
    let of_bias = gradients
        .of_bias
        .map(|of_bias| (Shareable::new(of_bias.as_mut_ptr()), of_bias.len()));
    let texts = problem.texts();
    // All texts add to the bias of a head.
    let together = if of_bias.is_some() { texts } else { 1 };
    let pieces = texts.div_ceil(together.max(1));
    cpu.threads().for_each(pieces * problem.key_heads, |task| {
        let piece = task / problem.key_heads;
        for text in piece * together..((piece + 1) * together).min(texts) {
            let row = problem.head_dim.next_multiple_of(LINE);
            let block = KEYS.min(problem.keys(text).len()).next_multiple_of(WIDEST);
            let (keys, queries, scores) = (block * row, QUERIES * row, QUERIES * block);
            let sizes = [
                keys, keys, keys, keys, keys, queries, queries, queries, scores, scores,
            ];
            // Outside of the kernel: what is called within must become part of it.
            scratch::with(sizes, |places| {
                let [
                    k,
                    v,
                    key_rows,
                    of_k,
                    of_v,
                    q,
                    upstream_rows,
                    of_q,
                    probabilities,
                    of_scores,
                ] = places;
                dispatch(Task {
                    problem,
                    inputs,
                    result,
                    sums,
                    upstream,
                    of: &gradients.of,
                    of_bias: of_bias
                        .as_ref()
                        .map(|(start, length)| (start.get(), *length)),
                    text,
                    key_head: task % problem.key_heads,
                    place: Place {
                        k,
                        v,
                        key_rows,
                        of_k,
                        of_v,
                        q,
                        upstream: upstream_rows,
                        of_q,
                        probabilities,
                        of_scores,
                        row,
                        block,
                    },
                });
            });
        }
    });
}

struct Task<'a> {
    problem: &'a Problem<'a>,
    inputs: [Rows<'a>; 3],
    result: Rows<'a>,
    sums: Rows<'a>,
    upstream: Rows<'a>,
    of: &'a [RowsMut<'a>; 3],
    of_bias: Option<(*mut f32, usize)>,
    text: usize,
    key_head: usize,
    place: Place,
}

/// Scratch memory. Rows of tokens are `row` numbers apart, rows of scores `block`.
struct Place {
    /// Keys and values of the block, in panels.
    k: *mut f32,
    v: *mut f32,
    /// Keys in rows.
    key_rows: *mut f32,
    /// Gradients of the block's keys and values.
    of_k: *mut f32,
    of_v: *mut f32,
    /// The queries of a strip, their results' gradient and their own.
    q: *mut f32,
    upstream: *mut f32,
    of_q: *mut f32,
    /// Probabilities of a strip, and the gradient of its scores.
    probabilities: *mut f32,
    of_scores: *mut f32,
    row: usize,
    block: usize,
}

impl LaneKernel for Task<'_> {
    #[inline(always)]
    fn run<L: Lanes, const ROWS: usize>(self) {
        for keys in self.problem.key_blocks(self.text, KEYS) {
            // SAFETY: the places are as large as the blocks and strips.
            unsafe { self.block::<L, ROWS>(keys) };
        }
    }
}

impl Task<'_> {
    /// # Safety
    /// The places are as large as [`backward`] asks for.
    #[inline(always)]
    unsafe fn block<L: Lanes, const ROWS: usize>(&self, keys: Range<usize>) {
        let (problem, place) = (self.problem, &self.place);
        let head_dim = problem.head_dim;
        let first_key = problem.keys(self.text).start + keys.start;
        let part = |input: usize| Part {
            rows: self.inputs[input],
            head: self.key_head,
            first: first_key,
            count: keys.len(),
            head_dim,
        };
        let group = problem.heads / problem.key_heads;
        let queries = problem.queries(self.text).len();
        // SAFETY: a block has at most as many keys as there is room for, and its rows are this task's alone.
        unsafe {
            pack::panels::<L>(part(1), place.k);
            pack::panels::<L>(part(2), place.v);
            pack::rows(part(1), 1.0, place.key_rows, place.row);
            std::slice::from_raw_parts_mut(place.of_k, keys.len() * place.row).fill(0.0);
            std::slice::from_raw_parts_mut(place.of_v, keys.len() * place.row).fill(0.0);
            for head in self.key_head * group..(self.key_head + 1) * group {
                for first in (0..queries).step_by(QUERIES) {
                    let rows = QUERIES.min(queries - first);
                    self.strip::<L, ROWS>(&keys, head, first, rows);
                }
            }
            for key in 0..keys.len() {
                // Queries were scaled by log2 e too, which the scores' gradient knows nothing of.
                for (input, from, scale) in [(1, place.of_k, LN_2), (2, place.of_v, 1.0)] {
                    let from = std::slice::from_raw_parts(from.add(key * place.row), head_dim);
                    let to = self.of[input].row(first_key + key, self.key_head, head_dim);
                    for (to, from) in to.iter_mut().zip(from) {
                        *to = from * scale;
                    }
                }
            }
        }
    }

    /// Takes `rows` queries of a head, from `first` on, into account for a block of keys.
    ///
    /// # Safety
    /// These queries and the block lie within the places.
    #[inline(always)]
    unsafe fn strip<L: Lanes, const ROWS: usize>(
        &self,
        keys: &Range<usize>,
        head: usize,
        first: usize,
        rows: usize,
    ) {
        let (problem, place) = (self.problem, &self.place);
        let head_dim = problem.head_dim;
        let seen = |query: usize| {
            let visible = problem.visible(self.text, query);
            visible.saturating_sub(keys.start).min(keys.len())
        };
        let visible = seen(first + rows - 1);
        if visible == 0 && keys.start > 0 {
            return;
        }
        let vectors = visible.div_ceil(L::COUNT);
        let first_token = problem.queries(self.text).start + first;
        let [queries, upstream] = [self.inputs[0], self.upstream].map(|of| Part {
            rows: of,
            head,
            first: first_token,
            count: rows,
            head_dim,
        });
        let tokens = |start: *mut f32| Left {
            start,
            row: place.row,
            column: 1,
        };
        let scores = |start: *mut f32| Out {
            start,
            row: place.block,
        };
        let turned = |start: *mut f32| Left {
            start,
            row: 1,
            column: place.block,
        };
        let out = |start: *mut f32| Out {
            start,
            row: place.row,
        };
        // SAFETY: as the caller vouches.
        unsafe {
            pack::rows(queries, problem.query_scale(), place.q, place.row);
            pack::rows(upstream, 1.0, place.upstream, place.row);
            let sizes = [rows, vectors, head_dim];
            let right = Right::panels::<L>(place.k, head_dim);
            product::<L, ROWS, false>(sizes, tokens(place.q), right, scores(place.probabilities));
            let right = Right::panels::<L>(place.v, head_dim);
            product::<L, ROWS, false>(
                sizes,
                tokens(place.upstream),
                right,
                scores(place.of_scores),
            );
            for query in 0..rows {
                let columns = vectors * L::COUNT;
                let row = |start: *mut f32| {
                    std::slice::from_raw_parts_mut(start.add(query * place.block), columns)
                };
                let (probabilities, of_scores) = (row(place.probabilities), row(place.of_scores));
                let visible = seen(first + query);
                let range = keys.start..keys.start + visible;
                if let Some(bias) = &problem.bias {
                    let bias = bias.row(head, first + query, &range);
                    add_bias(&mut probabilities[..visible], bias);
                }
                let token = first_token + query;
                let result = self.result.row(token, head, head_dim);
                let along = dot::<L>(result, self.upstream.row(token, head, head_dim));
                let sum = self.sums.row(token, head, 1)[0];
                let mut factors = [0.0; KEYS];
                let factors = &mut factors[..visible];
                if let Some(dropout) = &problem.dropout {
                    dropout.factors(token * problem.heads + head, keys.start, factors);
                    dropout::scale(of_scores, factors);
                }
                differentiate::<L>(probabilities, of_scores, sum, along);
                if problem.dropout.is_some() {
                    dropout::scale(probabilities, factors);
                }
                probabilities[visible..].fill(0.0);
                of_scores[visible..].fill(0.0);
                if let (Some((start, length)), Some(bias)) = (self.of_bias, &problem.bias) {
                    let at = (head * bias.queries + first + query) * bias.keys + keys.start;
                    assert!(
                        at + visible <= length,
                        "a bias is as long as the longest text"
                    );
                    let to = std::slice::from_raw_parts_mut(start.add(at), visible);
                    for (to, of_score) in to.iter_mut().zip(&*of_scores) {
                        *to += of_score;
                    }
                }
            }
            let width = place.row / L::COUNT;
            let right = |start: *mut f32| Right::rows::<L>(start, place.row);
            let sizes = [visible, width, rows];
            product::<L, ROWS, true>(
                sizes,
                turned(place.probabilities),
                right(place.upstream),
                out(place.of_v),
            );
            product::<L, ROWS, true>(
                sizes,
                turned(place.of_scores),
                right(place.q),
                out(place.of_k),
            );
            let left = Left {
                start: place.of_scores,
                row: place.block,
                column: 1,
            };
            product::<L, ROWS, false>(
                [rows, width, visible],
                left,
                right(place.key_rows),
                out(place.of_q),
            );
            for query in 0..rows {
                let from = std::slice::from_raw_parts(place.of_q.add(query * place.row), head_dim);
                let to = self.of[0].row(first_token + query, head, head_dim);
                if keys.start == 0 {
                    for (to, from) in to.iter_mut().zip(from) {
                        *to = from * problem.scale;
                    }
                } else {
                    for (to, from) in to.iter_mut().zip(from) {
                        *to += from * problem.scale;
                    }
                }
            }
        }
    }
}

/// Scores to probabilities `p = 2^(score - sum)`, and the gradients of these to those of the scores, `p (g - along)`.
#[inline(always)]
fn differentiate<L: Lanes>(scores: &mut [f32], gradients: &mut [f32], sum: f32, along: f32) {
    let (sum, along) = (L::splat(sum), L::splat(along));
    let pairs = scores
        .chunks_exact_mut(L::COUNT)
        .zip(gradients.chunks_exact_mut(L::COUNT));
    for (scores, gradients) in pairs {
        // SAFETY: a chunk is a vector.
        unsafe {
            let probability = L::load(scores.as_ptr()).sub(sum).exp2();
            probability.store(scores.as_mut_ptr());
            let gradient = L::load(gradients.as_ptr()).sub(along);
            probability.mul(gradient).store(gradients.as_mut_ptr());
        }
    }
}

#[inline(always)]
fn dot<L: Lanes>(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = L::splat(0.0);
    let pairs = a.chunks_exact(L::COUNT).zip(b.chunks_exact(L::COUNT));
    for (a, b) in pairs {
        // SAFETY: a chunk is a vector.
        sums = unsafe { L::load(a.as_ptr()).mul_add(L::load(b.as_ptr()), sums) };
    }
    let rest = a.len() / L::COUNT * L::COUNT;
    let rest = a[rest..].iter().zip(&b[rest..]);
    rest.fold(sums.sum(), |sum, (a, b)| sum + a * b)
}
