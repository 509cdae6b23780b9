//! The safetensors format: one file mapped into memory ([`SafeTensors`]), weights in one or several files ([`Weights`]),
//! writing both, and storing weights in another precision ([`convert`]). Every number of a header is checked against the file before it is used.

mod convert;
mod dtype;
mod header;
mod read;
mod weights;
mod write;

pub use convert::convert;
pub use dtype::FileType;
pub use read::{SafeTensors, View};
pub use weights::Weights;
pub use write::{write, write_sharded};

/// The name of a file that holds all weights of a model.
pub const WEIGHTS: &str = "model.safetensors";
/// The name of the list of files that hold the weights of a model together.
pub const INDEX: &str = "model.safetensors.index.json";
