//! Views: the same memory in another shape. They cost nothing in either direction.

use std::sync::Arc;

use smallvec::smallvec;

use crate::autograd::{self, Backward, Node, Pass};
use crate::op::Gradients;
use crate::shape::{Layout, MAX_RANK};
use crate::{Result, Shape, Tensor, TensorError};

/// How a gradient of the view becomes one of the viewed tensor.
#[derive(Debug)]
enum Back {
    Reshape,
    Permute(Vec<usize>),
    Broadcast,
    Narrow { axis: usize, start: usize },
}

#[derive(Debug)]
struct View {
    name: &'static str,
    back: Back,
}

impl Backward for View {
    fn name(&self) -> &'static str {
        self.name
    }

    fn gradient(&self, pass: &Pass) -> Result<Gradients> {
        let upstream = pass.upstream()?;
        let shape = &pass.input_specs[0].shape;
        let gradient = match &self.back {
            Back::Reshape => upstream.reshape(shape)?,
            Back::Permute(order) => {
                let mut inverse = vec![0; order.len()];
                for (place, &axis) in order.iter().enumerate() {
                    inverse[axis] = place;
                }
                upstream.permute(&inverse)?
            }
            Back::Broadcast => upstream.sum_to(shape)?,
            Back::Narrow { axis, start } => {
                let after = shape[*axis] - start - upstream.shape()[*axis];
                upstream.pad(*axis, *start, after, 0.0)?
            }
        };
        Ok(smallvec![Some(gradient)])
    }
}

fn misfit(op: &'static str, reason: String, tensor: &Tensor, other: Option<&Shape>) -> TensorError {
    TensorError::Shape {
        op,
        reason,
        shapes: std::iter::once(tensor.shape())
            .chain(other)
            .cloned()
            .collect(),
    }
}

impl Tensor {
    fn viewed(&self, name: &'static str, layout: Layout, back: Back) -> Self {
        let view = self.view(layout);
        if !self.is_tracked() || !autograd::is_recording() {
            return view;
        }
        let specs = smallvec![view.spec()];
        let node = Node::bare(Arc::new(View { name, back }), &[self], specs);
        view.with_node(&node, 0)
    }

    /// The same elements in row-major order in another shape. A copy is made only where views cannot express it.
    ///
    /// # Errors
    /// [`TensorError::Shape`] if the number of elements differs.
    pub fn reshape(&self, shape: impl Into<Shape>) -> Result<Self> {
        let shape = shape.into();
        if shape.elements() != self.elements() || shape.rank() > MAX_RANK {
            let reason = format!("{} elements do not fill the new shape", self.elements());
            return Err(misfit("reshape", reason, self, Some(&shape)));
        }
        if &shape == self.shape() {
            return Ok(self.clone());
        }
        match self.layout().reshape(&shape) {
            Some(layout) => Ok(self.viewed("reshape", layout, Back::Reshape)),
            None => self.contiguous()?.reshape(shape),
        }
    }

    /// The dimensions in another order: dimension `i` of the result is dimension `order[i]`.
    ///
    /// # Errors
    /// [`TensorError::Shape`] if `order` does not name every dimension once.
    pub fn permute(&self, order: &[usize]) -> Result<Self> {
        let mut sorted = order.to_vec();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(0..self.rank()) {
            let reason = format!("{order:?} does not name each dimension once");
            return Err(misfit("permute", reason, self, None));
        }
        Ok(self.viewed(
            "permute",
            self.layout().permute(order),
            Back::Permute(order.to_vec()),
        ))
    }

    /// Two dimensions swapped.
    ///
    /// # Errors
    /// [`TensorError::Shape`] if there is no such dimension.
    pub fn transpose(&self, first: usize, second: usize) -> Result<Self> {
        self.axis("transpose", first)?;
        self.axis("transpose", second)?;
        let mut order: Vec<usize> = (0..self.rank()).collect();
        order.swap(first, second);
        self.permute(&order)
    }

    /// Stretched to a larger shape as NumPy does: dimensions of size 1 are repeated, new ones are added in front.
    ///
    /// # Errors
    /// [`TensorError::Shape`] if the shape does not broadcast to the new one.
    pub fn broadcast_to(&self, shape: impl Into<Shape>) -> Result<Self> {
        let shape = shape.into();
        if &shape == self.shape() {
            return Ok(self.clone());
        }
        if self.shape().broadcast(&shape).as_ref() != Some(&shape) || shape.rank() > MAX_RANK {
            let reason = "does not broadcast to the new shape".to_owned();
            return Err(misfit("broadcast_to", reason, self, Some(&shape)));
        }
        Ok(self.viewed(
            "broadcast_to",
            self.layout().broadcast(&shape),
            Back::Broadcast,
        ))
    }

