//! [`Pretrained`]: models as folders of Hugging Face, config.json and safetensors.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};
use tensor::{Device, RandomKey};

use crate::module::{Module, named_tensors};
use crate::safetensors::{INDEX, Weights, write_sharded};
use crate::{Init, LoadReport, NnError, Result, files, load};

/// Bytes of one file of weights at most; `transformers` cuts larger models, too.
pub const SHARD_BYTES: usize = 5_000_000_000;

/// What config.json says of a model.
pub trait ModelConfig: Sized {
    /// Takes and checks what a config.json says; what it does not say is as usual for such models.
    ///
    /// # Errors
    /// [`NnError::Config`] for what makes no model here.
    fn from_json(found: Map<String, Value>) -> Result<Self>;

    /// What config.json says.
    ///
    /// # Errors
    /// [`NnError::Config`] for what makes no model here.
    fn to_json(&self) -> Result<Map<String, Value>>;

    /// The standard deviation of weights before training.
    fn initializer_range(&self) -> f32;

    /// What the names of tensors may begin with or not.
    fn prefix(&self) -> &'static str;

    /// Reads and checks a config.json.
    ///
    /// # Errors
    /// [`NnError::Io`]; [`NnError::File`] for files that are no JSON, or no model that can be built here.
    fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let found: Map<String, Value> = files::read_json(path)?;
        Self::from_json(found).map_err(|error| NnError::file(path, error.to_string()))
    }
}

/// A model that is read from a folder and written to one.
pub trait Pretrained: Module + Sized {
    /// What its config.json says.
    type Config: ModelConfig;

    /// As `transformers` calls it.
    fn architecture(config: &Self::Config) -> &'static str;

    /// The parts that a folder need not have, since they are trained for each task.
    fn new_parts(_config: &Self::Config) -> &'static [&'static str] {
        &[]
    }

    /// Tensors that repeat others, which folders may have and which are neither read nor written.
    fn tied(_config: &Self::Config) -> &'static [&'static str] {
        &[]
    }

    /// A model before training.
    ///
    /// # Errors
    /// [`NnError::Config`] for a configuration that makes no model; [`tensor::TensorError::OutOfMemory`].
    fn new(config: &Self::Config, init: &Init<'_>) -> Result<Self>;

    /// Its configuration.
    fn config(&self) -> &Self::Config;

    /// What else is written into the folder: nothing.
    ///
    /// # Errors
    /// [`NnError::Io`].
    fn save_others(&self, _folder: &Path) -> Result<()> {
        Ok(())
    }

    /// Reads config.json and the weights of a folder. Names may begin with [`ModelConfig::prefix`] or not. Parts of
    /// [`Pretrained::new_parts`] that are not there, or have another shape, are drawn from `key`.
    ///
    /// # Errors
    /// [`NnError::File`] for a folder that is none of a model, [`NnError::Weights`] if tensors are missing or have other shapes.
    fn from_folder(
        folder: impl AsRef<Path>,
        key: RandomKey,
        device: &Device,
    ) -> Result<(Self, LoadReport)> {
        let config = Self::Config::from_file(folder.as_ref().join("config.json"))?;
        Self::from_folder_with(folder, &config, key, device)
    }

    /// The same with a configuration of one's own: other labels, or other dropout.
    ///
    /// # Errors
    /// As [`Pretrained::from_folder`].
    fn from_folder_with(
        folder: impl AsRef<Path>,
        config: &Self::Config,
        key: RandomKey,
        device: &Device,
    ) -> Result<(Self, LoadReport)> {
        let weights = Weights::open(folder)?;
        let init = Init {
            deviation: config.initializer_range(),
            key,
            device,
        };
        let mut model = Self::new(config, &init)?;
        let report = load(&mut model, &weights, config.prefix(), Self::tied(config))?;
        report.require_all_but(Self::new_parts(config), &weights)?;
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
            write_sharded(new, &named_tensors(self)?, shard_bytes)?;
            self.save_others(new)
        })
    }
}

fn config_of<M: Pretrained>(config: &M::Config) -> Result<Value> {
    let mut all = config.to_json()?;
    all.insert("architectures".to_owned(), json!([M::architecture(config)]));
    all.insert("torch_dtype".to_owned(), json!("float32"));
    Ok(Value::Object(all))
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
