//! FAISS's files: `IxF2` and `IxFI` (flat), `IwFl` (IVF over a flat quantiser, with the lists in `ilar`), little-endian.
//!
//! An index of [`Metric::Cosine`](crate::Metric::Cosine) is written as one of inner products, of vectors at length 1, since FAISS has no
//! such metric; it comes back as one of inner products.

mod read;
mod write;

/// What FAISS writes where a field is no longer used.
const UNUSED: i64 = 1 << 20;
