//! Reading rows out of JSON, CSV, Parquet and text files, compressed or not.

mod options;
mod report;

pub use options::{ColumnType, Format, OnError, ReadOptions};
pub use report::{BadRow, LoadReport};
