//! Rows out of JSON.
//!
//! - `scan`: a scanner over one row's text.
//! - `tree`: the paths of the wanted columns, merged into a tree.
//! - `rows`: walks a row along the tree and fills columns, or learns their types.
//! - `cut`: cuts a stream into rows where they are not simply lines.

pub(crate) mod cut;
pub(crate) mod rows;
pub(crate) mod scan;
pub(crate) mod tree;
