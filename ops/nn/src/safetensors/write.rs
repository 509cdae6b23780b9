//! Writing: whole files or nothing.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use tensor::{DType, Tensor};

use super::{FileType, INDEX, WEIGHTS};
use crate::files;
use crate::{NnError, Result};

/// Writes tensors to a file, in their order, each downloaded from its device only when its turn comes. The file is there
/// completely, or as it was before.
///
/// # Errors
/// [`NnError::Io`]; [`NnError::File`] for a name that is given twice; [`tensor::TensorError`] of the device.
pub fn write(path: impl AsRef<Path>, tensors: &[(String, Tensor)]) -> Result<()> {
    let path = path.as_ref();
    let header = header(path, tensors)?;
    files::write_whole(path, |file| {
        let failed = |source| NnError::Io {
            path: path.to_owned(),
            doing: "writing weights",
            source,
        };
        file.write_all(&(header.len() as u64).to_le_bytes())
            .map_err(failed)?;
        file.write_all(header.as_bytes()).map_err(failed)?;
        for (_, tensor) in tensors {
            file.write_all(&bytes(tensor)?).map_err(failed)?;
        }
        Ok(())
    })
}

/// Bytes that a tensor takes in a file.
fn size(tensor: &Tensor) -> usize {
    let dtype = FileType::Tensor(tensor.dtype());
    tensor.elements() * dtype.size().unwrap_or_else(|| tensor.dtype().size())
}

fn bytes(tensor: &Tensor) -> Result<Vec<u8>> {
    if tensor.dtype() == DType::Bool {
        return Ok(tensor.to_bools()?.into_iter().map(u8::from).collect());
    }
    let mut bytes = tensor.bytes()?;
    if cfg!(target_endian = "big") {
        for element in bytes.chunks_mut(tensor.dtype().size()) {
            element.reverse();
        }
    }
    Ok(bytes)
}

fn header(path: &Path, tensors: &[(String, Tensor)]) -> Result<String> {
    let mut header = Map::new();
    // transformers takes no file that does not say this.
    header.insert("__metadata__".to_owned(), json!({ "format": "pt" }));
    let mut start = 0;
    for (name, tensor) in tensors {
        let end = start + size(tensor);
        let entry = json!({
            "dtype": FileType::Tensor(tensor.dtype()).name(),
            "shape": tensor.shape().to_vec(),
            "data_offsets": [start, end],
        });
        if header.insert(name.clone(), entry).is_some() {
            return Err(NnError::file(
                path,
                format!("two tensors would be called `{name}`"),
            ));
        }
        start = end;
    }
    let mut text = Value::Object(header).to_string();
    // The data begin at a multiple of 8 bytes, so that readers need not copy them.
    let padding = text.len().next_multiple_of(8) - text.len();
    text.extend(std::iter::repeat_n(' ', padding));
    Ok(text)
}

/// Writes a model's tensors into a folder: one file where they fit into `shard_bytes`, else several with an index, named
/// as `transformers` names them. A tensor that is larger has a file of its own.
///
/// # Errors
/// As [`write`].
pub fn write_sharded(
    folder: impl AsRef<Path>,
    tensors: &[(String, Tensor)],
    shard_bytes: usize,
) -> Result<Vec<PathBuf>> {
    let folder = folder.as_ref();
    let mut shards: Vec<(usize, &[(String, Tensor)])> = Vec::new();
    let mut first = 0;
    let mut filled = 0_usize;
    for (place, (_, tensor)) in tensors.iter().enumerate() {
        let size = size(tensor);
        if place > first && filled.saturating_add(size) > shard_bytes {
            shards.push((filled, &tensors[first..place]));
            (first, filled) = (place, 0);
        }
        filled += size;
    }
    shards.push((filled, &tensors[first..]));
    if let [(_, all)] = shards[..] {
        let path = folder.join(WEIGHTS);
        write(&path, all)?;
        return Ok(vec![path]);
    }
    let mut paths = Vec::new();
    let mut places = BTreeMap::new();
    for (number, (_, tensors)) in shards.iter().enumerate() {
        let name = format!("model-{:05}-of-{:05}.safetensors", number + 1, shards.len());
        write(folder.join(&name), tensors)?;
        places.extend(tensors.iter().map(|(tensor, _)| (tensor, name.clone())));
        paths.push(folder.join(name));
    }
    let total: usize = shards.iter().map(|(filled, _)| filled).sum();
    let index = json!({ "metadata": { "total_size": total }, "weight_map": places });
    files::write_json(&folder.join(INDEX), &index)?;
    Ok(paths)
}
