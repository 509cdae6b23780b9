//! Kernels that find the largest elements. Numbers are compared as integers of the same order, so that ties, zeros of either
//! sign and what is not a number are settled alike on every device: the first of equals wins, and what is not a number is
//! above all.

use super::Cpu;
use super::simd;

/// Elements that one task handles.
const TASK: usize = 1 << 14;
/// Elements that are compared before any is looked at.
const BLOCK: usize = 64;
/// Columns that one task handles.
const TILE: usize = 128;
/// From so many on, all elements are partitioned instead of kept in order.
const FEW: usize = 128;

/// Orders numbers as integers, or with `smallest` in reverse; never 0.
#[inline(always)]
fn rank(x: f32, smallest: bool) -> u32 {
    // Zero of either sign becomes the positive one.
    let bits = (x + 0.0).to_bits();
    let flip = ((bits as i32) >> 31) as u32 | 0x8000_0000;
    let order = bits ^ flip;
    let order = if smallest { !order } else { order };
    if x.is_nan() { u32::MAX } else { order }
}

#[inline(always)]
fn highest(block: &[f32], smallest: bool) -> u32 {
    let ranks = block.iter().map(|&x| rank(x, smallest));
    ranks.fold(0, u32::max)
}

/// The place of the largest, or smallest, of the middle of `[outer, count, inner]`; `count` is not 0.
pub(crate) fn extreme_places(
    cpu: &Cpu,
    input: &[f32],
    output: &mut [u32],
    [count, inner]: [usize; 2],
    smallest: bool,
) {
    if output.is_empty() {
        return;
    }
    if inner == 1 {
        let rows = (TASK / count).max(1);
        cpu.threads().chunks_mut(output, rows, |task, results| {
            let input = &input[task * rows * count..][..results.len() * count];
            places_in_rows(input, results, count, smallest);
        });
        return;
    }
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
            places_in_columns(matrix, results, first, inner, smallest);
        });
}

simd::kernel! {
    fn places_in_rows<I>(input: &[f32], results: &mut [u32], count: usize, smallest: bool) {
        for (result, row) in results.iter_mut().zip(input.chunks_exact(count)) {
            let top = highest(row, smallest);
            let block = row.chunks(BLOCK).position(|block| highest(block, smallest) == top);
            let start = block.unwrap_or(0) * BLOCK;
            let inside = row[start..].iter().position(|&x| rank(x, smallest) == top);
            *result = (start + inside.unwrap_or(0)) as u32;
        }
    }
}

simd::kernel! {
    fn places_in_columns<I>(matrix: &[f32], results: &mut [u32], first: usize, inner: usize, smallest: bool) {
        let width = results.len();
        let mut tops = [0_u32; TILE];
        for (place, row) in matrix.chunks_exact(inner).enumerate() {
            let row = &row[first..first + width];
            for ((top, result), &x) in tops.iter_mut().zip(results.iter_mut()).zip(row) {
                let rank = rank(x, smallest);
                let higher = rank > *top;
                *result = if higher { place as u32 } else { *result };
                *top = if higher { rank } else { *top };
            }
        }
    }
}

/// The `k` largest of each row of `length` and their places, the largest first.
pub(crate) fn largest(
    cpu: &Cpu,
    input: &[f32],
    values: &mut [f32],
    places: &mut [u32],
    [length, k]: [usize; 2],
) {
    if values.is_empty() {
        return;
    }
    let rows = (TASK / length).max(1);
    let tasks = values
        .chunks_mut(rows * k)
        .zip(places.chunks_mut(rows * k))
        .zip(input.chunks(rows * length));
    cpu.threads()
        .each(tasks.collect(), |((values, places), input)| {
            let mut found = Vec::with_capacity(if k < FEW { k } else { length });
            let results = values.chunks_exact_mut(k).zip(places.chunks_exact_mut(k));
            for ((values, places), row) in results.zip(input.chunks_exact(length)) {
                found.clear();
                if k < FEW {
                    keep_largest(row, &mut found, k);
                } else {
                    partition_largest(row, &mut found, k);
                }
                for ((value, place), &key) in values.iter_mut().zip(places).zip(&found) {
                    *place = !(key as u32);
                    *value = row[*place as usize];
                }
            }
        });
}

/// Of two elements the one with the higher key comes first: the larger one, or the first of equals.
#[inline(always)]
fn key(x: f32, place: usize) -> u64 {
    u64::from(rank(x, false)) << 32 | u64::from(!(place as u32))
}

simd::kernel! {
    fn keep_largest<I>(row: &[f32], found: &mut Vec<u64>, k: usize) {
        found.extend(row[..k].iter().enumerate().map(|(place, &x)| key(x, place)));
        found.sort_unstable_by(|a, b| b.cmp(a));
        for (number, block) in row.chunks(BLOCK).enumerate() {
            let lowest = (found[k - 1] >> 32) as u32;
            let start = number * BLOCK;
            if start + block.len() <= k || highest(block, false) <= lowest {
                continue;
            }
            for (place, &x) in (start..).zip(block) {
                let key = key(x, place);
                if place >= k && key > found[k - 1] {
                    let at = found.partition_point(|&other| other > key);
                    found[at..].rotate_right(1);
                    found[at] = key;
                }
            }
        }
    }
}

fn partition_largest(row: &[f32], found: &mut Vec<u64>, k: usize) {
    found.extend(row.iter().enumerate().map(|(place, &x)| key(x, place)));
    if k < row.len() {
        found.select_nth_unstable_by(k - 1, |a, b| b.cmp(a));
        found.truncate(k);
    }
    found.sort_unstable_by(|a, b| b.cmp(a));
}
