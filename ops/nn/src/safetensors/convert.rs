//! Weights stored in another precision.

use std::fs;
use std::path::Path;

use tensor::{DType, Device, Tensor};

use super::{FileType, INDEX, Weights, write_sharded};
use crate::pretrained::SHARD_BYTES;
use crate::{NnError, Result};

/// Writes the weights of a folder anew with all floating-point tensors as `dtype`, in place of the old files; gives the bytes of
/// the new ones. 64-bit integers, which only buffers such as BERT's `position_ids` are, are left out: no model reads them.
///
/// # Errors
/// As [`Weights::open`], [`super::View::tensor`] and [`super::write()`]; [`NnError::Io`] for old files that stay.
pub fn convert(folder: impl AsRef<Path>, dtype: DType, device: &Device) -> Result<u64> {
    let folder = folder.as_ref();
    let weights = Weights::open(folder)?;
    let mut tensors: Vec<(String, Tensor)> = Vec::new();
    for view in weights
        .names()
        .filter_map(|name| Some((name, weights.get(name)?)))
    {
        let (name, view) = view;
        if *view.dtype() == FileType::I64 {
            continue;
        }
        let tensor = view.tensor(device)?;
        let is_float = matches!(tensor.dtype(), DType::F32 | DType::F16 | DType::BF16);
        let tensor = if is_float {
            tensor.cast(dtype)?
        } else {
            tensor
        };
        tensors.push((name.to_owned(), tensor));
    }
    drop(weights);
    let written = write_sharded(folder, &tensors, SHARD_BYTES)?;
    let mut bytes = 0;
    for entry in fs::read_dir(folder).map_err(NnError::io(folder, "reading the folder"))? {
        let path = entry
            .map_err(NnError::io(folder, "reading the folder"))?
            .path();
        if written.contains(&path) {
            let metadata = fs::metadata(&path).map_err(NnError::io(&path, "reading the size"))?;
            bytes += metadata.len();
        } else if path
            .extension()
            .is_some_and(|extension| extension == "safetensors")
            || (written.len() == 1 && path.file_name().is_some_and(|name| name == INDEX))
        {
            fs::remove_file(&path).map_err(NnError::io(&path, "removing old weights"))?;
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::safetensors::write;

    #[test]
    fn half_precision_takes_half_of_the_bytes_and_nearly_the_same_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let device = Device::cpu();
        let values: Vec<f32> = (0..300).map(|place| (place as f32).sin()).collect();
        let numbers = Tensor::new(&values, [20, 15], &device).unwrap();
        let counts = Tensor::new(&[1_i32, 2], [2], &device).unwrap();
        let tensors = [("w".to_owned(), numbers), ("n".to_owned(), counts)];
        write(
            folder.path().join("model-00001-of-00001.safetensors"),
            &tensors,
        )
        .unwrap();
        let index = r#"{"weight_map": {"w": "model-00001-of-00001.safetensors", "n": "model-00001-of-00001.safetensors"}}"#;
        fs::write(folder.path().join(INDEX), index).unwrap();

        let bytes = convert(folder.path(), DType::F16, &device).unwrap();
        assert!((600..900).contains(&bytes), "{bytes}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let weights = Weights::open(folder.path()).unwrap();
        let read = weights.get("w").unwrap();
        assert_eq!(read.shape(), [20, 15]);
        let read = read.tensor(&device).unwrap().cast(DType::F32).unwrap();
        for (found, value) in read.to_vec::<f32>().unwrap().iter().zip(&values) {
            assert!((found - value).abs() <= 0.001 * value.abs());
        }
        let counts = weights.get("n").unwrap().tensor(&device).unwrap();
        assert_eq!(counts.to_vec::<i32>().unwrap(), [1, 2]);
    }
}
