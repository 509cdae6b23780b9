//! Earlier runs, read from their journals.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use cache::{Cache, Digest, Key, Lookup};
use serde_json::Value as Json;

use super::event::{Event, OutputRecord, RunStatus};
use super::folder::RunFolder;
use super::journal;
use crate::plan::{Manifest, Previous};

/// How many runs back an explanation looks.
const RUNS_LOOKED_AT: usize = 20;

/// The runs below `.engine/runs`.
pub struct History {
    runs: PathBuf,
}

/// One run, as its journal tells it.
#[derive(Clone, Debug)]
pub struct RunRecord {
    /// Its folder.
    pub folder: RunFolder,
    /// The pipeline's name.
    pub pipeline: String,
    /// The pipeline file.
    pub file: String,
    /// The command line.
    pub arguments: Vec<String>,
    /// `[vars]`, overrides applied.
    pub vars: BTreeMap<String, Json>,
    /// `pipeline.seed`.
    pub seed: u64,
    /// The engine's version.
    pub engine: String,
    /// Seconds since 1970.
    pub started: i64,
    /// How it ended; `None` if it was killed, or still runs.
    pub status: Option<RunStatus>,
    /// Whether it still runs.
    pub running: bool,
    /// How long it took, in milliseconds; up to its last record if it has not ended.
    pub wall_ms: u64,
    /// Its instances, in the order in which they were done.
    pub steps: Vec<StepRecord>,
}

/// What became of an instance.
#[derive(Clone, Debug, PartialEq)]
pub struct StepRecord {
    /// Its name.
    pub name: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Its key, if it was known.
    pub key: Option<Key>,
    /// Its outputs.
    pub outputs: Vec<OutputRecord>,
    /// Why it ran.
    pub why: Vec<String>,
    /// What it said about its results.
    pub notes: Vec<String>,
    /// When it began, in milliseconds since the run began.
    pub started: u64,
    /// How long it ran, in milliseconds.
    pub wall_ms: u64,
    /// What went wrong.
    pub failure: Option<Failure>,
}

/// What became of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its outputs were in the cache.
    Cached,
    /// It ran.
    Ran,
    /// Another engine computed it meanwhile.
    Shared,
    /// It failed.
    Failed,
    /// It was stopped, or the run was killed.
    Stopped,
    /// It did not run.
    Skipped,
}

/// What went wrong in an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What went wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// The output of a program that it ran.
    pub output: Option<String>,
}

impl History {
    /// The history of the project at `root`.
    pub fn of_project(root: &Path) -> History {
        History {
            runs: runs_folder(root),
        }
    }

    /// The ids of all runs, newest first.
    pub fn ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = std::fs::read_dir(&self.runs)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|id| pipeline_of(id).is_some())
            .collect();
        ids.sort_by_cached_key(|id| std::cmp::Reverse(moment_of(id)));
        ids
    }

    /// The ids of the runs of a pipeline, newest first.
    pub fn ids_of(&self, pipeline: &str) -> Vec<String> {
        self.ids()
            .into_iter()
            .filter(|id| pipeline_of(id) == Some(pipeline))
            .collect()
    }

    /// The folder of a run.
    pub fn folder(&self, id: &str) -> RunFolder {
        RunFolder::existing(&self.runs, id)
    }

    /// Reads a run. `None` where its journal does not even hold a beginning.
    pub fn read(&self, id: &str) -> Option<RunRecord> {
        let folder = self.folder(id);
        let path = folder.journal();
        // Asked first: a run that ends between the two has ended in what is read.
        let running = journal::is_being_written(&path);
        let replay = journal::replay(&path).ok()?;
        let run = RunRecord::from_events(folder, replay.events)?;
        Some(RunRecord { running, ..run })
    }

    /// The newest run of a pipeline that finished everything it was asked for: its id and the digest of its plan.
    pub fn newest_plan(&self, pipeline: &str) -> Option<(RunFolder, Digest)> {
        let id = self.ids_of(pipeline).into_iter().next()?;
        let folder = self.folder(&id);
        match journal::last_event(&folder.journal())? {
            Event::RunFinished {
                plan: Some(plan), ..
            } => Some((folder, plan)),
            _ => None,
        }
    }

    /// What the steps of a pipeline were in its last runs.
    pub fn previous<'a>(&'a self, pipeline: &'a str, cache: &'a Cache) -> PreviousRuns<'a> {
        PreviousRuns {
            history: self,
            pipeline,
            cache,
            keys: RefCell::default(),
        }
    }
}

/// `.engine/runs` below a project's root.
pub fn runs_folder(root: &Path) -> PathBuf {
    root.join(".engine").join("runs")
}

/// The pipeline's name in a run's id.
pub fn pipeline_of(id: &str) -> Option<&str> {
    let mut parts = id.splitn(3, '-');
    let date = parts.next()?;
    let time = parts.next()?;
    let digits = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.')
    };
    (digits(date) && digits(time)).then(|| parts.next())?
}

/// What orders runs: date, time, and which one of that second.
fn moment_of(id: &str) -> (String, u32) {
    let mut parts = id.splitn(3, '-');
    let date = parts.next().unwrap_or_default();
    let time = parts.next().unwrap_or_default();
    let (time, count) = time.split_once('.').unwrap_or((time, "1"));
    (format!("{date}-{time}"), count.parse().unwrap_or(1))
}