    /// `count` elements of a dimension, from `start`.
    ///
    /// # Errors
    /// [`TensorError::Shape`] if there are not so many.
    pub fn narrow(&self, axis: usize, start: usize, count: usize) -> Result<Self> {
        let size = self.axis("narrow", axis)?;
        if start > size || count > size - start {
            let reason = format!(
                "elements {start}..{} of dimension {axis} do not exist",
                start.saturating_add(count)
            );
            return Err(misfit("narrow", reason, self, None));
        }
        if count == size {
            return Ok(self.clone());
        }
        let layout = self.layout().narrow(axis, start, count);
        Ok(self.viewed("narrow", layout, Back::Narrow { axis, start }))
    }

    /// Without a dimension of size 1.
    ///
    /// # Errors
    /// [`TensorError::Shape`] if its size is another.
    pub fn squeeze(&self, axis: usize) -> Result<Self> {
        if self.axis("squeeze", axis)? != 1 {
            let reason = format!("dimension {axis} is not of size 1");
            return Err(misfit("squeeze", reason, self, None));
        }
        self.reshape(self.shape().without(axis))
    }

    /// With a dimension of size 1 before dimension `axis`, or at the end.
    ///
    /// # Errors
    /// [`TensorError::Shape`] if there is no such place.
    pub fn unsqueeze(&self, axis: usize) -> Result<Self> {
        if axis > self.rank() {
            let reason = format!("there is no place {axis} for a dimension");
            return Err(misfit("unsqueeze", reason, self, None));
        }
        let mut dims = self.shape().to_vec();
        dims.insert(axis, 1);
        self.reshape(&dims[..])
    }

    /// The dimensions `from..=to` as one.
    ///
    /// # Errors
    /// [`TensorError::Shape`] if there are no such dimensions.
    pub fn flatten(&self, from: usize, to: usize) -> Result<Self> {
        self.axis("flatten", to)?;
        if from > to {
            let reason = format!("dimensions {from}..={to} are none");
            return Err(misfit("flatten", reason, self, None));
        }
        let dims = self.shape();
        let joined = dims[from..=to].iter().product();
        let shape = (dims[..from].iter().copied())
            .chain([joined])
            .chain(dims[to + 1..].iter().copied());
        self.reshape(shape.collect::<Shape>())
    }

    /// The size of a dimension, which must exist.
    pub(crate) fn axis(&self, op: &'static str, axis: usize) -> Result<usize> {
        self.shape().get(axis).copied().ok_or_else(|| {
            let reason = format!("there is no dimension {axis}");
            misfit(op, reason, self, None)
        })
    }

    /// Summed over the dimensions that broadcasting `shape` to this shape stretches.
    pub(crate) fn sum_to(&self, shape: &Shape) -> Result<Self> {
        if self.shape() == shape {
            return Ok(self.clone());
        }
        let added = self.rank() - shape.rank();
        let stretched: Vec<usize> = (0..self.rank())
            .filter(|&axis| axis < added || (shape[axis - added] == 1 && self.shape()[axis] != 1))
            .collect();
        self.sum(&stretched)?.reshape(shape)
    }
}

#[cfg(test)]
pub(crate) fn cases() -> Vec<crate::conformance::Case> {
    use crate::conformance::{Array, Case, numbers};
    vec![
        Case::new(
            "reshape",
            [numbers([4, 6])],
            |x| x[0].reshape([2, 2, 2, 3]),
            |x| Array::new([2, 2, 2, 3], x[0].data.clone()),
        ),
        Case::new(
            "permute",
            [numbers([2, 3, 4])],
            |x| x[0].permute(&[2, 0, 1]),
            |x| Array::from_fn([4, 2, 3], |at| x[0].at(&[at[1], at[2], at[0]])),
        ),
        Case::new(
            "transpose, then reshape",
            [numbers([3, 4])],
            |x| x[0].transpose(0, 1)?.reshape([2, 6]),
            |x| {
                Array::from_fn([2, 6], |at| {
                    let place = at[0] * 6 + at[1];
                    x[0].at(&[place % 3, place / 3])
                })
            },
        ),
        Case::new(
            "broadcast",
            [numbers([3, 1])],
            |x| x[0].broadcast_to([2, 3, 4]),
            |x| Array::from_fn([2, 3, 4], |at| x[0].at(at)),
        ),
        Case::new(
            "narrow",
            [numbers([5, 4])],
            |x| x[0].narrow(0, 1, 3)?.narrow(1, 2, 2),
            |x| Array::from_fn([3, 2], |at| x[0].at(&[at[0] + 1, at[1] + 2])),
        ),
        Case::new(
            "nothing of a dimension",
            [numbers([5, 4])],
            |x| x[0].narrow(0, 5, 0),
            |_| Array::new([0, 4], vec![]),
        ),
        Case::new(
            "squeeze, unsqueeze and flatten",
            [numbers([2, 1, 3])],
            |x| x[0].squeeze(1)?.unsqueeze(0)?.flatten(0, 1),
            |x| Array::new([2, 3], x[0].data.clone()),
        ),
    ]
}
