//! [`Shape`], and [`Layout`]: where each element of a view lies in its storage.

use std::fmt;
use std::ops::Deref;

use smallvec::SmallVec;

/// The most dimensions that a tensor has.
pub const MAX_RANK: usize = 6;

pub(crate) type Dims = SmallVec<[usize; MAX_RANK]>;

/// The size of each dimension, outermost first. No dimension at all is a scalar.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Shape(Dims);

impl Shape {
    /// The number of elements.
    pub fn elements(&self) -> usize {
        self.0.iter().product()
    }

    /// The number of dimensions.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// The shape that both fit when dimensions of size 1 are stretched, aligned at the last one, as in NumPy.
    pub fn broadcast(&self, other: &Self) -> Option<Self> {
        let rank = self.rank().max(other.rank());
        (0..rank)
            .map(|axis| {
                let (a, b) = (
                    self.size_from_end(rank - axis),
                    other.size_from_end(rank - axis),
                );
                match (a, b) {
                    _ if a == b => Some(a),
                    (1, b) => Some(b),
                    (a, 1) => Some(a),
                    _ => None,
                }
            })
            .collect()
    }

    /// The size of the dimension that is `place` from the end (1 is the last), and 1 beyond the first.
    pub(crate) fn size_from_end(&self, place: usize) -> usize {
        self.rank()
            .checked_sub(place)
            .map_or(1, |axis| self.0[axis])
    }

    /// This shape with one dimension of another size.
    pub(crate) fn with(&self, axis: usize, size: usize) -> Self {
        let mut dims = self.0.clone();
        dims[axis] = size;
        Self(dims)
    }

    /// This shape without one dimension.
    pub(crate) fn without(&self, axis: usize) -> Self {
        let mut dims = self.0.clone();
        dims.remove(axis);
        Self(dims)
    }

    /// The strides, in elements, of a tensor that is stored without gaps.
    pub(crate) fn strides(&self) -> Dims {
        let mut strides: Dims = SmallVec::from_elem(1, self.rank());
        for axis in (1..self.rank()).rev() {
            strides[axis - 1] = strides[axis] * self.0[axis];
        }
        strides
    }
}

