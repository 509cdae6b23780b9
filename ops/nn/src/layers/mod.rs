//! Layers: parameters and what they compute.

mod activation;
mod dropout;
mod embedding;
mod layer_norm;
mod linear;
mod projection;

pub use activation::activation;
pub use dropout::dropout;
pub use embedding::Embedding;
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub(crate) use projection::Projection;
