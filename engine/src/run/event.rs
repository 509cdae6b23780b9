//! What happens in a run, as the journal keeps it and listeners see it.

use std::collections::BTreeMap;

use cache::{Digest, Key};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Everything that was asked for is there.
    Succeeded,
    /// A step failed.
    Failed,
    /// The user stopped it.
    Interrupted,
}

impl RunStatus {
    /// The word shown to users.
    pub fn name(self) -> &'static str {
        match self {
            RunStatus::Succeeded => "succeeded",
            RunStatus::Failed => "failed",
            RunStatus::Interrupted => "interrupted",
        }
    }
}

/// An output of a finished step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputRecord {
    /// The port.
    pub port: String,
    /// The digest of its content.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
}

/// Something that happened. Times are milliseconds since the run began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The run began.
    RunStarted {
        /// The run's id.
        run: String,
        /// The pipeline's name.
        pipeline: String,
        /// The pipeline file.
        file: String,
        /// The command line.
        arguments: Vec<String>,
        /// `[vars]`, overrides applied.
        vars: BTreeMap<String, Json>,
        /// `pipeline.seed`, overrides applied.
        seed: u64,
        /// The engine's version.
        engine: String,
        /// Seconds since 1970.
        started: i64,
        /// How many instances it is about.
        instances: usize,
    },
    /// An instance's outputs were in the cache.
    StepCached {
        /// The instance.
        step: String,
        /// Its key.
        key: Key,
        /// Its outputs.
        outputs: Vec<OutputRecord>,
    },
    /// An instance began to run.
    StepStarted {
        /// The instance.
        step: String,
        /// Why it runs.
        why: Vec<String>,
        /// When.
        at: u64,
    },
    /// An instance finished.
    StepFinished {
        /// The instance.
        step: String,
        /// Its key.
        key: Key,
        /// Its outputs.
        outputs: Vec<OutputRecord>,
        /// What it said about its results.
        notes: Vec<String>,
        /// When.
        at: u64,
        /// How long it ran.
        wall_ms: u64,
        /// Whether another engine computed it meanwhile.
        shared: bool,
    },
    /// An instance failed.
    StepFailed {
        /// The instance.
        step: String,
        /// What went wrong.
        message: String,
        /// What to do.
        help: Option<String>,
        /// The output of a program that it ran.
        output: Option<String>,
        /// When.
        at: u64,
        /// How long it ran.
        wall_ms: u64,
    },
    /// An instance stopped because the run was interrupted.
    StepStopped {
        /// The instance.
        step: String,
        /// When.
        at: u64,
    },
    /// An instance did not run because something that it needs failed, or because the run ended first.
    StepSkipped {
        /// The instance.
        step: String,
        /// The instance that failed, if that is why.
        because: Option<String>,
    },
    /// The run ended.
    RunFinished {
        /// How.
        status: RunStatus,
        /// A digest of all keys, for runs that finished everything.
        plan: Option<Digest>,
        /// How many instances were cached.
        cached: usize,
        /// How many ran.
        ran: usize,
        /// How many failed.
        failed: usize,
        /// How long it took.
        wall_ms: u64,
    },
}

/// Sees everything that happens, from several threads.
pub trait Listener: Send + Sync {
    /// Something happened.
    fn event(&self, event: &Event);

    /// A running instance is at `done` of `total` (0: unknown) `unit`s.
    fn progress(&self, _step: &str, _done: u64, _total: u64, _unit: &'static str) {}

    /// A running instance has something to show meanwhile, in place of what it showed before.
    fn detail(&self, _step: &str, _text: &str) {}

    /// A running instance waits for another engine that computes the same.
    fn waiting(&self, _step: &str) {}
}
