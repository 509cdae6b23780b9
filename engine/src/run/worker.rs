//! Runs one instance: takes the lock on its key, checks what feeds it, lets it work in a folder of its own, and takes
//! its outputs into the cache. Making them durable is left to the [committer](super::crew).

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use cache::{Action, Artifact, Cache, CacheError, Key, KeyLock, Lookup, Publication};
use tensor::DeviceChoice;
use tensor::cpu::Cores;

use super::event::Listener;
use crate::pipeline::{Instance, Pipeline};
use crate::plan::Manifest;
use crate::steps::context::{Input, Progress};
use crate::steps::{Context, StepError};

/// An instance that is ready to run.
pub struct Task {
    /// Index in [`Pipeline::instances`].
    pub index: usize,
    /// Its key.
    pub key: Key,
    /// What the key is made of.
    pub manifest: Manifest,
    /// What feeds it, one for each link.
    pub inputs: Vec<Artifact>,
    /// Whether it runs even if the cache has its outputs by now.
    pub forced: bool,
    /// The cores that it was given, and those that it is lent.
    pub cores: Cores,
}

/// What came of a task.
pub struct Finished {
    /// The outputs.
    pub action: Action,
    /// What the step said about them.
    pub notes: Vec<String>,
    /// Whether another engine computed them meanwhile.
    pub shared: bool,
}

/// What a worker has to show for a task.
pub enum Worked {
    /// Another engine computed it meanwhile.
    Shared(Finished),
    /// The outputs are in the cache, and not yet published.
    Unpublished(Unpublished),
}

/// An instance that has run, and is not done before its outputs are published.
pub struct Unpublished {
    publication: Publication,
    notes: Vec<String>,
    resume_folder: PathBuf,
    /// Until then nobody else computes it.
    _lock: KeyLock,
}

impl Unpublished {
    /// What is to be published, and what follows upon that.
    pub fn into_parts(self) -> (Publication, Published) {
        let Unpublished {
            publication,
            notes,
            resume_folder,
            _lock,
        } = self;
        let published = Published {
            notes,
            resume_folder,
            _lock,
        };
        (publication, published)
    }
}

/// What remains of an [`Unpublished`] instance beside its outputs.
pub struct Published {
    notes: Vec<String>,
    resume_folder: PathBuf,
    _lock: KeyLock,
}

impl Published {
    /// The instance is done: its outputs are durable, and what it kept for another attempt can go.
    pub fn finish(self, action: Action) -> Finished {
        if self.resume_folder.exists()
            && let Err(error) = std::fs::remove_dir_all(&self.resume_folder)
        {
            tracing::warn!("removing {}: {error}", self.resume_folder.display());
        }
        Finished {
            action,
            notes: self.notes,
            shared: false,
        }
    }
}

/// Why a task did not finish.
pub enum Unfinished {
    /// The step said why.
    Step(StepError),
    /// These links bring content that is damaged or gone; it was taken out of the cache and must be computed again.
    DamagedInputs(Vec<usize>),
}

impl From<CacheError> for Unfinished {
    fn from(error: CacheError) -> Unfinished {
        Unfinished::Step(StepError::from(error))
    }
}

/// What every task needs.
pub struct Workshop<'a> {
    /// The pipeline.
    pub pipeline: &'a Pipeline,
    /// The cache.
    pub cache: &'a Cache,
    /// What steps compute tensors on.
    pub device: DeviceChoice,
    /// Set when running steps should stop.
    pub cancelled: &'a AtomicBool,
    /// Sees progress.
    pub listener: &'a dyn Listener,
}

