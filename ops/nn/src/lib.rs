//! Models and their training: layers, optimisers, checkpoints, safetensors; BERT and its relatives, GPT-2, BART and M2M100, and what
//! is done with them: texts written further, words behind masks, labels without examples.
//!
//! A model is a struct of layers. [`Module`] walks its parameters under the names that Hugging Face gives them; whether it
//! trains, and with which random numbers, is told with every call by a [`Forward`], and nowhere kept.

pub mod bert;
mod cache;
mod config;
mod error;
mod files;
mod forward;
pub mod generate;
pub mod gpt2;
pub mod layers;
mod load;
mod module;
pub mod optim;
mod packed;
mod parameter;
mod pretrained;
pub mod safetensors;
pub mod seq2seq;
pub mod training;
pub mod zero_shot;

pub use bert::{
    Encoder, EncoderConfig, Family, MaskedLm, Pooling, SentenceEncoder, SequenceClassifier,
};
pub use cache::Cache;
pub use config::Tokens;
pub use error::{NnError, Result};
pub use forward::Forward;
pub use load::{LoadReport, Mismatch, load};
pub use module::{Module, Names, named_parameters, named_tensors};
pub use packed::Packed;
pub use parameter::{Init, Parameter};
pub use pretrained::{ModelConfig, Pretrained};
