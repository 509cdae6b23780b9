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
/// Columns that one task reduces.
const TILE: usize = 128;

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
        Reduce::LogSumExp => {
            extreme = max_of(row);
            let shift = if extreme.is_finite() { extreme } else { 0.0 };
            sum = sum_of(row, |x| math::exp::<I>(x - shift));
        }
    }
    Partial { sum, extreme }
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

#[inline(always)]
fn min_of(row: &[f32]) -> f32 {
    extreme_of(row, smaller)
}

#[inline(always)]
fn extreme_of(row: &[f32], pick: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [row[0]; LANES];
    let (whole, rest) = row.as_chunks::<LANES>();
    for chunk in whole {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = pick(x, *lane);
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(rest) {
        *lane = pick(x, *lane);
    }
    lanes.into_iter().reduce(pick).unwrap_or(f32::NAN)
}

fn reduce_columns(
    cpu: &Cpu,
    kind: Reduce,
    input: &[f32],
    output: &mut [f32],
    count: usize,
    inner: usize,
) {
    let matrices = input.chunks_exact(count * inner);
    let tiles = output
        .chunks_mut(inner)
        .zip(matrices)
        .flat_map(|(results, matrix)| {
            let tiles = results.chunks_mut(TILE).enumerate();
            tiles.map(move |(tile, results)| (results, matrix, tile * TILE))
        });
    cpu.threads()
        .each(tiles.collect(), |(results, matrix, first)| {
            tile_of_columns(kind, matrix, results, first, inner);
        });
}

simd::kernel! {
    fn tile_of_columns<I>(kind: Reduce, matrix: &[f32], results: &mut [f32], first: usize, inner: usize) {
        let width = results.len();
        let count = matrix.len() / inner;
        let rows = matrix.chunks_exact(inner).map(|row| &row[first..first + width]);
        match kind {
            Reduce::Sum => column_sums(rows, results, |x, _| x),
            Reduce::Mean => {
                column_sums(rows, results, |x, _| x);
                results.iter_mut().for_each(|sum| *sum /= count as f32);
            }
            Reduce::Norm => {
                column_sums(rows, results, |x, _| x * x);
                results.iter_mut().for_each(|sum| *sum = sum.sqrt());
            }
            Reduce::Max => column_extremes(rows, results, larger),
            Reduce::Min => column_extremes(rows, results, smaller),
            Reduce::LogSumExp => {
                column_extremes(rows.clone(), results, larger);
                let mut top = [0.0_f32; TILE];
                for (top, &extreme) in top.iter_mut().zip(&*results) {
                    *top = if extreme.is_finite() { extreme } else { 0.0 };
                }
                let mut sums = [0.0_f32; TILE];
                column_sums(rows, &mut sums[..width], |x, column| math::exp::<I>(x - top[column]));
                for ((result, sum), top) in results.iter_mut().zip(sums).zip(top) {
                    *result = sum.ln() + top;
                }
            }
        }
    }
}

/// Rows that are summed in single precision before their sums are added to the totals.
const ROW_BLOCK: usize = 64;

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
