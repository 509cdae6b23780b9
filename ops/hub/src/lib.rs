//! Pretrained models by name: a folder, or a repository on the Hugging Face hub brought into the cache that its Python
//! library uses too (same folders, same locks, same names of unfinished downloads).
//!
//! - `name`: what a model's name means.
//! - `options`: endpoint, token, cache, offline.
//! - `needs`: which files of a repository make a model.
//! - `resolve`: from a name to a folder with these files.
//! - `client`, `refusal`: the hub's HTTP API and what its refusals mean.
//! - `cache`, `download`, `digest`: files into the cache, resumed and checked.
//!
//! The layout of the cache and the token's file are those of the `hf-hub` crate. Its downloads are not used: they do not
//! check what they got against the hub's digests, and panic on some answers.

mod cache;
mod client;
mod digest;
mod download;
mod error;
mod name;
mod needs;
mod options;
mod refusal;
mod resolve;
mod retry;
mod watch;

pub use error::{HubError, Result};
pub use name::Name;
pub use needs::Needs;
pub use options::{Options, Token};
pub use resolve::{Model, ModelFile, resolve};
pub use watch::{Progress, Watch};
