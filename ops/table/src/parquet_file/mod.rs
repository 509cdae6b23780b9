//! Tables as Parquet files.
//!
//! - `write`: a streaming writer; the same rows give the same bytes, whatever batches they come in
//!   and however many threads encode them.
//! - `read`: whole files, chosen columns, heads and schemas.
//! - `guard`: what becomes of the Parquet library's errors and panics.
//! - `normal`: the types of foreign files brought to the few that the engine uses.

mod guard;
mod normal;
mod read;
mod write;

pub(crate) use normal::{normal_batch, normal_schema};
#[allow(unused_imports)]
pub(crate) use read::{BatchReader, ParquetFile};
pub use read::{parquet_head, parquet_rows, parquet_schema, read_parquet};
pub use write::{ParquetSummary, ParquetTableWriter, write_parquet};