/// The manifests that the steps of a pipeline had, looked up in its newest runs when first asked for.
pub struct PreviousRuns<'a> {
    history: &'a History,
    pipeline: &'a str,
    cache: &'a Cache,
    keys: RefCell<Option<HashMap<String, Key>>>,
}

impl PreviousRuns<'_> {
    fn key(&self, name: &str) -> Option<Key> {
        let mut keys = self.keys.borrow_mut();
        let keys = keys.get_or_insert_with(|| {
            let mut newest = HashMap::new();
            for id in self
                .history
                .ids_of(self.pipeline)
                .into_iter()
                .take(RUNS_LOOKED_AT)
            {
                for step in self.history.read(&id).into_iter().flat_map(|run| run.steps) {
                    if let Some(key) = step.key {
                        newest.entry(step.name).or_insert(key);
                    }
                }
            }
            newest
        });
        keys.get(name).copied()
    }
}

impl Previous for PreviousRuns<'_> {
    fn manifest(&self, name: &str) -> (bool, Option<Manifest>) {
        let Some(key) = self.key(name) else {
            return (false, None);
        };
        let manifest = match self.cache.lookup(&key) {
            Lookup::Hit(action) | Lookup::Missing { action, .. } => {
                Manifest::from_text(&action.manifest)
            }
            Lookup::Miss => None,
        };
        (true, manifest)
    }
}

impl RunRecord {
    /// Puts the events of a journal together.
    pub fn from_events(folder: RunFolder, events: Vec<Event>) -> Option<RunRecord> {
        let mut events = events.into_iter();
        let Some(Event::RunStarted {
            pipeline,
            file,
            arguments,
            vars,
            seed,
            engine,
            started,
            ..
        }) = events.next()
        else {
            return None;
        };
        let mut run = RunRecord {
            folder,
            pipeline,
            file,
            arguments,
            vars,
            seed,
            engine,
            started,
            status: None,
            running: false,
            wall_ms: 0,
            steps: Vec::new(),
        };
        let mut positions = HashMap::new();
        for event in events {
            run.add(event, &mut positions);
        }
        Some(run)
    }

    fn add(&mut self, event: Event, positions: &mut HashMap<String, usize>) {
        let mut step = |run: &mut RunRecord, name: String, outcome: Outcome| -> usize {
            let at = *positions.entry(name.clone()).or_insert(run.steps.len());
            if at == run.steps.len() {
                run.steps.push(StepRecord::new(name, outcome));
            }
            run.steps[at].outcome = outcome;
            at
        };
        match event {
            Event::RunStarted { .. } => {}
            Event::StepCached {
                step: name,
                key,
                outputs,
            } => {
                let at = step(self, name, Outcome::Cached);
                self.steps[at].key = Some(key);
                self.steps[at].outputs = outputs;
            }
            Event::StepStarted {
                step: name,
                why,
                at: moment,
            } => {
                let at = step(self, name, Outcome::Stopped);
                self.steps[at].why = why;
                self.steps[at].started = moment;
                self.wall_ms = moment;
            }
            Event::StepFinished {
                step: name,
                key,
                outputs,
                notes,
                at: moment,
                wall_ms,
                shared,
            } => {
                let at = step(
                    self,
                    name,
                    if shared {
                        Outcome::Shared
                    } else {
                        Outcome::Ran
                    },
                );
                let record = &mut self.steps[at];
                record.key = Some(key);
                record.outputs = outputs;
                record.notes = notes;
                record.wall_ms = wall_ms;
                self.wall_ms = moment;
            }
            Event::StepFailed {
                step: name,
                message,
                help,
                output,
                at: moment,
                wall_ms,
            } => {
                let at = step(self, name, Outcome::Failed);
                self.steps[at].wall_ms = wall_ms;
                self.steps[at].failure = Some(Failure {
                    message,
                    help,
                    output,
                });
                self.wall_ms = moment;
            }
            Event::StepStopped {
                step: name,
                at: moment,
            } => {
                let at = step(self, name, Outcome::Stopped);
                self.steps[at].wall_ms = moment.saturating_sub(self.steps[at].started);
                self.wall_ms = moment;
            }
            Event::StepSkipped { step: name, .. } => {
                step(self, name, Outcome::Skipped);
            }
            Event::RunFinished {
                status, wall_ms, ..
            } => {
                self.status = Some(status);
                self.wall_ms = wall_ms;
            }
        }
    }

    /// How it ended, in a word.
    pub fn status_name(&self) -> &'static str {
        match (self.status, self.running) {
            (Some(status), _) => status.name(),
            (None, true) => "running",
            (None, false) => "killed",
        }
    }
}

impl StepRecord {
    fn new(name: String, outcome: Outcome) -> StepRecord {
        StepRecord {
            name,
            outcome,
            key: None,
            outputs: Vec::new(),
            why: Vec::new(),
            notes: Vec::new(),
            started: 0,
            wall_ms: 0,
            failure: None,
        }
    }
}
