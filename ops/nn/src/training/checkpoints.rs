//! [`Checkpoints`]: folders from which training goes on.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tensor::Device;

use super::{Trainer, TrainingState};
use crate::module::{Module, named_parameters, named_tensors};
use crate::optim::Optimizer;
use crate::safetensors::{SafeTensors, WEIGHTS, Weights, write};
use crate::{NnError, Result, files, load};

const MOMENTS: &str = "optimizer.safetensors";
const STATE: &str = "training_state.json";
const NOTES: &str = "notes.json";

/// A folder with a folder for each step that was saved, `step-00000100`: weights and moments as safetensors, the rest as JSON.
/// One that is there is complete.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    folder: PathBuf,
    keep: usize,
}

impl Checkpoints {
    /// Checkpoints in `folder`, of which the newest `keep` stay; 0 counts as 1.
    pub fn new(folder: impl Into<PathBuf>, keep: usize) -> Self {
        Self {
            folder: folder.into(),
            keep: keep.max(1),
        }
    }

    /// Saves everything that the rest of training depends on. To be called between steps. Unfinished checkpoints, left by
    /// processes that were killed, are removed.
    ///
    /// # Errors
    /// [`NnError::Io`].
    pub fn save<M: Module, O: Optimizer>(
        &self,
        model: &M,
        trainer: &Trainer<O>,
    ) -> Result<PathBuf> {
        self.save_with::<M, O, M>(model, trainer, &(), &[])
    }

    /// The same with notes of one's own, and with other models under names of one's own, such as the best so far: all of it is
    /// there, or nothing. [`Checkpoints::notes`] and [`Checkpoints::load_other`] read them.
    ///
    /// # Errors
    /// [`NnError::Io`]; [`NnError::File`] for notes that cannot be written as JSON.
    pub fn save_with<M: Module, O: Optimizer, X: Module>(
        &self,
        model: &M,
        trainer: &Trainer<O>,
        notes: &impl Serialize,
        others: &[(&str, &X)],
    ) -> Result<PathBuf> {
        fs::create_dir_all(&self.folder)
            .map_err(NnError::io(&self.folder, "creating the folder"))?;
        files::remove_unfinished(&self.folder, "step-")?;
        let path = self
            .folder
            .join(format!("step-{:08}", trainer.state().step));
        files::publish_folder(&path, |new| {
            write(new.join(WEIGHTS), &named_tensors(model)?)?;
            write(new.join(MOMENTS), &trainer.optimizer().state()?)?;
            files::write_json(&new.join(STATE), trainer.state())?;
            files::write_json(&new.join(NOTES), notes)?;
            for (name, other) in others {
                write(new.join(other_file(name)), &named_tensors(*other)?)?;
            }
            Ok(())
        })?;
        let all = self.all()?;
        for (_, old) in all.iter().rev().skip(self.keep) {
            fs::remove_dir_all(old).map_err(NnError::io(old, "removing an old checkpoint"))?;
        }
        Ok(path)
    }

    /// The newest checkpoint; none before the first.
    ///
    /// # Errors
    /// [`NnError::Io`].
    pub fn newest(&self) -> Result<Option<PathBuf>> {
        Ok(self.all()?.pop().map(|(_, path)| path))
    }

    fn all(&self) -> Result<Vec<(u64, PathBuf)>> {
        if !self.folder.is_dir() {
            return Ok(Vec::new());
        }
        let mut all = Vec::new();
        for entry in
            fs::read_dir(&self.folder).map_err(NnError::io(&self.folder, "reading the folder"))?
        {
            let path = entry
                .map_err(NnError::io(&self.folder, "reading the folder"))?
                .path();
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default();
            if let Some(step) = name
                .strip_prefix("step-")
                .and_then(|step| step.parse().ok())
            {
                all.push((step, path));
            }
        }
        all.sort();
        Ok(all)
    }

    /// The notes that were saved at `path`.
    ///
    /// # Errors
    /// [`NnError::Io`]; [`NnError::File`] for other notes than these.
    pub fn notes<T: DeserializeOwned>(path: impl AsRef<Path>) -> Result<T> {
        files::read_json(&path.as_ref().join(NOTES))
    }

    /// Fills a model with what was saved at `path` as `name`.
    ///
    /// # Errors
    /// [`NnError::Io`]; [`NnError::Weights`] for another model's.
    pub fn load_other<M: Module>(path: impl AsRef<Path>, name: &str, model: &mut M) -> Result<()> {
        let weights = Weights::open(path.as_ref().join(other_file(name)))?;
        load(model, &weights, "", &[])?.require_all_but(&[], &weights)
    }

    /// Brings model and trainer to where they were when `path` was saved. The trainer was made with the same options.
    ///
    /// # Errors
    /// [`NnError::Io`], [`NnError::File`]; [`NnError::Weights`] and [`NnError::Input`] for another model's or another optimiser's.
    pub fn restore<M: Module, O: Optimizer>(
        path: impl AsRef<Path>,
        model: &mut M,
        trainer: &mut Trainer<O>,
    ) -> Result<()> {
        let path = path.as_ref();
        let state: TrainingState = files::read_json(&path.join(STATE))?;
        let weights = Weights::open(path.join(WEIGHTS))?;
        load(model, &weights, "", &[])?.require_all_but(&[], &weights)?;
        let device = named_parameters(model)
            .first()
            .map_or_else(Device::cpu, |(_, parameter)| {
                parameter.tensor().device().clone()
            });
        let moments = SafeTensors::open(path.join(MOMENTS))?;
        let loaded = moments.names().map(|name| {
            let view = moments
                .get(name)
                .map(|view| view.tensor(&device))
                .transpose()?;
            Ok(view.map(|tensor| (name.to_owned(), tensor)))
        });
        let loaded: BTreeMap<_, _> = loaded
            .collect::<Result<Vec<_>>>()?
            .into_iter()
            .flatten()
            .collect();
        trainer.restore(state, loaded)
    }
}

fn other_file(name: &str) -> String {
    format!("{name}.safetensors")
}
