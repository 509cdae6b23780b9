//! The forward pass: a task has a block of queries of one text and head.

use super::dropout;
use super::pack::{self, Part};
use super::product::{Left, Out, Right, product};
use super::scratch::{self, LINE};
use super::{MOST_ROWS, Problem, Rows, RowsMut, WIDEST, add_bias};
use crate::cpu::Cpu;
use crate::cpu::lanes::{LaneKernel, Lanes, dispatch};

/// Queries of a task: many enough to make up for the packing of keys and values.
const QUERIES: usize = 256;
/// Keys and values that are packed at once.
const KEYS: usize = 512;

/// Attention of `[queries, keys, values]`, and for each query and head the logarithm (base 2) of the sum of the exponentials of
/// its scores, infinite for a query that sees no key, whose result is zero.
pub(crate) fn forward(
    cpu: &Cpu,
    problem: &Problem<'_>,
    inputs: [Rows<'_>; 3],
    result_rows: RowsMut<'_>,
    sum_rows: RowsMut<'_>,
) {
    let mut tasks = Vec::new();
    for text in 0..problem.texts() {
        for head in 0..problem.heads {
            let queries = problem.queries(text).len();
            let blocks = (0..queries).step_by(QUERIES);
            tasks.extend(blocks.map(|first| (text, head, first)));
        }
    }
    cpu.threads().for_each(tasks.len(), |task| {
        let (text, head, first) = tasks[task];
        let keys = problem.keys(text).len();
        let queries = QUERIES.min(problem.queries(text).len() - first);
        let row = problem.head_dim.next_multiple_of(LINE);
        let block = KEYS.min(keys).next_multiple_of(WIDEST);
        let (all, packed, strip) = (queries * row, block * row, MOST_ROWS * block);
        let sizes = [all, packed, packed, strip, all, queries, queries];
        // Outside of the kernel: what is called within must become part of it.
        scratch::with(sizes, |[q, k, v, scores, result, tops, sums]| {
            dispatch(Task {
                problem,
                inputs,
                to_result: &result_rows,
                to_sums: &sum_rows,
                text,
                head,
                first,
                queries,
                place: Place {
                    q,
                    k,
                    v,
                    scores,
                    result,
                    tops,
                    sums,
                    row,
                    block,
                },
            });
        });
    });
}

struct Task<'a> {
    problem: &'a Problem<'a>,
    inputs: [Rows<'a>; 3],
    to_result: &'a RowsMut<'a>,
    to_sums: &'a RowsMut<'a>,
    text: usize,
    head: usize,
    /// Of the queries, counted from the beginning of the text.
    first: usize,
    queries: usize,
    place: Place,
}

impl LaneKernel for Task<'_> {
    #[inline(always)]
    fn run<L: Lanes, const ROWS: usize>(self) {
        // SAFETY: the places are as large as the task's blocks.
        unsafe { self.fill::<L, ROWS>() };
    }
}

/// Scratch memory.
struct Place {
    /// `[queries, row]`.
    q: *mut f32,
    /// Panels.
    k: *mut f32,
    /// `[block, row]`.
    v: *mut f32,
    /// `[ROWS, block]`.
    scores: *mut f32,
    /// `[queries, row]`, not yet divided by the sums.
    result: *mut f32,
    /// Each query's largest score so far.
    tops: *mut f32,
    /// Each query's sum of powers of two of the scores above the largest.
    sums: *mut f32,
    row: usize,
    block: usize,
}

