//! `op = "model"`: a model to begin with.
//!
//! - `pretrained`: the default method, a model of the Hugging Face hub or of a folder
//! - `new`: `method = "new"`, a model with random weights

pub mod new;
pub mod pretrained;
