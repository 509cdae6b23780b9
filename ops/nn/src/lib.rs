//! Models and their training: layers, optimisers, checkpoints, safetensors, and BERT.
//!
//! A model is a struct of layers. [`Module`] walks its parameters under the names that Hugging Face gives them; whether it
//! trains, and with which random numbers, is told with every call by a [`Forward`], and nowhere kept.

pub mod bert;
mod error;
mod files;
mod forward;
pub mod layers;
mod load;
mod module;
pub mod optim;
mod packed;
mod parameter;
mod pretrained;
pub mod safetensors;
pub mod training;

pub use bert::{
    Encoder, EncoderConfig, Family, MaskedLm, Pooling, SentenceEncoder, SequenceClassifier,
};
pub use error::{NnError, Result};
pub use forward::Forward;
pub use load::{LoadReport, Mismatch, load};
pub use module::{Module, Names, named_parameters, named_tensors};
pub use packed::Packed;
pub use parameter::{Init, Parameter};
pub use pretrained::{ModelConfig, Pretrained};
