//! What a run is given, and what comes of it.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use cache::{Action, Cache};
use tensor::DeviceChoice;

use crate::pipeline::Pipeline;
use crate::plan::{PlanError, Previous, Selection};
use crate::run::event::{Listener, RunStatus};
use crate::run::folder::RunFolder;

/// How to run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How many steps may run at a time; as many as there are cores if not given.
    pub jobs: Option<usize>,
    /// Whether steps that do not depend on a failed one still run.
    pub keep_going: bool,
    /// What steps compute tensors on.
    pub device: DeviceChoice,
    /// The command line, for the journal.
    pub arguments: Vec<String>,
}

/// What came of a run.
#[derive(Debug)]
pub struct Summary {
    /// How it ended.
    pub status: RunStatus,
    /// How many instances were cached, ran and failed.
    pub cached: usize,
    /// How many ran.
    pub ran: usize,
    /// How many failed.
    pub failed: usize,
    /// How long it took, in milliseconds.
    pub wall_ms: u64,
    /// The outputs of each instance, where they are there.
    pub actions: Vec<Option<Action>>,
}

/// Why a run could not be made or kept up.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum RunError {
    /// The journal cannot be written.
    #[error("writing the journal {}: {error}", path.display())]
    #[diagnostic(help(
        "runs are kept in `.engine/runs` of the project's root; check that it can be written and that the disk is not full"
    ))]
    Journal {
        /// The journal.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A file that a step reads went away.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Plan(#[from] PlanError),
}

/// Everything that a run works with.
pub struct Setup<'a> {
    /// The pipeline.
    pub pipeline: &'a Pipeline,
    /// The cache.
    pub cache: &'a Cache,
    /// Which instances are wanted, and which are forced.
    pub selection: &'a Selection,
    /// What the steps were in earlier runs.
    pub previous: &'a dyn Previous,
    /// The folder of the run, which exists already.
    pub folder: &'a RunFolder,
    /// How to run.
    pub options: &'a Options,
    /// Sees everything that happens.
    pub listener: &'a dyn Listener,
    /// Set when the run should stop.
    pub cancelled: &'a AtomicBool,
}
