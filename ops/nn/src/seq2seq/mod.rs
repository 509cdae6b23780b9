//! Encoder-decoders that compute alike: BART (Lewis et al. 2020), which tells how two texts relate, and M2M100 (Fan et al. 2020),
//! which translates between a hundred languages. Texts are packed one after the other; what was written is remembered in a
//! [`Cache`](crate::Cache).
//!
//! Parameters have the names of `transformers`, whose folders are read and written.

mod attention;
mod classifier;
mod config;
mod embeddings;
mod language_model;
mod layers;
mod model;

pub use classifier::Seq2SeqClassifier;
pub use config::{Seq2SeqConfig, Seq2SeqFamily};
pub use language_model::Seq2SeqLanguageModel;
pub use model::Seq2SeqModel;
