//! The pipeline to begin with: which methods a file of texts calls for, why, and the commented text of it.
//!
//! - `case`: which of four cases a file is
//! - `about`: what was found and why it leads there, in words
//! - `section`: the parts that pipelines are put together from, one a file in `sections/`; what cases share stands there once
//! - `text`: the whole file

mod about;
mod case;
mod section;
mod text;

pub use about::{findings, reasons};
pub use case::Case;
pub use text::{Plan, pipeline_text};
