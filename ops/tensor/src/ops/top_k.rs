//! The largest elements of the last dimension and where they are.

use smallvec::smallvec;

use crate::autograd::Pass;
use crate::cpu::{Cpu, order};
use crate::gpu::{Binding, Gpu, Kernel};
use crate::launch::groups;
use crate::op::{
    CpuInput, CpuOutput, Cut, GpuInput, GpuOutput, Gradients, Keeps, Op, Spec, Specs, apply,
};
use crate::{DType, Result, Tensor, TensorError};

/// Outputs: the values, the largest first, and their indices.
#[derive(Debug)]
pub(crate) struct TopK {
    k: usize,
}

/// One workgroup a row.
const CHOOSE: Kernel = Kernel {
    label: "top k, choice",
    source: include_str!("../../../../shaders/top_k.wgsl"),
    entry: "choose",
};

/// One invocation each of the chosen ones.
const SORT: Kernel = Kernel {
    label: "top k, order",
    entry: "sort",
    ..CHOOSE
};

impl Op for TopK {
    fn name(&self) -> &'static str {
        "top_k"
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Specs> {
        self.expect_float(&inputs[0])?;
        let last = inputs[0].shape.rank() - 1;
        let length = inputs[0].shape[last];
        if self.k == 0 || self.k > length {
            let reason = format!("the {} largest of {length} do not exist", self.k);
            return Err(self.misfit(inputs, reason));
        }
        let shape = inputs[0].shape.with(last, self.k);
        Ok(smallvec![
            Spec::new(shape.clone(), inputs[0].dtype),
            Spec::new(shape, DType::U32)
        ])
    }

    fn keeps(&self) -> Keeps {
        Keeps::outputs(&[1])
    }

    fn cuts(&self, inputs: &[Spec], outputs: &[Spec]) -> Vec<Cut> {
        Cut::rows(inputs, outputs.len())
    }

    fn cpu(&self, cpu: &Cpu, inputs: &[CpuInput<'_>], outputs: &mut [CpuOutput<'_>]) -> Result<()> {
        let length = inputs[0].layout.shape.size_from_end(1);
        let (values, indices) = outputs.split_at_mut(1);
        order::largest(
            cpu,
            inputs[0].slice(),
            values[0].slice(),
            indices[0].slice(),
            [length, self.k],
        );
        Ok(())
    }

    fn gpu(&self, gpu: &Gpu, inputs: &[GpuInput<'_>], outputs: &[GpuOutput<'_>]) -> Result<()> {
        let length = inputs[0].layout.shape.size_from_end(1);
        let rows = outputs[0].shape.elements() / self.k;
        // Nine times through a row, by 256 invocations; and once through the chosen ones.
        gpu.check_loops("top_k", (9 * length.div_ceil(256)).max(self.k))?;
        let params = [rows as u32, length as u32, self.k as u32];
        let chosen = gpu.allocate(rows * self.k * 4)?;
        let bindings = [
            inputs[0].binding(),
            Binding::read_write(&chosen),
            outputs[0].binding(),
            outputs[1].binding(),
        ];
        gpu.launch(&CHOOSE, &[], &bindings, &params, [rows as u32, 1, 1])?;
        gpu.launch(&SORT, &[], &bindings, &params, groups(rows * self.k))
    }

    fn gradient(&self, pass: &Pass) -> Result<Gradients> {
        let shape = &pass.input_specs[0].shape;
        let last = shape.rank() - 1;
        let gradient = pass
            .upstream()?
            .scatter_sum(last, pass.output(1)?, shape[last])?;
        Ok(smallvec![Some(gradient)])
    }
}

impl Tensor {
    /// The `k` largest elements of dimension `axis`, the largest first, and their indices of type u32. Of equal elements the
    /// first comes first; what is not a number counts as larger than all. The gradient of the values flows to where they
    /// were taken from.
    ///
    /// # Errors
    /// [`TensorError::Shape`] if there is no such dimension, or fewer than `k` elements in it, or `k` is 0;
    /// [`TensorError::DType`] for integers and masks.
    pub fn top_k(&self, k: usize, axis: usize) -> Result<(Self, Self)> {
        self.axis("top_k", axis)?;
        let last = self.rank() - 1;
        let turned = self.transpose(axis, last)?;
        let mut outputs = apply(TopK { k }, &[&turned])?;
        match (outputs.pop(), outputs.pop()) {
            (Some(indices), Some(values)) => {
                let indices = indices.detach().transpose(axis, last)?;
                Ok((values.transpose(axis, last)?, indices))
            }
            _ => Err(TensorError::Backward {
                reason: "top_k has too few outputs".to_owned(),
            }),
        }
    }
}

