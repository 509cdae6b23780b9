//! GPT-2 (Radford et al. 2019): each token is told from those before it. Texts are packed one after the other; what was read is
//! remembered in a [`Cache`](crate::Cache) where texts are written further.
//!
//! Parameters have the names of `transformers`, whose folders are read and written.

mod block;
mod config;
mod language_model;
mod model;

pub use config::Gpt2Config;
pub use language_model::Gpt2LanguageModel;
pub use model::Gpt2Model;
