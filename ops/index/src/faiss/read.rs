//! Reads FAISS's files. No length in a file is believed before the file is found to hold as much.

use std::path::Path;

use crate::vectors::checked;
use crate::{FlatIndex, IndexError, IvfIndex, Metric, Result};

impl FlatIndex {
    /// Reads a file that FAISS or [`FlatIndex::write_faiss`] wrote of a flat index.
    ///
    /// # Errors
    /// [`IndexError::File`], and [`IndexError::Format`] for any other content, vectors that are not finite among it.
    pub fn read_faiss(path: &Path) -> Result<Self> {
        let bytes = content(path)?;
        let mut reader = Reader::new(path, &bytes);
        let index = reader.flat()?;
        reader.end()?;
        Ok(index)
    }
}

impl IvfIndex {
    /// Reads a file that FAISS or [`IvfIndex::write_faiss`] wrote of an `IndexIVFFlat`.
    ///
    /// # Errors
    /// As [`FlatIndex::read_faiss`].
    pub fn read_faiss(path: &Path) -> Result<Self> {
        let bytes = content(path)?;
        let mut reader = Reader::new(path, &bytes);
        let index = reader.ivf()?;
        reader.end()?;
        Ok(index)
    }

    /// The number of lists that FAISS looks into by itself, which its files hold; 1 at first.
    pub fn default_probes(&self) -> usize {
        self.probes
    }
}

pub(super) fn content(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|source| IndexError::File {
        path: path.to_owned(),
        doing: "could not read",
        source,
    })
}

pub(super) struct Header {
    pub(super) dimension: usize,
    pub(super) len: usize,
    pub(super) metric: Metric,
}