#[cfg(test)]
pub(crate) fn cases() -> Vec<crate::conformance::Case> {
    use crate::conformance::{Array, Case, numbers, these};
    // Rows of values and rows of places, in order.
    let sorted = |row: &[f64], k: usize| {
        let mut places: Vec<usize> = (0..row.len()).collect();
        let key = |x: f64| if x.is_nan() { f64::INFINITY } else { x };
        places.sort_by(|&a, &b| key(row[b]).total_cmp(&key(row[a])));
        places.truncate(k);
        places
    };
    let shapes: [(&[usize], usize, usize); 7] = [
        (&[3, 5], 1, 2),
        (&[4, 3], 0, 4),
        (&[2, 3, 4], 1, 1),
        (&[3, 70], 1, 7),
        (&[2, 300], 1, 140),
        (&[0, 4], 1, 2),
        (&[1], 0, 1),
    ];
    let mut cases = Vec::new();
    for (shape, axis, k) in shapes {
        let rows = move |x: &Array, of_row: &dyn Fn(&[f64]) -> Vec<f64>| {
            let shape = x.shape.with(axis, k);
            let groups = x.reduce(&[axis], |_| 0.0);
            let mut columns = vec![];
            for place in 0..groups.shape.elements() {
                let mut at = crate::conformance::coordinates(&groups.shape, place);
                at.insert(axis, 0);
                let row: Vec<f64> = (0..x.shape[axis])
                    .map(|i| {
                        at[axis] = i;
                        x.at(&at)
                    })
                    .collect();
                columns.push(of_row(&row));
            }
            Array::from_fn(shape, |at| {
                let group = (0..at.len())
                    .filter(|&other| other != axis)
                    .fold(0, |group, other| group * x.shape[other] + at[other]);
                columns[group][at[axis]]
            })
        };
        // Distinct numbers: the slope of a tie is not that of a difference.
        let count: usize = shape.iter().product();
        let distinct: Vec<f64> = (0..count)
            .map(|i| ((i * 37 + 11) % 311) as f64 / 128.0 - 1.0)
            .collect();
        let input = these(shape, &distinct);
        let input = if count > 400 {
            input.without_gradient()
        } else {
            input
        };
        cases.push(Case::new(
            format!("values of the {k} largest of {shape:?} along {axis}"),
            [input],
            move |x| Ok(x[0].top_k(k, axis)?.0),
            move |x| {
                rows(&x[0], &|row| {
                    sorted(row, k).into_iter().map(|place| row[place]).collect()
                })
            },
        ));
        cases.push(Case::new(
            format!("places of the {k} largest of {shape:?} along {axis}"),
            [numbers(shape).without_gradient()],
            move |x| Ok(x[0].top_k(k, axis)?.1),
            move |x| {
                rows(&x[0], &|row| {
                    sorted(row, k)
                        .into_iter()
                        .map(|place| place as f64)
                        .collect()
                })
            },
        ));
    }
    // Nothing but ties, of which the first are taken.
    cases.push(Case::new(
        "places of the largest of equals",
        [these([2, 700], &[0.5; 1400]).without_gradient()],
        |x| Ok(x[0].top_k(300, 1)?.1),
        |_| Array::from_fn([2, 300], |at| at[1] as f64),
    ));
    let ties = [0.0, 1.0, -0.0, 1.0, f64::NAN, 1.0];
    cases.push(Case::new(
        "places of the largest with ties and what is no number",
        [these([6], &ties).without_gradient()],
        |x| Ok(x[0].top_k(6, 0)?.1),
        |_| Array::new([6], vec![4.0, 1.0, 3.0, 5.0, 0.0, 2.0]),
    ));
    cases
}

#[cfg(test)]
mod tests {
    use crate::{Device, Result, Tensor, TensorError};

    #[test]
    fn more_than_there_are_and_none_at_all_are_refused() -> Result<()> {
        let x = Tensor::zeros([2, 3], &Device::cpu())?;
        for k in [0, 4] {
            assert!(matches!(
                x.top_k(k, 1),
                Err(TensorError::Shape { op: "top_k", .. })
            ));
        }
        assert!(matches!(
            x.top_k(1, 2),
            Err(TensorError::Shape { op: "top_k", .. })
        ));
        Ok(())
    }
}
