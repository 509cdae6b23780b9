//! Content-addressed store of artifacts. It knows bytes, keys and locks, and no pipelines.

pub mod canonical;

mod action;
mod digest;
mod error;
mod skeleton;

pub use action::{Action, Artifact, Blob, Output};
pub use digest::{Digest, Key, ParseDigestError};
pub use error::CacheError;
pub use skeleton::*;
