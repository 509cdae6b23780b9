//! Reads indexes whose vectors are codes.

use std::path::Path;

use super::read::{Header, Reader, content};
use crate::{ProductIndex, Result, ScalarIndex};

impl ScalarIndex {
    /// Reads a file that FAISS or [`ScalarIndex::write_faiss`] wrote of an `IndexScalarQuantizer` with `QT_8bit`.
    ///
    /// # Errors
    /// As [`FlatIndex::read_faiss`](crate::FlatIndex::read_faiss).
    pub fn read_faiss(path: &Path) -> Result<Self> {
        let bytes = content(path)?;
        let mut reader = Reader::new(path, &bytes);
        let index = reader.scalar()?;
        reader.end()?;
        Ok(index)
    }
}

impl ProductIndex {
    /// Reads a file that FAISS or [`ProductIndex::write_faiss`] wrote of an `IndexPQ` with 8 bits a part.
    ///
    /// # Errors
    /// As [`FlatIndex::read_faiss`](crate::FlatIndex::read_faiss).
    pub fn read_faiss(path: &Path) -> Result<Self> {
        let bytes = content(path)?;
        let mut reader = Reader::new(path, &bytes);
        let index = reader.product()?;
        reader.end()?;
        Ok(index)
    }
}

impl Reader<'_> {
    pub(super) fn scalar(&mut self) -> Result<ScalarIndex> {
        let header = self.of_kind(b"IxSQ", "IndexScalarQuantizer")?;
        let begin = self.at;
        let kind = self.number::<4>().map(i32::from_le_bytes)?;
        // How the steps were found, which does not matter once they are.
        self.take(8)?;
        let (dimension, code) = (self.size()?, self.size()?);
        if (kind, dimension, code) != (0, header.dimension, header.dimension) {
            let reason = format!(
                "codes of kind {kind} in {code} bytes for {} dimensions; build the index with ScalarQuantizer.QT_8bit",
                header.dimension
            );
            return self.wrong(begin, reason);
        }
        let begin = self.at;
        let values = self.size()?;
        if values != dimension.saturating_mul(2) {
            let reason = format!(
                "{values} numbers for the steps of {dimension} dimensions; write the file again"
            );
            return self.wrong(begin, reason);
        }
        let (least, extent) = (self.floats(dimension)?, self.floats(dimension)?);
        let codes = self.codes(&header, dimension)?;
        match ScalarIndex::of_codes(header.metric, least, extent, codes) {
            Some(index) => Ok(index),
            None => self.wrong(begin, NO_VECTORS.to_owned()),
        }
    }

    pub(super) fn product(&mut self) -> Result<ProductIndex> {
        let header = self.of_kind(b"IxPq", "IndexPQ")?;
        let begin = self.at;
        let (dimension, parts, bits) = (self.size()?, self.size()?, self.size()?);
        if bits != 8
            || dimension != header.dimension
            || parts == 0
            || !dimension.is_multiple_of(parts)
        {
            let reason = format!(
                "{parts} parts of {bits} bits for {} dimensions; build the index with 8 bits, and parts that divide the dimensions",
                header.dimension
            );
            return self.wrong(begin, reason);
        }
        let begin = self.at;
        let values = self.size()?;
        if Some(values) != dimension.checked_mul(256) {
            let reason = format!(
                "{values} numbers for 256 centroids of {dimension} dimensions; write the file again"
            );
            return self.wrong(begin, reason);
        }
        let centroids = self.floats(values)?;
        let codes = self.codes(&header, parts)?;
        // How FAISS searches, which makes no difference to the codes.
        self.take(9)?;
        match ProductIndex::of_codes(header.metric, dimension, parts, centroids, codes) {
            Some(index) => Ok(index),
            None => self.wrong(begin, NO_VECTORS.to_owned()),
        }
    }

    fn of_kind(&mut self, wanted: &[u8; 4], class: &str) -> Result<Header> {
        let begin = self.at;
        let name = self.name()?;
        if name == wanted {
            return self.header();
        }
        let reason = format!(
            "this is `{}`, and an {class} begins with `{}`; other kinds must be built again from their vectors",
            name.escape_ascii(),
            wanted.escape_ascii()
        );
        self.wrong(begin, reason)
    }

    /// The codes of all vectors, `width` bytes each.
    fn codes(&mut self, header: &Header, width: usize) -> Result<Vec<u8>> {
        let begin = self.at;
        let bytes = self.size()?;
        if header.len > u32::MAX as usize || header.len.checked_mul(width) != Some(bytes) {
            let reason = format!(
                "{bytes} bytes for {} vectors of {width}; write the file again",
                header.len
            );
            return self.wrong(begin, reason);
        }
        Ok(self.take(bytes)?.to_vec())
    }
}

const NO_VECTORS: &str = "the codes stand for numbers that are infinite, none, or too large for their squares; write the file again";
