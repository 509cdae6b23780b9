//! [`checkpoint`]: less memory for more time (Chen et al. 2016).

use std::fmt;
use std::sync::Arc;

use smallvec::smallvec;

use crate::autograd::{Backward, Node, Pass, is_recording, no_grad, resume_recording};
use crate::op::Gradients;
use crate::{Result, Tensor};

/// Runs `work` on `inputs` without keeping what its steps would keep for the backward pass, which runs it again instead.
/// `parameters` are the leaves that `work` uses besides its inputs: gradients flow to these and to the inputs, and to no
/// other tensors. `work` must do the same both times, so random numbers come from a key that it holds.
///
/// # Errors
/// Those of `work`.
pub fn checkpoint<F>(inputs: &[&Tensor], parameters: &[&Tensor], work: F) -> Result<Tensor>
where
    F: Fn(&[Tensor]) -> Result<Tensor> + Send + Sync + 'static,
{
    let detached: Vec<Tensor> = inputs.iter().map(|input| input.detach()).collect();
    let sources: Vec<&Tensor> = inputs.iter().chain(parameters).copied().collect();
    if !is_recording() || !sources.iter().any(|source| source.is_tracked()) {
        return work(
            &inputs
                .iter()
                .map(|&input| input.clone())
                .collect::<Vec<_>>(),
        );
    }
    let output = no_grad(|| work(&detached))?.detach();
    let again = Again {
        inputs: detached,
        parameters: parameters
            .iter()
            .map(|&parameter| parameter.clone())
            .collect(),
        work,
    };
    let node = Node::bare(Arc::new(again), &sources, smallvec![output.spec()]);
    Ok(output.with_node(&node, 0))
}

/// A step whose gradient computes the step again.
struct Again<F> {
    inputs: Vec<Tensor>,
    parameters: Vec<Tensor>,
    work: F,
}

impl<F> fmt::Debug for Again<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Again({:?})", self.inputs)
    }
}

impl<F> Backward for Again<F>
where
    F: Fn(&[Tensor]) -> Result<Tensor> + Send + Sync,
{
    fn name(&self) -> &'static str {
        "checkpoint"
    }

    fn gradient(&self, pass: &Pass) -> Result<Gradients> {
        let leaves = (self.inputs.iter().enumerate())
            .map(|(place, input)| match pass.wants(place) {
                true => input.requires_grad(),
                false => Ok(input.clone()),
            })
            .collect::<Result<Vec<_>>>()?;
        let output = {
            let _recording = resume_recording();
            (self.work)(&leaves)?
        };
        let mut gradients = match output.is_tracked() {
            true => output.backward_from(pass.upstream()?)?,
            false => crate::Gradients::default(),
        };
        let sources = leaves.iter().chain(&self.parameters).enumerate();
        sources
            .map(
                |(place, source)| match (pass.wants(place), gradients.take(source)) {
                    (false, _) => Ok(None),
                    (true, Some(gradient)) => Ok(Some(gradient)),
                    // The result does not depend on it.
                    (true, None) => source.full_like(0.0).map(Some),
                },
            )
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Device;

    fn layer(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
        x.matmul(weight)?.gelu()?.mul(x)
    }

    fn numbers(count: usize, seed: f32) -> Vec<f32> {
        (0..count)
            .map(|place| (place as f32 * 0.7 + seed).sin())
            .collect()
    }

    #[test]
    fn recomputed_gradients_have_the_same_bits_as_kept_ones() -> Result<()> {
        let device = Device::cpu();
        let x = Tensor::new(&numbers(12, 0.1), [3, 4], &device)?.requires_grad()?;
        let weight = Tensor::new(&numbers(16, 0.5), [4, 4], &device)?.requires_grad()?;
        let kept = layer(&layer(&x, &weight)?, &weight)?
            .sum_all()?
            .backward()?;
        let twice = |x: &Tensor| {
            let inner = weight.clone();
            checkpoint(&[x], &[&weight], move |x| layer(&x[0], &inner))
        };
        let again = twice(&twice(&x)?)?.sum_all()?.backward()?;
        for leaf in [&x, &weight] {
            let [kept, again] =
                [&kept, &again].map(|gradients| gradients.get(leaf).map(Tensor::bytes));
            assert_eq!(kept.transpose()?, again.transpose()?);
        }
        Ok(())
    }

    #[test]
    fn what_the_result_does_not_depend_on_gets_zeros() -> Result<()> {
        let device = Device::cpu();
        let x = Tensor::new(&[1.0_f32, 2.0], [2], &device)?.requires_grad()?;
        let unused = x.full_like(3.0)?.requires_grad()?;
        let result = checkpoint(&[&x, &unused], &[], |x| x[0].mul(&x[0]))?;
        let gradients = result.sum_all()?.backward()?;
        assert_eq!(
            gradients.get(&unused).map(Tensor::to_f32_vec).transpose()?,
            Some(vec![0.0, 0.0])
        );
        assert_eq!(
            gradients.get(&x).map(Tensor::to_f32_vec).transpose()?,
            Some(vec![2.0, 4.0])
        );
        Ok(())
    }
}
