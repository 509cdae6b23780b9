//! Rows of a table by their ids: what a network knows of words and places.

use crate::{Result, Tensor, TensorError};

impl Tensor {
    /// Rows of this table, `[vocabulary, hidden]`, for ids of any shape: `[.., hidden]`. Of ids of type u32 or i32. Row
    /// `padding` is read like the others, and its gradient is 0. The gradient of a row that was read often is summed in
    /// the order of the ids, so that it has the same bits every time.
    ///
    /// # Errors
    /// [`TensorError::Shape`] if the table is no matrix or the result would have more than six dimensions;
    /// [`TensorError::Index`] for an id or a padding row past the end, as for [`Tensor::index_select`].
    pub fn embedding(&self, ids: &Self, padding: Option<u32>) -> Result<Self> {
        let &[vocabulary, _] = &self.shape()[..] else {
            return Err(TensorError::Shape {
                op: "embedding",
                reason: "takes a table of two dimensions, [vocabulary, hidden]".to_owned(),
                shapes: vec![self.shape().clone(), ids.shape().clone()],
            });
        };
        if let Some(row) = padding
            && row as usize >= vocabulary
        {
            return Err(TensorError::Index {
                op: "embedding",
                index: row.into(),
                size: vocabulary,
            });
        }
        self.take("embedding", 0, ids, padding)
    }
}

#[cfg(test)]
pub(crate) fn cases() -> Vec<crate::conformance::Case> {
    use crate::conformance::{Array, Case, Input, indices, numbers};
    let rows = |x: &[Array]| {
        let shape = x[1].shape.iter().chain(&x[0].shape[1..]).copied();
        Array::from_fn(shape.collect::<crate::Shape>(), |at| {
            let (place, column) = at.split_at(at.len() - 1);
            x[0].at(&[x[1].at(place) as usize, column[0]])
        })
    };
    let case = |name: &str, inputs: [Input; 2]| {
        Case::new(name, inputs, |x| x[0].embedding(&x[1], None), rows)
    };
    let long: Vec<u32> = (0..300).map(|i| i * 7 % 90).collect();
    let mut cases = vec![
        case(
            "embedding",
            [numbers([5, 3]), indices([2, 3], &[4, 0, 0, 2, 4, 4])],
        ),
        case("embedding of one id", [numbers([2, 7]), indices([], &[1])]),
        case(
            "embedding of nothing",
            [numbers([2, 7]), indices([2, 0], &[])],
        ),
        case(
            "embedding of more ids than a workgroup",
            [numbers([90, 2]), indices([300], &long)],
        ),
    ];
    // No gradient reaches the row of the padding: the reference takes it from a constant.
    cases.push(Case::new(
        "embedding with padding",
        [numbers([4, 3]), indices([5], &[1, 0, 3, 1, 2])],
        |x| x[0].embedding(&x[1], Some(1)),
        {
            let fixed = std::cell::RefCell::new(None::<Array>);
            move |x: &[Array]| {
                // The values come first, then moved ones for the differences.
                let moved = x[0].clone();
                let mut table = fixed
                    .borrow_mut()
                    .get_or_insert_with(|| moved.clone())
                    .clone();
                for row in [0, 2, 3] {
                    table.data[row * 3..][..3].copy_from_slice(&moved.data[row * 3..][..3]);
                }
                rows(&[table, x[1].clone()])
            }
        },
    ));
    cases
}

#[cfg(test)]
mod tests {
    use crate::{Device, Result, Tensor, TensorError};

    #[test]
    fn a_table_that_is_no_matrix_and_a_padding_row_past_the_end_are_refused() -> Result<()> {
        let device = Device::cpu();
        let ids = Tensor::new(&[0_u32], [1], &device)?;
        let vector = Tensor::zeros([4], &device)?;
        assert!(matches!(
            vector.embedding(&ids, None),
            Err(TensorError::Shape {
                op: "embedding",
                ..
            })
        ));
        let table = Tensor::zeros([4, 2], &device)?;
        let refused = table.embedding(&ids, Some(4));
        assert!(matches!(
            refused,
            Err(TensorError::Index {
                op: "embedding",
                index: 4,
                size: 4
            })
        ));
        Ok(())
    }

    #[test]
    fn the_gradient_has_the_same_bits_with_any_number_of_threads() -> Result<()> {
        let gradient = |threads: usize| -> Result<Vec<f32>> {
            let device = Device::cpu_with_threads(threads);
            let table = Tensor::zeros([50, 33], &device)?.requires_grad()?;
            let ids: Vec<u32> = (0..900).map(|i| i * i % 50).collect();
            let upstream: Vec<f32> = (0..900 * 33).map(|i| (i as f32 * 0.37).sin()).collect();
            let rows = table.embedding(&Tensor::new(&ids, [900], &device)?, None)?;
            let gradients = rows.backward_from(&Tensor::new(&upstream, [900, 33], &device)?)?;
            gradients.get(&table).map_or(Ok(Vec::new()), Tensor::to_vec)
        };
        let one = gradient(1)?;
        assert_eq!(one.len(), 50 * 33);
        assert_eq!(one, gradient(3)?);
        Ok(())
    }
}
