//! [`Array`]: numbers in double precision, with which ops are checked. Plain loops, no speed.

use crate::Shape;

/// An array in row-major order.
#[derive(Clone, Debug)]
pub(crate) struct Array {
    pub shape: Shape,
    pub data: Vec<f64>,
}

impl Array {
    pub fn new(shape: impl Into<Shape>, data: Vec<f64>) -> Self {
        let shape = shape.into();
        assert_eq!(shape.elements(), data.len());
        Self { shape, data }
    }

    /// Each element from its coordinates.
    pub fn from_fn(shape: impl Into<Shape>, mut f: impl FnMut(&[usize]) -> f64) -> Self {
        let shape = shape.into();
        let data = (0..shape.elements())
            .map(|place| f(&coordinates(&shape, place)))
            .collect();
        Self { shape, data }
    }

    /// The element at coordinates; those of stretched dimensions, or of dimensions that there are not, count as 0.
    pub fn at(&self, coordinates: &[usize]) -> f64 {
        let added = coordinates.len() - self.shape.rank();
        let place = self.shape.iter().zip(&coordinates[added..]);
        let place = place.fold(0, |place, (&size, &coordinate)| {
            place * size + if size == 1 { 0 } else { coordinate }
        });
        self.data[place]
    }

    pub fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Self::new(&self.shape, self.data.iter().map(|&x| f(x)).collect())
    }

    /// `f` of the elements of two arrays, stretched as NumPy does.
    pub fn zip(&self, other: &Self, f: impl Fn(f64, f64) -> f64) -> Self {
        let shape = self
            .shape
            .broadcast(&other.shape)
            .expect("shapes that broadcast");
        Self::from_fn(shape, |at| f(self.at(at), other.at(at)))
    }

    /// `f` of the elements along dimensions, which go.
    pub fn reduce(&self, axes: &[usize], f: impl Fn(&[f64]) -> f64) -> Self {
        let kept: Vec<usize> = (0..self.shape.rank())
            .filter(|axis| !axes.contains(axis))
            .collect();
        let shape: Shape = kept.iter().map(|&axis| self.shape[axis]).collect();
        let mut groups = vec![Vec::new(); shape.elements()];
        for (place, &x) in self.data.iter().enumerate() {
            let at = coordinates(&self.shape, place);
            let group = kept
                .iter()
                .fold(0, |group, &axis| group * self.shape[axis] + at[axis]);
            groups[group].push(x);
        }
        Self::new(shape, groups.iter().map(|group| f(group)).collect())
    }

    /// `f` of each row of the last dimension, giving a row as long.
    pub fn map_rows(&self, f: impl Fn(&[f64]) -> Vec<f64>) -> Self {
        let length = self.shape.last().copied().unwrap_or(1).max(1);
        Self::new(&self.shape, self.data.chunks(length).flat_map(f).collect())
    }
}

/// The coordinates of the element at `place` in row-major order.
pub(crate) fn coordinates(shape: &[usize], mut place: usize) -> Vec<usize> {
    let mut coordinates = vec![0; shape.len()];
    for axis in (0..shape.len()).rev() {
        coordinates[axis] = place % shape[axis];
        place /= shape[axis];
    }
    coordinates
}
