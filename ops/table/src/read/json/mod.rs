//! Rows out of JSON.
//!
//! - `scan`: a scanner over one row's text.
//! - `string`: string literals and their escapes.
//! - `tree`: the paths of the wanted columns, merged into a tree.
//! - `walk`: walks a row along the tree.
//! - `learn`: learns columns and their types on the walk.
//! - `fill`: fills columns on the walk.
//! - `cut`: cuts a stream into rows where they are not simply lines.

pub(crate) mod cut;
pub(crate) mod fill;
pub(crate) mod learn;
pub(crate) mod scan;
pub(crate) mod string;
pub(crate) mod tree;
pub(crate) mod walk;
