//! Reductions in a fixed order: the same bits however many threads there are.

use super::simd::{self, Isa};
use super::{Cpu, math};
use crate::ops::reduce::Reduce;

/// Sums run side by side in so many lanes.
const LANES: usize = 16;
/// Elements that are summed in single precision before the sum is added to the total in double precision.
const BLOCK: usize = 1024;
/// Elements of a long row that one task reduces.
const PIECE: usize = 1 << 15;
/// Columns that are reduced together: their results stay in the nearest cache.
const TILE: usize = 1024;

/// Reduces the middle of `[outer, count, inner]`.
pub(crate) fn reduce(
    cpu: &Cpu,
    kind: Reduce,
    input: &[f32],
    output: &mut [f32],
    [_, count, inner]: [usize; 3],
) {
    if count == 0 {
        let empty = if kind == Reduce::LogSumExp {
            f32::NEG_INFINITY
        } else {
            0.0
        };
        output.fill(if kind == Reduce::Mean {
            f32::NAN
        } else {
            empty
        });
        return;
    }
    if inner == 1 {
        reduce_rows(cpu, kind, input, output, count);
    } else {
        reduce_columns(cpu, kind, input, output, count, inner);
    }
}

/// What is known of a part of a row: the sum, or for log-sum-exp the sum of exponentials relative to the extreme.
#[derive(Clone, Copy)]
struct Partial {
    sum: f64,
    extreme: f32,
}

fn reduce_rows(cpu: &Cpu, kind: Reduce, input: &[f32], output: &mut [f32], count: usize) {
    if count <= PIECE {
        let rows = (PIECE / count).max(1);
        cpu.threads().chunks_mut(output, rows, |task, results| {
            short_rows(kind, &input[task * rows * count..], results, count);
        });
        return;
    }
    let pieces = count.div_ceil(PIECE);
    let mut partials = vec![
        Partial {
            sum: 0.0,
            extreme: 0.0
        };
        pieces
    ];
    for (result, row) in output.iter_mut().zip(input.chunks_exact(count)) {
        cpu.threads().chunks_mut(&mut partials, 1, |task, slot| {
            let piece = &row[task * PIECE..(task * PIECE + PIECE).min(count)];
            slot[0] = piece_of_row(kind, piece);
        });
        *result = finish(kind, &partials, count);
    }
}

simd::kernel! {
    fn short_rows<I>(kind: Reduce, input: &[f32], results: &mut [f32], count: usize) {
        for (result, row) in results.iter_mut().zip(input.chunks_exact(count)) {
            *result = finish(kind, &[partial::<I>(kind, row)], count);
        }
    }
}

simd::kernel! {
    fn piece_of_row<I>(kind: Reduce, piece: &[f32]) -> Partial {
        partial::<I>(kind, piece)
    }
}

#[inline(always)]
fn partial<I: Isa>(kind: Reduce, row: &[f32]) -> Partial {
    let (mut sum, mut extreme) = (0.0, 0.0);
    match kind {
        Reduce::Sum | Reduce::Mean => sum = sum_of(row, |x| x),
        Reduce::Norm => sum = sum_of(row, |x| x * x),
        Reduce::Max => extreme = max_of(row),
        Reduce::Min => extreme = min_of(row),
        Reduce::LogSumExp => return sum_of_exponentials::<I>(row),
    }
    Partial { sum, extreme }
}

/// How far an element may be above what exponentials are relative to, before the sum is made relative to the larger one.
const MARGIN: f32 = 4.0;

/// Memory is gone through once: the largest of a block and then the sum of the block's exponentials, relative to what was the
/// largest before unless that is far less.
#[inline(always)]
fn sum_of_exponentials<I: Isa>(row: &[f32]) -> Partial {
    let (mut sum, mut extreme) = (0.0, f32::NEG_INFINITY);
    for block in row.chunks(BLOCK) {
        let top = top_of(block);
        if !top.is_finite() {
            let top = max_of(block);
            if top == f32::NEG_INFINITY {
                continue;
            }
            return Partial { sum, extreme: top };
        }
        if top > extreme + MARGIN {
            sum *= f64::from(extreme - top).exp();
            extreme = top;
        }
        sum += sum_of_terms::<I>(block, extreme);
    }
    Partial { sum, extreme }
}

/// `Σ exp(x - shift)` of a row: not a number if an element is none.
#[inline(always)]
pub(super) fn sum_of_terms<I: Isa>(row: &[f32], shift: f32) -> f64 {
    /// Lanes of four vectors, since one addition would wait for the other.
    const WIDE: usize = 4 * LANES;
    let mut total = 0.0;
    for block in row.chunks(BLOCK) {
        let mut lanes = [0.0_f32; WIDE];
        let (whole, rest) = block.as_chunks::<WIDE>();
        for chunk in whole {
            for (lane, &x) in lanes.iter_mut().zip(chunk) {
                *lane += math::exp_of_term::<I>(x - shift);
            }
        }
        for (lane, &x) in lanes.iter_mut().zip(rest) {
            *lane += math::exp_of_term::<I>(x - shift);
        }
        let joined = std::array::from_fn(|i| {
            (lanes[i] + lanes[i + LANES]) + (lanes[i + 2 * LANES] + lanes[i + 3 * LANES])
        });
        total += f64::from(tree(joined));
    }
    total
}

