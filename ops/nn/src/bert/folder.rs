//! [`Pretrained`]: models as folders of Hugging Face, config.json and safetensors.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tensor::{Device, RandomKey};

use super::BertConfig;
use crate::module::{Module, named_tensors};
use crate::safetensors::{INDEX, Weights, write_sharded};
use crate::{Init, LoadReport, NnError, Result, files, load};

/// Bytes of one file of weights at most; `transformers` cuts larger models, too.
pub const SHARD_BYTES: usize = 5_000_000_000;

/// A model that is read from a folder and written to one.
pub trait Pretrained: Module + Sized {
    /// As `transformers` calls it.
    const ARCHITECTURE: &'static str;
    /// The parts that a folder need not have, since they are trained for each task.
    const NEW: &'static [&'static str] = &[];
    /// Tensors that repeat others, which folders may have and which are neither read nor written.
    const TIED: &'static [&'static str] = &[];

    /// A model before training.
    ///
    /// # Errors
    /// [`NnError::Config`] for a configuration that makes no model; [`tensor::TensorError::OutOfMemory`].
    fn new(config: &BertConfig, init: &Init<'_>) -> Result<Self>;

    /// Its configuration.
    fn config(&self) -> &BertConfig;

    /// Reads config.json and the weights of a folder. Names may begin with `bert.` or not. Parts of [`Pretrained::NEW`] that
    /// are not there, or have another shape, are drawn from `key`.
    ///
    /// # Errors
    /// [`NnError::File`] for a folder that is none of a model, [`NnError::Weights`] if tensors are missing or have other shapes.
    fn from_folder(
        folder: impl AsRef<Path>,
        key: RandomKey,
        device: &Device,
    ) -> Result<(Self, LoadReport)> {
        let config = BertConfig::read(folder.as_ref().join("config.json"))?;
        Self::from_folder_with(folder, &config, key, device)
    }

    /// The same with a configuration of one's own: other labels, or other dropout.
    ///
    /// # Errors
    /// As [`Pretrained::from_folder`].
    fn from_folder_with(
        folder: impl AsRef<Path>,
        config: &BertConfig,
        key: RandomKey,
        device: &Device,
    ) -> Result<(Self, LoadReport)> {
        let weights = Weights::open(folder)?;
        let mut model = Self::new(config, &init(config, key, device))?;
        let report = load(&mut model, &weights, "bert", Self::TIED)?;
        report.require_all_but(Self::NEW, &weights)?;
        Ok((model, report))
    }

    /// Writes the folder: complete, or as it was before. Files that it holds besides, such as the tokenizer's, are kept.
    ///
    /// # Errors
    /// [`NnError::Io`].
    fn save(&self, folder: impl AsRef<Path>) -> Result<()> {
        self.save_sharded(folder, SHARD_BYTES)
    }

    /// The same in files of `shard_bytes` at most.
    ///
    /// # Errors
    /// [`NnError::Io`].
    fn save_sharded(&self, folder: impl AsRef<Path>, shard_bytes: usize) -> Result<()> {
        let folder = folder.as_ref();
        files::publish_folder(folder, |new| {
            keep_others(folder, new)?;
            files::write_json(&new.join("config.json"), &config_of::<Self>(self.config())?)?;
            write_sharded(new, &named_tensors(self)?, shard_bytes).map(|_| ())
        })
    }
}

fn init<'a>(config: &BertConfig, key: RandomKey, device: &'a Device) -> Init<'a> {
    Init {
        deviation: config.initializer_range,
        key,
        device,
    }
}

fn config_of<M: Pretrained>(config: &BertConfig) -> Result<Value> {
    let mut value = serde_json::to_value(config).map_err(|error| NnError::Config {
        name: "config.json",
        value: M::ARCHITECTURE.to_owned(),
        reason: error.to_string(),
    })?;
    value["architectures"] = json!([M::ARCHITECTURE]);
    value["torch_dtype"] = json!("float32");
    Ok(value)
}

/// Links or copies what a folder holds besides a model's configuration and weights.
fn keep_others(old: &Path, new: &Path) -> Result<()> {
    let Ok(entries) = fs::read_dir(old) else {
        return Ok(());
    };
    for entry in entries {
        let path = entry
            .map_err(NnError::io(old, "reading the folder"))?
            .path();
        let Some(name) = path.file_name() else {
            continue;
        };
        let text = name.to_string_lossy();
        let is_model = text == "config.json" || text == INDEX || text.ends_with(".safetensors");
        if path.is_file() && !is_model {
            fs::copy(&path, new.join(name)).map_err(NnError::io(&path, "keeping the file"))?;
        }
    }
    Ok(())
}
