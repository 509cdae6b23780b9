//! [`Projection`]: several maps of one vector in one product.

use tensor::{Activation, Result, Tensor};

use crate::module::join;
use crate::{Forward, Init, Names, Parameter};

/// Several maps of one vector, one below the other: as attention makes queries, keys and values. Files hold each by itself.
#[derive(Clone, Debug)]
pub(crate) struct Projection {
    /// `[parts out, in]`.
    weight: Parameter,
    /// `[parts out]`.
    bias: Parameter,
}

fn names(path: &str, parts: &[&str], kind: &str) -> Names {
    let names = parts.iter().map(|part| join(&join(path, part), kind));
    names.collect()
}

impl Projection {
    pub fn new(parts: usize, inputs: usize, outputs: usize, init: &Init<'_>) -> Result<Self> {
        Ok(Self {
            weight: init.normal([parts * outputs, inputs])?,
            bias: init.constant(0.0, [parts * outputs])?,
        })
    }

    /// `[.., in] -> [.., parts out]`.
    pub fn forward(&self, x: &Tensor, forward: Forward) -> Result<Tensor> {
        forward.linear(
            x,
            self.weight.tensor(),
            self.bias.tensor(),
            Activation::None,
        )
    }

    /// [`Module::visit`](crate::Module::visit) with the parts' names.
    pub fn visit<'a>(
        &'a self,
        path: &str,
        parts: &[&str],
        visit: &mut dyn FnMut(Names, &'a Parameter),
    ) {
        visit(names(path, parts, "weight"), &self.weight);
        visit(names(path, parts, "bias"), &self.bias);
    }

    /// [`Module::visit_mut`](crate::Module::visit_mut) with the parts' names.
    pub fn visit_mut<'a>(
        &'a mut self,
        path: &str,
        parts: &[&str],
        visit: &mut dyn FnMut(Names, &'a mut Parameter),
    ) {
        visit(names(path, parts, "weight"), &mut self.weight);
        visit(names(path, parts, "bias"), &mut self.bias);
    }
}
