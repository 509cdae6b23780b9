//! Kernels that read and write where indices say.

use super::Cpu;
use super::simd;
use crate::{DType, Result, TensorError};

/// Elements that one task handles.
const TASK: usize = 1 << 14;
/// Tasks that rows of a sum are cut into: each reads all indices.
const SUM_TASKS: usize = 64;
/// Sums of pieces of the indices that are added up in the end.
const PIECES: usize = 16;

/// Fails at the first index that is not below `size`. Signed ones come as the words that they are stored in.
pub(crate) fn check(op: &'static str, indices: &[u32], dtype: DType, size: usize) -> Result<()> {
    check_but(op, indices, dtype, size, None)
}

/// The same, but `ignored` may be what it is.
pub(crate) fn check_but(
    op: &'static str,
    indices: &[u32],
    dtype: DType,
    size: usize,
    ignored: Option<u32>,
) -> Result<()> {
    let signed = dtype == DType::I32;
    let limit = if signed { size.min(1 << 31) } else { size };
    let past = |index: u32| index as usize >= limit && Some(index) != ignored;
    // Without an early end the search is vector code.
    if !indices.iter().fold(false, |any, &index| any | past(index)) {
        return Ok(());
    }
    let index = indices
        .iter()
        .copied()
        .find(|&index| past(index))
        .unwrap_or(0);
    let index = match signed {
        true => i64::from(index as i32),
        false => i64::from(index),
    };
    Err(TensorError::Index { op, index, size })
}

/// `output[o, j, i] = source[o, indices[j], i]` of `[outer, size, inner]`; the indices are checked.
pub(crate) fn select<T: Copy + Send + Sync>(
    cpu: &Cpu,
    source: &[T],
    indices: &[u32],
    output: &mut [T],
    [_, size, inner]: [usize; 3],
) {
    if output.is_empty() {
        return;
    }
    let count = indices.len();
    let rows = (TASK / inner).max(1);
    cpu.threads()
        .chunks_mut(output, rows * inner, |task, results| {
            let first = task * rows;
            for (row, result) in (first..).zip(results.chunks_exact_mut(inner)) {
                let from = row / count * size + indices[row % count] as usize;
                result.copy_from_slice(&source[from * inner..][..inner]);
            }
        });
}

/// `output[o, d, i]` is the sum of `source[o, j, i]` over all `j` with `indices[j] == d`, in their order; rows of index
/// `skip` and past the end count nothing.
pub(crate) fn sum(
    cpu: &Cpu,
    source: &[f32],
    indices: &[u32],
    output: &mut [f32],
    [outer, size, inner]: [usize; 3],
    skip: Option<u32>,
) {
    if output.is_empty() {
        return;
    }
    let count = indices.len();
    let pieces = (count / (4 * size)).min(PIECES);
    if outer == 1 && pieces > 1 {
        // Few destinations: each task sums some of the rows for all of them.
        let mut sums = vec![0.0_f32; pieces * output.len()];
        let rows = count.div_ceil(pieces);
        cpu.threads()
            .chunks_mut(&mut sums, size * inner, |piece, sums| {
                let from = (piece * rows).min(count);
                let to = (from + rows).min(count);
                let source = &source[from * inner..to * inner];
                add_rows(source, &indices[from..to], sums, 0, inner, skip);
            });
        output.fill(0.0);
        for sums in sums.chunks_exact(size * inner) {
            add(output, sums);
        }
        return;
    }
    let rows = (outer * size).div_ceil(SUM_TASKS).max(TASK / inner).max(1);
    cpu.threads()
        .chunks_mut(output, rows * inner, |task, results| {
            results.fill(0.0);
            let (first, end) = (task * rows, task * rows + results.len() / inner);
            for matrix in first / size..=(end - 1) / size {
                let from = first.max(matrix * size);
                let to = end.min((matrix + 1) * size);
                let results = &mut results[(from - first) * inner..(to - first) * inner];
                let source = &source[matrix * count * inner..][..count * inner];
                add_rows(source, indices, results, from - matrix * size, inner, skip);
            }
        });
}

simd::kernel! {
    fn add_rows<I>(source: &[f32], indices: &[u32], results: &mut [f32], first: usize, inner: usize, skip: Option<u32>) {
        let rows = results.len() / inner;
        for (row, &index) in source.chunks_exact(inner).zip(indices) {
            let place = (index as usize).wrapping_sub(first);
            if place < rows && Some(index) != skip {
                for (to, &x) in results[place * inner..][..inner].iter_mut().zip(row) {
                    *to += x;
                }
            }
        }
    }
}

simd::kernel! {
    fn add<I>(output: &mut [f32], x: &[f32]) {
        for (to, &x) in output.iter_mut().zip(x) {
            *to += x;
        }
    }
}

/// `output[o, j, i] = source[o, indices[o, j, i], i]`; the indices are checked.
pub(crate) fn gather(
    cpu: &Cpu,
    source: &[u32],
    indices: &[u32],
    output: &mut [u32],
    [_, size, inner]: [usize; 3],
    count: usize,
) {
    if output.is_empty() {
        return;
    }
    let rows = (TASK / inner).max(1);
    cpu.threads()
        .chunks_mut(output, rows * inner, |task, results| {
            let first = task * rows;
            let indices = indices[first * inner..].chunks_exact(inner);
            let results = results.chunks_exact_mut(inner);
            for (row, (results, indices)) in (first..).zip(results.zip(indices)) {
                let source = &source[row / count * size * inner..][..size * inner];
                for (column, (to, &index)) in results.iter_mut().zip(indices).enumerate() {
                    *to = source[index as usize * inner + column];
                }
            }
        });
}

/// `output[o, d, i]` is the sum of `source[o, j, i]` over all `j` with `indices[o, j, i] == d`, in their order; the indices
/// are checked.
pub(crate) fn scatter(
    cpu: &Cpu,
    source: &[f32],
    indices: &[u32],
    output: &mut [f32],
    [_, size, inner]: [usize; 3],
    count: usize,
) {
    if output.is_empty() {
        return;
    }
    let matrices = (TASK / (size * inner)).max(1);
    let chunk = matrices * size * inner;
    cpu.threads().chunks_mut(output, chunk, |task, results| {
        results.fill(0.0);
        let matrix = count * inner;
        if matrix == 0 {
            return;
        }
        let first = task * matrices * matrix;
        let rest = source[first..]
            .chunks_exact(matrix)
            .zip(indices[first..].chunks_exact(matrix));
        for (results, (source, indices)) in results.chunks_exact_mut(size * inner).zip(rest) {
            let rows = source.chunks_exact(inner).zip(indices.chunks_exact(inner));
            for (row, indices) in rows {
                for (column, (&x, &index)) in row.iter().zip(indices).enumerate() {
                    results[index as usize * inner + column] += x;
                }
            }
        }
    });
}
