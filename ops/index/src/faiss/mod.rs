//! FAISS's files: `IxF2` and `IxFI` (flat), `IwFl` (IVF over a flat quantiser, with the lists in `ilar`), `IxSQ` (a byte a component)
//! and `IxPq` (product quantisation), little-endian.
//!
//! An index of [`Metric::Cosine`](crate::Metric::Cosine) is written as one of inner products, of vectors at length 1, since FAISS has no
//! such metric; it comes back as one of inner products, and [`AnyIndex::into_cosine`](crate::AnyIndex::into_cosine) makes it what it was.

mod codes;
mod read;
mod write;

use std::path::Path;

use crate::{AnyIndex, Result};

/// What FAISS writes where a field is no longer used.
const UNUSED: i64 = 1 << 20;

impl AnyIndex {
    /// Reads a file of an index of any kind that is known here, which FAISS or [`AnyIndex::write_faiss`] wrote.
    ///
    /// # Errors
    /// [`IndexError::File`](crate::IndexError::File), and [`IndexError::Format`](crate::IndexError::Format) for any other content.
    pub fn read_faiss(path: &Path) -> Result<Self> {
        let bytes = read::content(path)?;
        let mut reader = read::Reader::new(path, &bytes);
        let index = match bytes.first_chunk() {
            Some(b"IwFl") => Self::Ivf(reader.ivf()?),
            Some(b"IxSQ") => Self::Scalar(reader.scalar()?),
            Some(b"IxPq") => Self::Product(reader.product()?),
            Some(b"IxF2" | b"IxFI") => Self::Flat(reader.flat()?),
            other => {
                let name = other.map_or(&[][..], |name: &[u8; 4]| name);
                let reason = format!(
                    "this is `{}`, and the indexes that are known here are flat (`IxF2`, `IxFI`), `IwFl`, `IxSQ` and `IxPq`; build \
                     it again as one of these",
                    name.escape_ascii()
                );
                return reader.wrong(0, reason);
            }
        };
        reader.end()?;
        Ok(index)
    }

    /// Writes the index as a file that `faiss.read_index` reads. The file is there as a whole or not at all.
    ///
    /// # Errors
    /// [`IndexError::File`](crate::IndexError::File).
    pub fn write_faiss(&self, path: &Path) -> Result<()> {
        match self {
            Self::Flat(index) => index.write_faiss(path),
            Self::Ivf(index) => index.write_faiss(path),
            Self::Scalar(index) => index.write_faiss(path),
            Self::Product(index) => index.write_faiss(path),
        }
    }
}