impl Deref for Shape {
    type Target = [usize];

    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl FromIterator<usize> for Shape {
    fn from_iter<I: IntoIterator<Item = usize>>(dims: I) -> Self {
        Self(dims.into_iter().collect())
    }
}

impl From<&[usize]> for Shape {
    fn from(dims: &[usize]) -> Self {
        Self(SmallVec::from_slice(dims))
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(dims: [usize; N]) -> Self {
        Self::from(&dims[..])
    }
}

impl From<&Shape> for Shape {
    fn from(shape: &Shape) -> Self {
        shape.clone()
    }
}

impl From<usize> for Shape {
    fn from(size: usize) -> Self {
        Self::from([size])
    }
}

impl From<()> for Shape {
    fn from((): ()) -> Self {
        Self::default()
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &self.0[..])
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A view of a storage: element `[i, j, …]` lies at `offset + i * strides[0] + j * strides[1] + …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub shape: Shape,
    /// In elements; 0 where a dimension is stretched.
    pub strides: Dims,
    pub offset: usize,
}

impl Layout {
    /// All of a storage, without gaps.
    pub fn contiguous(shape: Shape) -> Self {
        Self {
            strides: shape.strides(),
            shape,
            offset: 0,
        }
    }

    /// Whether the elements follow each other in row-major order.
    pub fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        self.shape.elements() == 0
            || self
                .shape
                .iter()
                .zip(&self.strides)
                .rev()
                .all(|(&size, &stride)| {
                    let fits = size == 1 || stride == expected;
                    expected *= size;
                    fits
                })
    }

    /// The same elements in another order of dimensions.
    pub fn permute(&self, order: &[usize]) -> Self {
        Self {
            shape: order.iter().map(|&axis| self.shape[axis]).collect(),
            strides: order.iter().map(|&axis| self.strides[axis]).collect(),
            offset: self.offset,
        }
    }

    /// `count` elements of one dimension from `start`.
    pub fn narrow(&self, axis: usize, start: usize, count: usize) -> Self {
        Self {
            shape: self.shape.with(axis, count),
            strides: self.strides.clone(),
            offset: self.offset
                + if count == 0 {
                    0
                } else {
                    start * self.strides[axis]
                },
        }
    }

    /// Stretched to `shape`, which this shape must broadcast to.
    pub fn broadcast(&self, shape: &Shape) -> Self {
        let added = shape.rank() - self.shape.rank();
        let strides = (0..shape.rank())
            .map(|axis| match axis.checked_sub(added) {
                Some(own) if self.shape[own] == shape[axis] => self.strides[own],
                _ => 0,
            })
            .collect();
        Self {
            shape: shape.clone(),
            strides,
            offset: self.offset,
        }
    }

    /// The same elements in another shape, where that needs no copy.
    pub fn reshape(&self, shape: &Shape) -> Option<Self> {
        if self.is_contiguous() {
            return Some(Self {
                offset: self.offset,
                ..Self::contiguous(shape.clone())
            });
        }
        // Each group of own dimensions that lie evenly in memory may be cut in any other way.
        let mut strides: Dims = SmallVec::from_elem(0, shape.rank());
        let (mut own, mut new) = (0, 0);
        while own < self.shape.rank() || new < shape.rank() {
            let (own_start, new_start) = (own, new);
            let (mut own_size, mut new_size) = (1, 1);
            loop {
                if own_size == new_size && (own > own_start || new > new_start) {
                    break;
                }
                if own_size <= new_size && own < self.shape.rank() {
                    own_size *= self.shape[own];
                    own += 1;
                } else if new < shape.rank() {
                    new_size *= shape[new];
                    new += 1;
                } else {
                    return None;
                }
            }
            let group = own_start..own;
            let even = group
                .clone()
                .skip(1)
                .all(|axis| self.strides[axis - 1] == self.strides[axis] * self.shape[axis]);
            if !even {
                return None;
            }
            let mut stride = group.last().map_or(1, |axis| self.strides[axis]);
            for axis in (new_start..new).rev() {
                strides[axis] = stride;
                stride *= shape[axis];
            }
        }
        Some(Self {
            shape: shape.clone(),
            strides,
            offset: self.offset,
        })
    }

    /// The same elements with as few dimensions as their place in memory allows: dimensions of size 1 go, and
    /// neighbours that lie evenly become one. Several views are folded alike.
    pub fn fold<const N: usize>(layouts: [&Self; N]) -> (Dims, [Dims; N]) {
        let rank = layouts[0].shape.rank();
        let mut sizes = Dims::new();
        let mut strides: [Dims; N] = std::array::from_fn(|_| Dims::new());
        for axis in 0..rank {
            let size = layouts[0].shape[axis];
            if size == 1 {
                continue;
            }
            let joins = !sizes.is_empty()
                && layouts.iter().zip(&strides).all(|(layout, strides)| {
                    strides.last() == Some(&(layout.strides[axis] * size))
                });
            if joins {
                if let Some(last) = sizes.last_mut() {
                    *last *= size;
                }
            } else {
                sizes.push(size);
            }
            for (layout, strides) in layouts.iter().zip(&mut strides) {
                if joins {
                    strides.pop();
                }
                strides.push(layout.strides[axis]);
            }
        }
        (sizes, strides)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_broadcast_as_in_numpy() {
        let broadcast = |a: &[usize], b: &[usize]| Shape::from(a).broadcast(&Shape::from(b));
        assert_eq!(broadcast(&[2, 1, 3], &[4, 1]), Some([2, 4, 3].into()));
        assert_eq!(broadcast(&[], &[5]), Some([5].into()));
        assert_eq!(broadcast(&[0, 1], &[1, 7]), Some([0, 7].into()));
        assert_eq!(broadcast(&[2], &[3]), None);
    }

    #[test]
    fn a_view_is_reshaped_without_a_copy_where_memory_allows() {
        let layout = Layout::contiguous([4, 6, 5].into());
        let transposed = layout.permute(&[1, 0, 2]);
        assert!(layout.reshape(&[24, 5].into()).is_some());
        assert!(transposed.reshape(&[24, 5].into()).is_none());
        let cut = transposed
            .reshape(&[2, 3, 4, 5].into())
            .map(|view| view.strides.to_vec());
        assert_eq!(cut, Some(vec![15, 5, 30, 1]));
        let narrowed = layout.narrow(1, 2, 3);
        assert!(!narrowed.is_contiguous());
        let flat = narrowed
            .reshape(&[4, 15].into())
            .map(|view| view.strides.to_vec());
        assert_eq!(flat, Some(vec![30, 1]));
    }

    #[test]
    fn dimensions_that_lie_evenly_fold_into_one() {
        let layout = Layout::contiguous([4, 1, 6, 5].into());
        let (sizes, [strides]) = Layout::fold([&layout]);
        assert_eq!((sizes.to_vec(), strides.to_vec()), (vec![120], vec![1]));
        let row = Layout::contiguous([5].into()).broadcast(&layout.shape);
        let (sizes, [a, b]) = Layout::fold([&layout, &row]);
        assert_eq!(sizes.to_vec(), vec![24, 5]);
        assert_eq!((a.to_vec(), b.to_vec()), (vec![5, 1], vec![0, 1]));
    }
}
