//! [`Walk`]: goes through views of one shape together, row by row, on all threads.

use super::Cpu;
use crate::shape::{Dims, Layout};

/// Elements that one task handles: enough to be worth handing out, few enough to stay in the cache.
const TASK: usize = 1 << 14;

/// `N` views of the same shape, folded to as few dimensions as all of them allow.
pub(crate) struct Walk<const N: usize> {
    /// Sizes of all dimensions but the last.
    outer: Dims,
    /// Elements of a row.
    inner: usize,
    outer_strides: [Dims; N],
    inner_strides: [usize; N],
    offsets: [usize; N],
}

impl<const N: usize> Walk<N> {
    /// The walk through views of the same shape.
    pub fn new(layouts: [&Layout; N]) -> Self {
        let (mut outer, mut outer_strides) = Layout::fold(layouts);
        let inner = outer.pop().unwrap_or(1);
        let inner_strides = std::array::from_fn(|view| outer_strides[view].pop().unwrap_or(1));
        Self {
            outer,
            inner,
            outer_strides,
            inner_strides,
            offsets: layouts.map(|layout| layout.offset),
        }
    }

    /// Calls `f` for each piece of a row of `target`, which holds the elements in row-major order, with the place of the
    /// piece's first element in each view and the distance from one element to the next.
    pub fn each_row<T, F>(&self, cpu: &Cpu, target: &mut [T], f: F)
    where
        T: Send,
        F: Fn(&mut [T], [usize; N], [usize; N]) + Sync,
    {
        if target.is_empty() {
            return;
        }
        cpu.threads().chunks_mut(target, TASK, |task, mut chunk| {
            let first = task * TASK;
            let mut column = first % self.inner;
            let mut place = self.place(first / self.inner);
            while !chunk.is_empty() {
                let length = (self.inner - column).min(chunk.len());
                let (row, rest) = chunk.split_at_mut(length);
                let starts = std::array::from_fn(|view| {
                    place.starts[view] + column * self.inner_strides[view]
                });
                f(row, starts, self.inner_strides);
                chunk = rest;
                column = 0;
                self.advance(&mut place);
            }
        });
    }

    fn place(&self, row: usize) -> Place<N> {
        let mut coordinates: Dims = self.outer.clone();
        let mut starts = self.offsets;
        let mut rest = row;
        for axis in (0..self.outer.len()).rev() {
            coordinates[axis] = rest % self.outer[axis];
            rest /= self.outer[axis];
            for (start, strides) in starts.iter_mut().zip(&self.outer_strides) {
                *start += coordinates[axis] * strides[axis];
            }
        }
        Place {
            coordinates,
            starts,
        }
    }

    fn advance(&self, place: &mut Place<N>) {
        for axis in (0..self.outer.len()).rev() {
            place.coordinates[axis] += 1;
            let wraps = place.coordinates[axis] == self.outer[axis];
            for (start, strides) in place.starts.iter_mut().zip(&self.outer_strides) {
                *start += strides[axis];
                if wraps {
                    *start -= self.outer[axis] * strides[axis];
                }
            }
            if !wraps {
                return;
            }
            place.coordinates[axis] = 0;
        }
    }
}

/// Where a row begins in each view.
struct Place<const N: usize> {
    coordinates: Dims,
    starts: [usize; N],
}

/// Sets each element of a row to `f` of one element of `a` and one of `b`.
#[inline(always)]
pub(crate) fn zip_row<T: Copy, R>(
    row: &mut [R],
    a: &[T],
    b: &[T],
    starts: [usize; 2],
    strides: [usize; 2],
    f: impl Fn(T, T) -> R,
) {
    let (a, b) = (&a[starts[0]..], &b[starts[1]..]);
    match strides {
        [1, 1] => {
            for ((to, &a), &b) in row.iter_mut().zip(a).zip(b) {
                *to = f(a, b);
            }
        }
        [1, 0] => {
            let b = b[0];
            for (to, &a) in row.iter_mut().zip(a) {
                *to = f(a, b);
            }
        }
        [0, 1] => {
            let a = a[0];
            for (to, &b) in row.iter_mut().zip(b) {
                *to = f(a, b);
            }
        }
        [a_stride, b_stride] => {
            for (place, to) in row.iter_mut().enumerate() {
                *to = f(a[place * a_stride], b[place * b_stride]);
            }
        }
    }
}
