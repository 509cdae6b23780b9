//! Eight outputs side by side: every step of the solver does the same to each, so one load of a row's features serves
//! them all.

use std::array::from_fn;

/// How many outputs lie side by side: the doubles of one cache line.
pub(super) const LANES: usize = 8;

/// One number for each of eight outputs.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(align(64))]
pub(super) struct Lanes(pub(super) [f64; LANES]);

impl Lanes {
    pub(super) const ZERO: Self = Self([0.0; LANES]);

    pub(super) fn all(value: f64) -> Self {
        Self([value; LANES])
    }

    pub(super) fn new(value: impl FnMut(usize) -> f64) -> Self {
        Self(from_fn(value))
    }

    #[inline(always)]
    pub(super) fn add_scaled(&mut self, other: &Self, factor: f64) {
        for (a, b) in self.0.iter_mut().zip(other.0) {
            *a += factor * b;
        }
    }

    #[inline(always)]
    pub(super) fn add_product(&mut self, a: &Self, b: &Self) {
        for (sum, (a, b)) in self.0.iter_mut().zip(a.0.iter().zip(b.0)) {
            *sum += a * b;
        }
    }

    pub(super) fn sum(&self) -> f64 {
        self.0.iter().sum()
    }
}

/// The sum of products down each lane.
pub(super) fn dot(a: &[Lanes], b: &[Lanes]) -> Lanes {
    let mut sum = Lanes::ZERO;
    a.iter().zip(b).for_each(|(a, b)| sum.add_product(a, b));
    sum
}
