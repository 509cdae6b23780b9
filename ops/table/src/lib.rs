//! Tables for the whole workshop: Arrow columns in memory, Parquet on disk, and everything that brings rows in.
//!
//! - [`Table`]: a schema and its record batches, with the look-ups that steps need all the time.
//! - [`columns`]: columns from plain vectors, and plain values from columns.
//! - [`parquet_file`]: Parquet in and out; the same rows always give the same bytes.
//! - [`read`]: JSON, CSV, Parquet and text files, compressed or not, as a stream of batches.
//! - [`expr`]: the filter and derive language over columns.
//! - [`source`]: files, web addresses, the Hugging Face hub and GitHub's issues, brought to local files.
//!
//! The crate knows nothing of pipelines, caches or steps.

mod batch;
pub mod columns;
mod concat;
mod convert;
mod error;
pub mod expr;
pub mod parquet_file;
pub mod read;
pub mod source;
mod table;
mod watch;

pub use columns::{IntLists, StringLists};
pub use concat::concat;
pub use error::{Result, TableError, near_miss, type_name};
pub use table::Table;
pub use watch::{Progress, Watch};
