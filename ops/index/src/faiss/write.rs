//! Writes indexes as FAISS does, byte for byte.

use std::io::{self, Write};
use std::path::Path;

use super::UNUSED;
use crate::ivf::List;
use crate::{FlatIndex, IndexError, IvfIndex, Metric, ProductIndex, Result, ScalarIndex};

impl FlatIndex {
    /// Writes the index as a file that `faiss.read_index` reads. The file is there as a whole or not at all.
    ///
    /// # Errors
    /// [`IndexError::File`].
    pub fn write_faiss(&self, path: &Path) -> Result<()> {
        let mut bytes = Vec::with_capacity(64 + self.vectors().len() * 4);
        flat(&mut bytes, self);
        publish(path, &bytes)
    }
}

impl IvfIndex {
    /// Writes the index as a file that `faiss.read_index` reads. The file is there as a whole or not at all.
    ///
    /// # Errors
    /// [`IndexError::File`].
    pub fn write_faiss(&self, path: &Path) -> Result<()> {
        let mut bytes = Vec::new();
        header(
            &mut bytes,
            b"IwFl",
            self.dimension(),
            self.len(),
            self.metric(),
        );
        size(&mut bytes, self.lists.len());
        size(&mut bytes, self.probes);
        flat(&mut bytes, &self.quantiser);
        // No map from ids to places.
        bytes.push(0);
        size(&mut bytes, 0);
        lists(&mut bytes, &self.lists, self.dimension());
        publish(path, &bytes)
    }
}

impl ScalarIndex {
    /// Writes the index as a file that `faiss.read_index` reads, of an `IndexScalarQuantizer`. The file is there as a whole or not at
    /// all.
    ///
    /// # Errors
    /// [`IndexError::File`].
    pub fn write_faiss(&self, path: &Path) -> Result<()> {
        let (least, extent) = self.steps();
        let dimension = self.dimension();
        let mut bytes = Vec::with_capacity(128 + 8 * dimension + self.codes().len());
        header(&mut bytes, b"IxSQ", dimension, self.len(), self.metric());
        // Eight bits a component, and steps between the least and the largest value, for which there is no argument.
        bytes.extend([0; 12]);
        size(&mut bytes, dimension);
        size(&mut bytes, dimension);
        size(&mut bytes, 2 * dimension);
        floats(&mut bytes, least);
        floats(&mut bytes, extent);
        size(&mut bytes, self.codes().len());
        bytes.extend(self.codes());
        publish(path, &bytes)
    }
}

impl ProductIndex {
    /// Writes the index as a file that `faiss.read_index` reads, of an `IndexPQ`. The file is there as a whole or not at all.
    ///
    /// # Errors
    /// [`IndexError::File`].
    pub fn write_faiss(&self, path: &Path) -> Result<()> {
        let (dimension, parts) = (self.dimension(), self.parts());
        let mut bytes = Vec::with_capacity(128 + 4 * self.centroids().len() + self.codes().len());
        header(&mut bytes, b"IxPq", dimension, self.len(), self.metric());
        size(&mut bytes, dimension);
        size(&mut bytes, parts);
        size(&mut bytes, 8);
        size(&mut bytes, self.centroids().len());
        floats(&mut bytes, self.centroids());
        size(&mut bytes, self.codes().len());
        bytes.extend(self.codes());
        // Searched by tables of distances, without signs; the threshold is what FAISS sets where none is used.
        bytes.extend(0_i32.to_le_bytes());
        bytes.push(0);
        bytes.extend((parts as i32 * 8 + 1).to_le_bytes());
        publish(path, &bytes)
    }
}

fn flat(bytes: &mut Vec<u8>, index: &FlatIndex) {
    let name = if index.metric() == Metric::L2 {
        b"IxF2"
    } else {
        b"IxFI"
    };
    header(bytes, name, index.dimension(), index.len(), index.metric());
    size(bytes, index.vectors().len());
    floats(bytes, index.vectors());
}

fn header(bytes: &mut Vec<u8>, name: &[u8; 4], dimension: usize, len: usize, metric: Metric) {
    bytes.extend(name);
    bytes.extend((dimension as i32).to_le_bytes());
    bytes.extend((len as i64).to_le_bytes());
    bytes.extend(UNUSED.to_le_bytes());
    bytes.extend(UNUSED.to_le_bytes());
    // It is trained.
    bytes.push(1);
    bytes.extend(i32::from(metric == Metric::L2).to_le_bytes());
}

fn lists(bytes: &mut Vec<u8>, lists: &[List], dimension: usize) {
    bytes.extend(b"ilar");
    size(bytes, lists.len());
    size(bytes, dimension * 4);
    let filled = lists.iter().filter(|list| !list.ids.is_empty()).count();
    if filled > lists.len() / 2 {
        bytes.extend(b"full");
        size(bytes, lists.len());
        lists.iter().for_each(|list| size(bytes, list.ids.len()));
    } else {
        bytes.extend(b"sprs");
        size(bytes, 2 * filled);
        for (index, list) in lists.iter().enumerate() {
            if !list.ids.is_empty() {
                size(bytes, index);
                size(bytes, list.ids.len());
            }
        }
    }
    for list in lists {
        floats(bytes, &list.vectors);
        list.ids
            .iter()
            .for_each(|id| bytes.extend(id.to_le_bytes()));
    }
}

fn size(bytes: &mut Vec<u8>, size: usize) {
    bytes.extend((size as u64).to_le_bytes());
}

fn floats(bytes: &mut Vec<u8>, values: &[f32]) {
    bytes.reserve(values.len() * 4);
    values
        .iter()
        .for_each(|value| bytes.extend(value.to_le_bytes()));
}

/// Writes a file beside the place, and moves it there once it is durable.
fn publish(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = |doing: &'static str| {
        let path = path.to_owned();
        move |source: io::Error| IndexError::File {
            path,
            doing,
            source,
        }
    };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(folder)
        .map_err(failed("could not make a file in its folder"))?;
    file.write_all(bytes).map_err(failed("could not write"))?;
    file.as_file()
        .sync_all()
        .map_err(failed("could not make it durable"))?;
    file.persist(path)
        .map_err(|error| failed("could not move the finished file here")(error.error))?;
    std::fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed("could not make its folder durable"))
}
