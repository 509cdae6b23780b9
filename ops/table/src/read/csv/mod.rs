//! Rows out of comma-separated values (RFC 4180).
//!
//! A field is quoted only where its first character is a quote; quotes elsewhere are plain
//! characters. An unquoted empty field is null, `""` is the empty text.
//!
//! - `fields`: rows cut into fields.
//! - `cut`: the ends of rows in a stream.
//! - `header`: the header, and what is done with the fields under it.
//! - `columns`: fields to columns and their types.

mod columns;
mod cut;
mod fields;
mod header;

pub(crate) use columns::{column, fill, learn, open_columns};
pub(crate) use cut::CsvCutter;
pub(crate) use fields::{is_blank, row};
pub(crate) use header::{Header, Mapping, Source, check_row, header};