#[inline(always)]
fn finish(kind: Reduce, partials: &[Partial], count: usize) -> f32 {
    let sum = || partials.iter().map(|partial| partial.sum).sum::<f64>();
    let fold = |pick: fn(f32, f32) -> f32| {
        let extremes = partials.iter().map(|partial| partial.extreme);
        extremes.reduce(pick).unwrap_or(f32::NAN)
    };
    match kind {
        Reduce::Sum => sum() as f32,
        Reduce::Mean => (sum() / count as f64) as f32,
        Reduce::Norm => sum().sqrt() as f32,
        Reduce::Max => fold(larger),
        Reduce::Min => fold(smaller),
        Reduce::LogSumExp => {
            let top = fold(larger);
            if !top.is_finite() {
                return top;
            }
            let scaled = |partial: &Partial| match partial.extreme.is_finite() {
                true => partial.sum * f64::from(partial.extreme - top).exp(),
                false => 0.0,
            };
            (partials.iter().map(scaled).sum::<f64>().ln() + f64::from(top)) as f32
        }
    }
}

/// Not a number wins, as in PyTorch.
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if a > b || a.is_nan() { a } else { b }
}

#[inline(always)]
fn smaller(a: f32, b: f32) -> f32 {
    if a < b || a.is_nan() { a } else { b }
}

/// The sum of `f` over a row: lanes, then blocks.
#[inline(always)]
pub(super) fn sum_of(row: &[f32], f: impl Fn(f32) -> f32) -> f64 {
    let mut total = 0.0;
    for block in row.chunks(BLOCK) {
        let mut lanes = [0.0_f32; LANES];
        let (whole, rest) = block.as_chunks::<LANES>();
        for chunk in whole {
            for (lane, &x) in lanes.iter_mut().zip(chunk) {
                *lane += f(x);
            }
        }
        for (lane, &x) in lanes.iter_mut().zip(rest) {
            *lane += f(x);
        }
        total += f64::from(tree(lanes));
    }
    total
}

/// The sum of lanes, pairwise.
#[inline(always)]
fn tree(lanes: [f32; LANES]) -> f32 {
    let eight: [f32; 8] = std::array::from_fn(|i| lanes[i] + lanes[i + 8]);
    let four: [f32; 4] = std::array::from_fn(|i| eight[i] + eight[i + 4]);
    (four[0] + four[2]) + (four[1] + four[3])
}

#[inline(always)]
pub(super) fn max_of(row: &[f32]) -> f32 {
    extreme_of(row, larger)
}

/// The largest element, whether or not there are others that are not numbers: a comparison, where [`max_of`] takes four
/// instructions, for sums that find these by themselves.
#[inline(always)]
pub(super) fn top_of(row: &[f32]) -> f32 {
    extreme_of(row, |x, top| if x > top { x } else { top })
}

#[inline(always)]
fn min_of(row: &[f32]) -> f32 {
    extreme_of(row, smaller)
}

#[inline(always)]
fn extreme_of(row: &[f32], pick: impl Fn(f32, f32) -> f32) -> f32 {
    let step = |lanes: &mut [f32; LANES], chunk: &[f32]| {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = pick(x, *lane);
        }
    };
    // Several vectors of lanes, since one comparison would wait for the other.
    let [mut a, mut b, mut c, mut d] = [[row[0]; LANES]; 4];
    let (groups, rest) = row.as_chunks::<{ 4 * LANES }>();
    for group in groups {
        step(&mut a, &group[..LANES]);
        step(&mut b, &group[LANES..2 * LANES]);
        step(&mut c, &group[2 * LANES..3 * LANES]);
        step(&mut d, &group[3 * LANES..]);
    }
    let (wholes, rest) = rest.as_chunks::<LANES>();
    for whole in wholes {
        step(&mut a, whole);
    }
    step(&mut b, rest);
    let both: [f32; LANES] = std::array::from_fn(|i| pick(pick(a[i], b[i]), pick(c[i], d[i])));
    let eight: [f32; 8] = std::array::from_fn(|i| pick(both[i], both[i + 8]));
    let four: [f32; 4] = std::array::from_fn(|i| pick(eight[i], eight[i + 4]));
    pick(pick(four[0], four[2]), pick(four[1], four[3]))
}

/// Rows that are summed in single precision before their sums are added to the totals.
const ROW_BLOCK: usize = 64;
/// Elements that one task reduces to a row: they stay in the cache for a second look.
const ROWS_PIECE: usize = 1 << 16;