pub(super) struct Reader<'a> {
    path: &'a Path,
    bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(path: &'a Path, bytes: &'a [u8]) -> Self {
        Self { path, bytes, at: 0 }
    }

    pub(super) fn flat(&mut self) -> Result<FlatIndex> {
        let begin = self.at;
        let metric = match self.name()? {
            b"IxF2" => Metric::L2,
            b"IxFI" => Metric::InnerProduct,
            other => {
                let reason = format!(
                    "this is `{}`, and a flat index begins with `IxF2` or `IxFI`; build the index as IndexFlatL2 or \
                     IndexFlatIP, or as IndexIVFFlat over one of them",
                    other.escape_ascii()
                );
                return self.wrong(begin, reason);
            }
        };
        let header = self.header()?;
        if header.metric != metric {
            let reason = format!(
                "the kind of index and the metric ({}) contradict each other; write the file again",
                header.metric
            );
            return self.wrong(begin, reason);
        }
        let begin = self.at;
        let values = self.size()?;
        if header.len.checked_mul(header.dimension) != Some(values) {
            let reason = format!(
                "{values} values for {} vectors of {} dimensions; write the file again",
                header.len, header.dimension
            );
            return self.wrong(begin, reason);
        }
        let vectors = self.floats(values)?;
        let mut index = FlatIndex::new(header.dimension, metric)?;
        if let Err(error) = index.add(&vectors) {
            return self.wrong(begin, error.to_string());
        }
        Ok(index)
    }

    pub(super) fn ivf(&mut self) -> Result<IvfIndex> {
        let begin = self.at;
        let name = self.name()?;
        if name != b"IwFl" {
            let reason = format!(
                "this is `{}`, and an IndexIVFFlat begins with `IwFl`; other kinds must be built again from their vectors",
                name.escape_ascii()
            );
            return self.wrong(begin, reason);
        }
        let header = self.header()?;
        let begin = self.at;
        let (count, probes) = (self.size()?, self.size()?);
        let quantiser = self.flat()?;
        if quantiser.len() != count || quantiser.dimension() != header.dimension {
            let reason = format!(
                "{count} lists of {} dimensions with {} centroids of {}; write the file again",
                header.dimension,
                quantiser.len(),
                quantiser.dimension()
            );
            return self.wrong(begin, reason);
        }
        let begin = self.at;
        if (self.take(1)?, self.size()?) != (&[0][..], 0) {
            let reason = "the index has a direct map; write it after `index.set_direct_map_type(faiss.DirectMap.NoMap)`";
            return self.wrong(begin, reason.to_owned());
        }
        let mut index = IvfIndex::of(quantiser, header.metric);
        index.probes = probes;
        self.lists(&mut index, &header)?;
        Ok(index)
    }

    fn lists(&mut self, index: &mut IvfIndex, header: &Header) -> Result<()> {
        let begin = self.at;
        let name = self.name()?;
        if name != b"ilar" {
            let reason = format!(
                "the lists are stored as `{}`, not as `ilar`; load the index into memory and write it from there",
                name.escape_ascii()
            );
            return self.wrong(begin, reason);
        }
        let (count, code) = (self.size()?, self.size()?);
        if count != index.lists() || code != header.dimension * 4 {
            let reason = format!(
                "{count} lists of vectors of {code} bytes for {} lists of {}; write the file again",
                index.lists(),
                header.dimension * 4
            );
            return self.wrong(begin, reason);
        }
        let begin = self.at;
        let mut sizes = vec![0; count];
        let kind = self.name()?;
        let entries = self.size()?;
        match (kind, entries % 2) {
            (b"full", _) if entries == count => {
                for size in &mut sizes {
                    *size = self.size()?;
                }
            }
            (b"sprs", 0) => {
                for _ in 0..entries / 2 {
                    let (list, length) = (self.size()?, self.size()?);
                    match sizes.get_mut(list) {
                        Some(size) => *size = length,
                        None => {
                            let reason = format!("list {list} of {count}; write the file again");
                            return self.wrong(begin, reason);
                        }
                    }
                }
            }
            _ => {
                let reason = format!(
                    "{entries} sizes of lists as `{}`; write the file again",
                    kind.escape_ascii()
                );
                return self.wrong(begin, reason);
            }
        }
        let in_all = sizes
            .iter()
            .try_fold(0_usize, |sum, size| sum.checked_add(*size));
        if in_all != Some(header.len) || header.len > u32::MAX as usize {
            let reason = format!(
                "the lists do not hold the {} vectors of the index; write the file again",
                header.len
            );
            return self.wrong(begin, reason);
        }
        for (list, size) in sizes.into_iter().enumerate() {
            let begin = self.at;
            let vectors = self.floats(size.saturating_mul(header.dimension))?;
            if let Err(error) = checked("read", &vectors, header.dimension, Metric::L2) {
                return self.wrong(begin, format!("list {list}: {error}"));
            }
            let ids = self.take(size.saturating_mul(8))?;
            let ids = ids
                .as_chunks::<8>()
                .0
                .iter()
                .map(|id| i64::from_le_bytes(*id));
            for (id, vector) in ids.zip(vectors.chunks_exact(header.dimension)) {
                index.lists[list].push(id, vector);
            }
        }
        index.len = header.len;
        Ok(())
    }

    pub(super) fn header(&mut self) -> Result<Header> {
        let begin = self.at;
        let dimension = self.number::<4>().map(i32::from_le_bytes)?;
        let len = self.number::<8>().map(i64::from_le_bytes)?;
        // Two fields that are no longer used.
        self.take(16)?;
        let trained = self.take(1)?;
        let metric = self.number::<4>().map(i32::from_le_bytes)?;
        let (Ok(dimension @ 1..), Ok(len)) = (usize::try_from(dimension), usize::try_from(len))
        else {
            let reason = format!("{len} vectors of {dimension} dimensions; write the file again");
            return self.wrong(begin, reason);
        };
        if trained == [0] {
            let reason = "the index is not trained; call `train` and write it again";
            return self.wrong(begin, reason.to_owned());
        }
        let metric = match metric {
            0 => Metric::InnerProduct,
            1 => Metric::L2,
            other => {
                let reason =
                    format!("metric {other}; only inner products (0) and L2 (1) are known");
                return self.wrong(begin, reason);
            }
        };
        Ok(Header {
            dimension,
            len,
            metric,
        })
    }

    pub(super) fn name(&mut self) -> Result<&'a [u8; 4]> {
        let begin = self.at;
        match self.take(4)?.first_chunk() {
            Some(name) => Ok(name),
            None => self.wrong(begin, "a name of four letters is missing".to_owned()),
        }
    }

    pub(super) fn number<const BYTES: usize>(&mut self) -> Result<[u8; BYTES]> {
        let begin = self.at;
        match self.take(BYTES)?.first_chunk() {
            Some(number) => Ok(*number),
            None => self.wrong(begin, "a number is missing".to_owned()),
        }
    }

    pub(super) fn size(&mut self) -> Result<usize> {
        let begin = self.at;
        let size = u64::from_le_bytes(self.number()?);
        match usize::try_from(size) {
            Ok(size) => Ok(size),
            Err(_) => self.wrong(begin, format!("a size of {size}; write the file again")),
        }
    }

    pub(super) fn floats(&mut self, count: usize) -> Result<Vec<f32>> {
        let bytes = self.take(count.saturating_mul(4))?;
        Ok(bytes
            .as_chunks::<4>()
            .0
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect())
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let left = self.bytes.len() - self.at;
        if count > left {
            let reason = format!(
                "the file ends: {count} bytes should follow, and {left} do; it was cut off, so write or copy it again"
            );
            return self.wrong(self.at, reason);
        }
        let taken = &self.bytes[self.at..self.at + count];
        self.at += count;
        Ok(taken)
    }

    pub(super) fn end(&self) -> Result<()> {
        if self.at == self.bytes.len() {
            return Ok(());
        }
        let reason = format!(
            "{} bytes follow the end of the index; write the file again",
            self.bytes.len() - self.at
        );
        self.wrong(self.at, reason)
    }

    pub(super) fn wrong<T>(&self, offset: usize, reason: String) -> Result<T> {
        Err(IndexError::Format {
            path: self.path.to_owned(),
            offset,
            reason,
        })
    }
}
