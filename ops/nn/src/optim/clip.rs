//! Clipping by the norm of all gradients together (Pascanu et al. 2013).

use tensor::{Device, Gradients, Tensor, no_grad, square_sums};

use crate::Result;
use crate::module::{Module, named_parameters};

/// The Euclidean norm of a module's gradients together, one number on the device; nothing waits for it.
///
/// # Errors
/// [`tensor::TensorError::Devices`] for a module on several devices.
pub fn global_norm<M: Module + ?Sized>(
    module: &M,
    gradients: &Gradients,
    device: &Device,
) -> Result<Tensor> {
    let parameters = named_parameters(module);
    let found: Vec<&Tensor> = (parameters.iter())
        .filter_map(|(_, parameter)| gradients.get(parameter.tensor()))
        .collect();
    no_grad(|| Ok(square_sums(&found, device)?.sum_all()?.sqrt()?))
}

/// What gradients of that norm are multiplied by, so that their norm is `max_norm` at most: PyTorch's
/// `max_norm / (norm + 1e-6)`, 1 at most. Gradients of a loss that was multiplied by `loss_scale` are divided by it, too, and
/// `norm` is theirs before. Not a number if the norm is not one, so an optimiser leaves everything as it is.
///
/// # Errors
/// Those of the ops.
pub fn clip_scale(norm: &Tensor, max_norm: Option<f32>, loss_scale: f32) -> Result<Tensor> {
    no_grad(|| {
        let norm = norm.affine(1.0 / loss_scale, 0.0)?;
        // Zero for every finite norm, else not a number.
        let fault = norm.affine(0.0, 0.0)?;
        let clipped = match max_norm {
            Some(max_norm) => norm
                .affine(1.0, 1e-6)?
                .reciprocal()?
                .affine(max_norm, 0.0)?
                .minimum(&norm.full_like(1.0)?)?,
            None => norm.full_like(1.0)?,
        };
        Ok(clipped.affine(1.0 / loss_scale, 0.0)?.add(&fault)?)
    })
}
