//! Writes indexes as FAISS does, byte for byte.

use std::io::{self, Write};
use std::path::Path;

use super::UNUSED;
use crate::ivf::List;
use crate::{FlatIndex, IndexError, IvfIndex, Metric, Result};

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
