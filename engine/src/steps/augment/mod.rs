//! `op = "augment"`: new texts from those of a table.
//!
//! - `eda`: `method = "eda"`
//! - `contextual`: `method = "contextual"`
//! - `back_translation`: `method = "back_translation"`
//! - `made`: the table that all write

pub mod back_translation;
pub mod contextual;
pub mod eda;
mod made;

/// The column that says which row of the input a new text is made from.
pub const AUGMENTED_FROM: &str = "augmented_from";
