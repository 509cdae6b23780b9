//! Convolution of sequences: that of images of height 1.

use super::conv2d::ConvOptions;
use crate::{Result, Tensor, TensorError};

impl Tensor {
    /// The cross-correlation of sequences `[batch, channels, length]` with filters `[filters, channels / groups, length]`, plus a
    /// bias `[filters]`: `[batch, filters, length]`, of which the length is `(length + 2 padding - dilation (filter - 1) - 1) /
    /// stride + 1`.
    ///
    /// # Errors
    /// As [`Tensor::conv2d`].
    pub fn conv1d(
        &self,
        weight: &Self,
        bias: Option<&Self>,
        options: ConvOptions<1>,
    ) -> Result<Self> {
        if self.rank() != 3 || weight.rank() != 3 {
            return Err(TensorError::Shape {
                op: "conv1d",
                reason: "takes an input [batch, channels, length] and a weight [filters, channels / groups, length]"
                    .to_owned(),
                shapes: vec![self.shape().clone(), weight.shape().clone()],
            });
        }
        let [stride, dilation] = [options.stride, options.dilation].map(|[along]| [1, along]);
        let options = ConvOptions {
            stride,
            padding: [0, options.padding[0]],
            dilation,
            groups: options.groups,
        };
        let flat = |tensor: &Self| {
            let shape = tensor.shape();
            tensor.reshape([shape[0], shape[1], 1, shape[2]])
        };
        let result = flat(self)?.conv2d(&flat(weight)?, bias, options)?;
        let shape = result.shape();
        result.reshape([shape[0], shape[1], shape[3]])
    }
}

#[cfg(test)]
pub(crate) fn cases() -> Vec<crate::conformance::Case> {
    use super::conv2d::reference;
    use crate::conformance::{Array, Case, numbers};
    let cases: [([usize; 3], [usize; 3], [usize; 4]); 6] = [
        ([2, 3, 7], [4, 3, 3], [1, 0, 1, 1]),
        ([1, 1, 1], [2, 1, 1], [1, 0, 1, 1]),
        ([2, 4, 9], [4, 1, 4], [2, 3, 2, 4]),
        ([1, 4, 8], [2, 2, 3], [3, 5, 1, 2]),
        ([0, 2, 4], [3, 2, 2], [1, 1, 1, 1]),
        ([3, 2, 40], [3, 2, 5], [1, 2, 1, 1]),
    ];
    let build =
        |(x, weight, [stride, padding, dilation, groups]): ([usize; 3], [usize; 3], [usize; 4])| {
            let options = ConvOptions {
                stride: [stride],
                padding: [padding],
                dilation: [dilation],
                groups,
            };
            let wide = ConvOptions {
                stride: [1, stride],
                padding: [0, padding],
                dilation: [1, dilation],
                groups,
            };
            let flat = |array: &Array| {
                let shape = &array.shape;
                Array::new([shape[0], shape[1], 1, shape[2]], array.data.clone())
            };
            Case::new(
                format!("conv1d of {x:?} by {weight:?}, {options:?}"),
                [numbers(x), numbers(weight), numbers(weight[0])],
                move |x| x[0].conv1d(&x[1], Some(&x[2]), options),
                move |x| {
                    let result = reference(&flat(&x[0]), &flat(&x[1]), Some(&x[2]), wide);
                    let shape = [result.shape[0], result.shape[1], result.shape[3]];
                    Array::new(shape, result.data)
                },
            )
            .tolerance(5e-6)
        };
    cases.into_iter().map(build).collect()
}