impl Task<'_> {
    /// # Safety
    /// The places are as large as [`forward`] asks for.
    #[inline(always)]
    unsafe fn fill<L: Lanes, const ROWS: usize>(&self) {
        let (place, queries) = (&self.place, self.queries);
        let Problem { head_dim, .. } = *self.problem;
        let group = self.problem.heads / self.problem.key_heads.max(1);
        let first_query = self.problem.queries(self.text).start + self.first;
        let part = Part {
            rows: self.inputs[0],
            head: self.head,
            first: first_query,
            count: queries,
            head_dim,
        };
        // SAFETY: as the caller vouches.
        unsafe { pack::rows(part, self.problem.query_scale(), place.q, place.row) };
        let last = self.problem.visible(self.text, self.first + queries - 1);
        for keys in self.problem.key_blocks(self.text, KEYS) {
            if keys.start > 0 && keys.start >= last {
                break;
            }
            let part = |input: usize| Part {
                rows: self.inputs[input],
                head: self.head / group,
                first: self.problem.keys(self.text).start + keys.start,
                count: keys.len(),
                head_dim,
            };
            // SAFETY: a block has at most as many keys as there is room for.
            unsafe {
                pack::panels::<L>(part(1), place.k);
                pack::rows(part(2), 1.0, place.v, place.row);
            }
            for first in (0..queries).step_by(ROWS) {
                let rows = ROWS.min(queries - first);
                // SAFETY: the strip lies within the places.
                unsafe { self.strip::<L, ROWS>(keys.start, keys.len(), first, rows) };
            }
        }
        for query in 0..queries {
            // SAFETY: the query is this task's alone.
            unsafe {
                let sum = *place.sums.add(query);
                let seen = sum != 0.0;
                let log = if seen {
                    *place.tops.add(query) + sum.log2()
                } else {
                    f32::INFINITY
                };
                self.to_sums.row(first_query + query, self.head, 1)[0] = log;
                let scale = if seen { 1.0 / sum } else { 0.0 };
                let from =
                    std::slice::from_raw_parts(place.result.add(query * place.row), head_dim);
                let to = self.to_result.row(first_query + query, self.head, head_dim);
                for (to, from) in to.iter_mut().zip(from) {
                    *to = from * scale;
                }
            }
        }
    }

    /// Takes a block of keys into account for `rows` queries from `first` on.
    ///
    /// # Safety
    /// These queries and the block lie within the places.
    #[inline(always)]
    unsafe fn strip<L: Lanes, const ROWS: usize>(
        &self,
        first_key: usize,
        keys: usize,
        first: usize,
        rows: usize,
    ) {
        let (problem, place) = (self.problem, &self.place);
        let seen = |query: usize| {
            let visible = problem.visible(self.text, self.first + query);
            visible.saturating_sub(first_key).min(keys)
        };
        let visible = seen(first + rows - 1);
        if visible == 0 && first_key > 0 {
            return;
        }
        let vectors = visible.div_ceil(L::COUNT);
        // SAFETY: as the caller vouches.
        unsafe {
            let left = Left {
                start: place.q.add(first * place.row),
                row: place.row,
                column: 1,
            };
            let right = Right::panels::<L>(place.k, problem.head_dim);
            let scores = Out {
                start: place.scores,
                row: place.block,
            };
            product::<L, ROWS, false>([rows, vectors, problem.head_dim], left, right, scores);
            for query in 0..rows {
                let row = scores.start.add(query * scores.row);
                let row = std::slice::from_raw_parts_mut(row, vectors * L::COUNT);
                let visible = seen(first + query);
                if let Some(bias) = &problem.bias {
                    let range = first_key..first_key + visible;
                    let bias = bias.row(self.head, self.first + first + query, &range);
                    add_bias(&mut row[..visible], bias);
                }
                row[visible..].fill(f32::NEG_INFINITY);
                let (top, sum) = (place.tops.add(first + query), place.sums.add(first + query));
                if first_key == 0 {
                    (*top, *sum) = soften::<L>(row, f32::NEG_INFINITY);
                } else {
                    let (new, added) = soften::<L>(row, *top);
                    let shrink = if new == *top {
                        1.0
                    } else {
                        (*top - new).exp2()
                    };
                    (*top, *sum) = (new, *sum * shrink + added);
                    let result = place.result.add((first + query) * place.row);
                    for result in std::slice::from_raw_parts_mut(result, place.row) {
                        *result *= shrink;
                    }
                }
                if let Some(dropout) = &problem.dropout {
                    let mut factors = [0.0; KEYS];
                    let factors = &mut factors[..visible];
                    let token = problem.queries(self.text).start + self.first + first + query;
                    dropout.factors(token * problem.heads + self.head, first_key, factors);
                    dropout::scale(row, factors);
                }
            }
            let left = Left {
                start: scores.start,
                row: scores.row,
                column: 1,
            };
            let right = Right::rows::<L>(place.v, place.row);
            let out = Out {
                start: place.result.add(first * place.row),
                row: place.row,
            };
            let sizes = [rows, place.row / L::COUNT, visible];
            if first_key == 0 {
                product::<L, ROWS, false>(sizes, left, right, out);
            } else {
                product::<L, ROWS, true>(sizes, left, right, out);
            }
        }
    }
}

/// Scores to powers of two relative to the largest of them and `before`, which is given back with their sum.
#[inline(always)]
fn soften<L: Lanes>(scores: &mut [f32], before: f32) -> (f32, f32) {
    let mut tops = L::splat(before);
    for scores in scores.chunks_exact(L::COUNT) {
        // SAFETY: a chunk is a vector.
        tops = unsafe { L::load(scores.as_ptr()) }.max(tops);
    }
    let top = tops.top();
    // Where nothing is seen, all powers are zero whatever is subtracted, except of infinity from itself.
    let shift = L::splat(if top == f32::NEG_INFINITY { 0.0 } else { top });
    let mut sums = L::splat(0.0);
    for scores in scores.chunks_exact_mut(L::COUNT) {
        // SAFETY: a chunk is a vector.
        unsafe {
            let power = L::load(scores.as_ptr()).sub(shift).exp2();
            power.store(scores.as_mut_ptr());
            sums = sums.add(power);
        }
    }
    (top, sums.sum())
}