impl Workshop<'_> {
    /// Runs a task.
    pub fn run(&self, task: &Task) -> Result<Worked, Unfinished> {
        let instance = &self.pipeline.instances[task.index];
        let lock = match self.cache.try_lock(&task.key)? {
            Some(lock) => lock,
            None => {
                self.listener.waiting(&instance.name);
                self.cache
                    .lock(&task.key, &|| self.cancelled.load(Ordering::Relaxed))?
            }
        };
        self.cache.refresh()?;
        if let (false, Lookup::Hit(action)) = (task.forced, self.cache.lookup(&task.key)) {
            return Ok(Worked::Shared(Finished {
                notes: notes_of(&action),
                action,
                shared: true,
            }));
        }
        let inputs = self.inputs(instance, task)?;
        let staging = self.cache.stage()?;
        let resume_folder = self.cache.root().join("resume").join(task.key.to_string());
        let context = Context {
            inputs,
            outputs: instance.output_ports.clone(),
            folder: staging.path().to_path_buf(),
            resume_folder: resume_folder.clone(),
            root: &self.pipeline.root,
            seed: instance.seed,
            cores: task.cores.clone(),
            device: self.device,
            env: self
                .pipeline
                .secrets
                .pairs(&instance.env)
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            cancelled: self.cancelled,
            progress: &StepProgress {
                step: &instance.name,
                listener: self.listener,
            },
            notes: Mutex::default(),
        };
        context.check().map_err(Unfinished::Step)?;
        catch_unwind(AssertUnwindSafe(|| instance.work.run(&context)))
            .unwrap_or_else(|panic| Err(bug(&*panic)))
            .map_err(Unfinished::Step)?;
        let mut outputs: Vec<(String, PathBuf)> = Vec::with_capacity(instance.output_ports.len());
        for port in &instance.output_ports {
            let path = context.output_path(&port.name);
            if !path.exists() {
                let message = format!("the step ended without writing its output `{}`", port.name);
                return Err(Unfinished::Step(StepError::new(message)));
            }
            outputs.push((port.name.clone(), path));
        }
        let notes = context.notes.into_inner().unwrap_or_default();
        let notes: Vec<String> = notes
            .iter()
            .map(|note| self.pipeline.secrets.redact(note))
            .collect();
        let mut provenance = serde_json::json!({
            "engine": env!("CARGO_PKG_VERSION"),
            "step": instance.name,
            "pipeline": self.pipeline.name,
            "threads": task.cores.now(),
            "notes": notes,
        });
        if instance.resources.tensors {
            provenance["device"] = self.device.to_string().into();
        }
        let publication = self.cache.prepare(
            task.key,
            outputs,
            task.manifest.to_text(),
            provenance.to_string(),
        )?;
        Ok(Worked::Unpublished(Unpublished {
            publication,
            notes,
            resume_folder,
            _lock: lock,
        }))
    }

    /// The paths of what feeds an instance, every blob rehashed, so that damage never spreads.
    fn inputs(&self, instance: &Instance, task: &Task) -> Result<Vec<Input>, Unfinished> {
        let mut damaged = Vec::new();
        let mut inputs = Vec::with_capacity(instance.links.len());
        for (at, (link, artifact)) in instance.links.iter().zip(&task.inputs).enumerate() {
            // What another worker has just moved away is gone rather than corrupt.
            if !self.cache.quarantine(artifact)?.is_empty() || !self.is_there(artifact) {
                damaged.push(at);
                continue;
            }
            inputs.push(Input {
                port: link.port.clone(),
                coordinates: link.coordinates.clone(),
                path: self.cache.artifact_path(artifact)?,
            });
        }
        if damaged.is_empty() {
            Ok(inputs)
        } else {
            Err(Unfinished::DamagedInputs(damaged))
        }
    }

    fn is_there(&self, artifact: &Artifact) -> bool {
        artifact.blobs().all(|blob| {
            self.cache
                .blob_path(blob)
                .metadata()
                .is_ok_and(|file| file.len() == blob.size)
        })
    }
}

/// What a step said about its results when it ran.
pub fn notes_of(action: &Action) -> Vec<String> {
    let provenance: serde_json::Value =
        serde_json::from_str(&action.provenance).unwrap_or_default();
    let notes = provenance
        .get("notes")
        .and_then(|notes| notes.as_array())
        .cloned()
        .unwrap_or_default();
    notes
        .iter()
        .filter_map(|note| note.as_str().map(str::to_owned))
        .collect()
}

fn bug(panic: &(dyn Any + Send)) -> StepError {
    let words = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    StepError::new(format!("a bug in the engine stopped the step: {words}"))
        .help("please report it, with the pipeline file and the step's input if you can")
}

struct StepProgress<'a> {
    step: &'a str,
    listener: &'a dyn Listener,
}

impl Progress for StepProgress<'_> {
    fn update(&self, done: u64, total: u64, unit: &'static str) {
        self.listener.progress(self.step, done, total, unit);
    }

    fn detail(&self, text: &str) {
        self.listener.detail(self.step, text);
    }
}
