//! Activations by their names in config.json.

use tensor::Activation;

use crate::{NnError, Result};

/// The activation that Hugging Face calls `name`.
///
/// # Errors
/// [`NnError::Config`] for those that there are not.
pub fn activation(name: &str) -> Result<Activation> {
    match name {
        "gelu" | "gelu_python" => Ok(Activation::Gelu),
        "gelu_new" | "gelu_pytorch_tanh" => Ok(Activation::GeluTanh),
        "relu" => Ok(Activation::Relu),
        "tanh" => Ok(Activation::Tanh),
        "sigmoid" => Ok(Activation::Sigmoid),
        "linear" => Ok(Activation::None),
        _ => Err(NnError::Config {
            name: "hidden_act",
            value: format!("`{name}`"),
            reason: "it must be gelu, gelu_new, relu, tanh, sigmoid or linear".to_owned(),
        }),
    }
}
