//! A TOML file becomes a checked pipeline: every name resolved, every parameter typed, every mistake found before
//! anything runs. Knows what kinds exist and what ports they have; knows nothing of caches and runs.

mod build;
mod document;
pub mod interpolate;
mod link;
pub mod matrix;
pub mod mistake;
mod params;
pub mod reference;
mod resources;
mod root;
pub mod secrets;
pub mod value;
mod well_formed;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cache::canonical::Encoded;
use serde_json::Value as Json;

use crate::steps::port::{InputPort, OutputPort};
use crate::steps::{Kind, Resources, Step};

use build::{BuiltSteps, build_steps};
use document::Document;
pub use document::Override;
use matrix::Coordinates;
use mistake::{InvalidPipeline, Mistakes};
pub use resources::parse_bytes;
pub use root::{project_around, project_root};
use secrets::Secrets;
use value::Span;

/// A checked pipeline.
pub struct Pipeline {
    /// `pipeline.name`.
    pub name: String,
    /// `pipeline.description`.
    pub description: String,
    /// The file.
    pub path: PathBuf,
    /// The project's root, to which paths in the file are relative.
    pub root: PathBuf,
    /// The file's text.
    pub text: Arc<str>,
    /// `pipeline.seed`, overrides applied.
    pub seed: u64,
    /// `[vars]`, overrides applied.
    pub vars: BTreeMap<String, Json>,
    /// Environment variables that the file lists.
    pub secrets: Secrets,
    /// One entry for each `[steps.NAME]`, in the order of the file.
    pub steps: Vec<StepEntry>,
    /// All instances of all steps, producers before consumers.
    pub instances: Vec<Instance>,
}

/// One `[steps.NAME]`.
pub struct StepEntry {
    /// Its name.
    pub name: String,
    /// Where its header stands.
    pub span: Span,
    /// Its instances in [`Pipeline::instances`].
    pub instances: std::ops::Range<usize>,
}

/// One combination of a step's matrix, or the step itself where it has none.
pub struct Instance {
    /// Index in [`Pipeline::steps`].
    pub step: usize,
    /// `fit`, or `fit[n=8,seed=0]`.
    pub name: String,
    /// Its coordinates.
    pub coordinates: Coordinates,
    /// Its kind.
    pub kind: &'static Kind,
    /// The step with its parameters.
    pub work: Box<dyn Step>,
    /// Its parameters as they enter the key: defaults filled in, secrets as digests, speed left out.
    pub parameters: Encoded,
    /// The seed it would use.
    pub seed: u64,
    /// Environment variables that it may name.
    pub env: Vec<String>,
    /// What it needs while it runs.
    pub resources: Resources,
    /// Its input ports.
    pub input_ports: Vec<InputPort>,
    /// Its output ports.
    pub output_ports: Vec<OutputPort>,
    /// What feeds it, in the order of the file.
    pub links: Vec<Link>,
    /// Files outside the pipeline that it reads.
    pub files: Vec<PathBuf>,
}

/// An edge: an output of one instance feeds a port of another.
#[derive(Clone, Debug)]
pub struct Link {
    /// The consumer's port.
    pub port: String,
    /// The producer, an index in [`Pipeline::instances`].
    pub producer: usize,
    /// The producer's port.
    pub output: String,
    /// The producer's coordinates on axes that the consumer does not have.
    pub coordinates: Coordinates,
}

/// Why a file did not become a pipeline.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum OpenError {
    /// The file cannot be read.
    #[error("cannot read the pipeline {}: {error}", path.display())]
    #[diagnostic(help("{help}"))]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
        /// What to do.
        help: String,
    },
    /// The file has mistakes.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Invalid(#[from] InvalidPipeline),
}

impl Pipeline {
    /// Reads and checks a pipeline file.
    pub fn open(path: &Path, overrides: &[Override]) -> Result<Pipeline, OpenError> {
        let text = std::fs::read_to_string(path).map_err(|error| OpenError::Read {
            path: path.to_path_buf(),
            help: missing_file_help(path),
            error,
        })?;
        Ok(Pipeline::parse(path, &project_root(path), text, overrides)?)
    }

    /// Checks the text of a pipeline file that stands, or would stand, at `path` in the project `root`.
    pub fn parse(
        path: &Path,
        root: &Path,
        text: String,
        overrides: &[Override],
    ) -> Result<Pipeline, InvalidPipeline> {
        let text: Arc<str> = text.into();
        let mut mistakes = Mistakes::default();
        let document = Document::read(&text, overrides, &mut mistakes);
        let BuiltSteps { drafts, secrets } = build_steps(&document, root, &mut mistakes);
        let linked = link::link(drafts, &mut mistakes);
        if !mistakes.is_empty() {
            return Err(mistakes.into_invalid(&path.display().to_string(), text));
        }
        Ok(Pipeline {
            name: document.name,
            description: document.description,
            path: path.to_path_buf(),
            root: root.to_path_buf(),
            text,
            seed: document.seed,
            vars: document.vars,
            secrets,
            steps: linked.steps,
            instances: linked.instances,
        })
    }

    /// The step `name`, or the names of all steps.
    pub fn step(&self, name: &str) -> Option<&StepEntry> {
        self.steps.iter().find(|step| step.name == name)
    }
}

fn missing_file_help(path: &Path) -> String {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let names: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".toml"))
        .collect();
    let written = path.file_name().unwrap_or_default().to_string_lossy();
    match mistake::nearest(&written, names.iter().map(String::as_str)) {
        Some(near) => format!("did you mean {}?", folder.join(near).display()),
        None => "name a pipeline file, or write one with `engine init`".to_owned(),
    }
}