fn reduce_columns(
    cpu: &Cpu,
    kind: Reduce,
    input: &[f32],
    output: &mut [f32],
    count: usize,
    inner: usize,
) {
    let rows = (ROWS_PIECE / inner.max(1)).next_multiple_of(ROW_BLOCK);
    let pieces = count.div_ceil(rows.max(ROW_BLOCK));
    let outer = output.len() / inner.max(1);
    // Tasks read whole rows, as these lie in memory; what they find is put together in order.
    let width = if kind == Reduce::LogSumExp { 2 } else { 1 } * inner;
    let mut parts = vec![0.0_f32; outer * pieces * width];
    let tasks = parts.chunks_exact_mut(width.max(1)).enumerate();
    cpu.threads().each(tasks.collect(), |(task, part)| {
        let (matrix, piece) = (task / pieces, task % pieces);
        let matrix = &input[matrix * count * inner..][..count * inner];
        let end = ((piece + 1) * rows * inner).min(matrix.len());
        columns_of_rows(kind, &matrix[piece * rows * inner..end], part, inner);
    });
    let parts = parts.chunks_exact((pieces * width).max(1));
    for (results, parts) in output.chunks_exact_mut(inner.max(1)).zip(parts) {
        join_columns(kind, parts, results, count);
    }
}

simd::kernel! {
    /// Reduces each column of some rows; for log-sum-exp the largest elements come first, then the sums of exponentials.
    fn columns_of_rows<I>(kind: Reduce, rows: &[f32], part: &mut [f32], inner: usize) {
        let (part, sums) = part.split_at_mut(inner);
        for first in (0..inner).step_by(TILE) {
            let width = TILE.min(inner - first);
            let part = &mut part[first..first + width];
            let rows = rows.chunks_exact(inner).map(|row| &row[first..first + width]);
            match kind {
                Reduce::Sum | Reduce::Mean => column_sums(rows, part, |x, _| x),
                Reduce::Norm => column_sums(rows, part, |x, _| x * x),
                Reduce::Max => column_extremes(rows, part, larger),
                Reduce::Min => column_extremes(rows, part, smaller),
                Reduce::LogSumExp => {
                    column_extremes(rows.clone(), part, larger);
                    let shift = |top: f32| if top.is_finite() { top } else { 0.0 };
                    let term = |x: f32, top: f32| math::exp_of_term::<I>(x - shift(top));
                    let sums = &mut sums[first..first + width];
                    column_sums(rows, sums, |x, column| term(x, part[column]));
                }
            }
        }
    }
}

simd::kernel! {
    fn join_columns<I>(kind: Reduce, parts: &[f32], results: &mut [f32], count: usize) {
        let inner = results.len();
        let rows = parts.chunks_exact(inner);
        let add = |results: &mut [f32]| {
            results.fill(0.0);
            for row in rows.clone() {
                results.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
            }
        };
        match kind {
            Reduce::Sum => add(results),
            Reduce::Mean => {
                add(results);
                results.iter_mut().for_each(|sum| *sum /= count as f32);
            }
            Reduce::Norm => {
                add(results);
                results.iter_mut().for_each(|sum| *sum = sum.sqrt());
            }
            Reduce::Max => column_extremes(rows, results, larger),
            Reduce::Min => column_extremes(rows, results, smaller),
            Reduce::LogSumExp => {
                column_extremes(rows.step_by(2), results, larger);
                for (column, result) in results.iter_mut().enumerate() {
                    if !result.is_finite() {
                        continue;
                    }
                    let pairs = parts.chunks_exact(2 * inner).map(|pair| (pair[column], pair[inner + column]));
                    let terms = pairs.map(|(top, sum)| match top.is_finite() {
                        true => f64::from(sum) * f64::from(top - *result).exp(),
                        false => 0.0,
                    });
                    *result = (terms.sum::<f64>().ln() + f64::from(*result)) as f32;
                }
            }
        }
    }
}

#[inline(always)]
fn column_sums<'a>(
    mut rows: impl Iterator<Item = &'a [f32]>,
    results: &mut [f32],
    f: impl Fn(f32, usize) -> f32,
) {
    let width = results.len();
    results.fill(0.0);
    loop {
        let mut block = [0.0_f32; TILE];
        let mut taken = 0;
        for row in rows.by_ref().take(ROW_BLOCK) {
            for (column, (sum, &x)) in block[..width].iter_mut().zip(row).enumerate() {
                *sum += f(x, column);
            }
            taken += 1;
        }
        for (result, sum) in results.iter_mut().zip(block) {
            *result += sum;
        }
        if taken < ROW_BLOCK {
            return;
        }
    }
}

#[inline(always)]
fn column_extremes<'a>(
    rows: impl Iterator<Item = &'a [f32]>,
    results: &mut [f32],
    pick: impl Fn(f32, f32) -> f32,
) {
    for (place, row) in rows.enumerate() {
        if place == 0 {
            results.copy_from_slice(row);
        }
        for (result, &x) in results.iter_mut().zip(row) {
            *result = pick(x, *result);
        }
    }
}
