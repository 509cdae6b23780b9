//! Runs what is ready, as much at a time as the machine bears, until everything is done, failed or stopped.
//!
//! One thread decides: it alone changes the state of an instance. The crew runs tasks and reports back.

mod damage;
mod end;
mod graph;
mod lending;
mod setup;

use std::collections::{BTreeSet, BinaryHeap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Instant;

use cache::Action;
use tensor::DeviceChoice;

use graph::{consumers_of, heights_of, producers_of};
use lending::Lending;
pub use setup::{Options, RunError, Setup, Summary};

use crate::pipeline::Pipeline;
use crate::plan::{Choice, Plan, Planned, Previous, Resolver, Selection};
use crate::run::budget::{Budget, Grant};
use crate::run::crew::{self, Ended, Report};
use crate::run::event::{Event, Listener, OutputRecord};
use crate::run::folder::RunFolder;
use crate::run::journal::Journal;
use crate::run::worker::{Finished, Task, Unfinished, Workshop};
use crate::steps::StepError;

/// Runs what `plan` leaves to do.
pub fn run(setup: &Setup<'_>, plan: Plan) -> Result<Summary, RunError> {
    let Setup {
        pipeline,
        cache,
        selection,
        previous,
        folder,
        options,
        listener,
        cancelled,
    } = *setup;
    let path = folder.journal();
    let journal = Journal::create(&path).map_err(|error| RunError::Journal { path, error })?;
    let computes = |planned: &(usize, &Planned)| {
        matches!(planned.1, Planned::Run(_) | Planned::MayRun(_))
            && pipeline.instances[planned.0].resources.tensors
    };
    // Drivers are asked only where a step will compute: that takes a while.
    let device = match plan.instances.iter().enumerate().any(|at| computes(&at)) {
        true => options.device.resolved(),
        false => options.device,
    };
    let workshop = Workshop {
        pipeline,
        cache,
        device,
        cancelled,
        listener,
    };
    let budget = Budget::of_machine(options.jobs);
    let to_run = plan
        .instances
        .iter()
        .filter(|planned| matches!(planned, Planned::Run(_) | Planned::MayRun(_)))
        .count();
    let workers = options
        .jobs
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get()))
        .clamp(1, to_run.max(1));
    std::thread::scope(|scope| {
        let (tasks, reports) = crew::start(scope, &workshop, workers);
        let mut scheduler = Scheduler {
            pipeline,
            resolver: Resolver::new(pipeline, cache),
            selection,
            previous,
            options,
            listener,
            cancelled,
            on_gpu: matches!(device, DeviceChoice::Gpu(_)),
            journal: Some(journal),
            journal_error: None,
            began: Instant::now(),
            budget,
            tasks: Some(tasks),
            states: Vec::new(),
            actions: Vec::new(),
            consumers: consumers_of(pipeline),
            heights: heights_of(pipeline),
            waiting_for: vec![0; pipeline.instances.len()],
            retried: BTreeSet::new(),
            ready: BinaryHeap::new(),
            prepared: (0..pipeline.instances.len()).map(|_| None).collect(),
            running: 0,
            lending: Lending::default(),
            counts: Counts::default(),
        };
        scheduler.begin(plan, folder)?;
        while scheduler.dispatch() {
            match reports.recv() {
                Ok(Report::Worked(index)) => scheduler.worked(index),
                Ok(Report::Done(ended)) => scheduler.finished(*ended)?,
                Err(_) => break,
            }
        }
        scheduler.end()
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Left,
    Waiting,
    Ready,
    Running {
        grant: Grant,
        since: u64,
    },
    /// It has run, and its outputs are being published.
    Publishing {
        since: u64,
    },
    Done,
    Failed,
    Skipped,
}

#[derive(Default)]
struct Counts {
    cached: usize,
    ran: usize,
    failed: usize,
}

struct Scheduler<'a> {
    pipeline: &'a Pipeline,
    resolver: Resolver<'a>,
    selection: &'a Selection,
    previous: &'a dyn Previous,
    options: &'a Options,
    listener: &'a dyn Listener,
    cancelled: &'a AtomicBool,
    /// Whether tensors are computed on a GPU.
    on_gpu: bool,
    journal: Option<Journal>,
    journal_error: Option<RunError>,
    began: Instant,
    budget: Budget,
    tasks: Option<mpsc::Sender<Task>>,
    states: Vec<State>,
    actions: Vec<Option<Action>>,
    consumers: Vec<Vec<usize>>,
    /// Length of the longest way from an instance to an end: the longer, the sooner it runs.
    heights: Vec<usize>,
    waiting_for: Vec<usize>,
    /// Instances that once found damaged inputs; the second time is a failure.
    retried: BTreeSet<usize>,
    ready: BinaryHeap<(usize, std::cmp::Reverse<usize>)>,
    prepared: Vec<Option<(Task, Vec<String>)>>,
    running: usize,
    lending: Lending,
    counts: Counts,
}

impl Scheduler<'_> {
    /// Takes over the plan: notes what is cached and readies what waits for nothing.
    fn begin(&mut self, plan: Plan, folder: &RunFolder) -> Result<(), RunError> {
        let pipeline = self.pipeline;
        let started = Event::RunStarted {
            run: folder.id.clone(),
            pipeline: pipeline.name.clone(),
            file: pipeline.path.display().to_string(),
            arguments: self
                .options
                .arguments
                .iter()
                .map(|word| pipeline.secrets.redact(word))
                .collect(),
            vars: pipeline.vars.clone(),
            seed: pipeline.seed,
            engine: env!("CARGO_PKG_VERSION").to_owned(),
            started: jiff::Timestamp::now().as_second(),
            instances: plan
                .instances
                .iter()
                .filter(|planned| !matches!(planned, Planned::Left))
                .count(),
        };
        self.emit(&started, true);
        let mut waiting = Vec::new();
        for (index, planned) in plan.instances.into_iter().enumerate() {
            let (state, action) = match planned {
                Planned::Left => (State::Left, None),
                Planned::Cached(action) => (State::Done, Some(action)),
                Planned::Run(_) | Planned::MayRun(_) => {
                    waiting.push(index);
                    (State::Waiting, None)
                }
            };
            self.states.push(state);
            if let Some(action) = &action {
                self.counts.cached += 1;
                self.emit_cached(index, action);
            }
            self.actions.push(action);
        }
        for &index in &waiting {
            self.waiting_for[index] = producers_of(self.pipeline, index)
                .into_iter()
                .filter(|&producer| self.actions[producer].is_none())
                .count();
        }
        for index in waiting {
            if self.waiting_for[index] == 0 && self.states[index] == State::Waiting {
                self.settle(index)?;
            }
        }
        Ok(())
    }

    /// Hands out tasks while there are any and the machine bears them. Returns whether anything is running.
    fn dispatch(&mut self) -> bool {
        let stopped = self.cancelled.load(Ordering::Relaxed)
            || (self.counts.failed > 0 && !self.options.keep_going);
        let mut set_aside = Vec::new();
        while !stopped
            && !self.budget.is_exhausted()
            && let Some(entry) = self.ready.pop()
        {
            let index = entry.1.0;
            let mut needs = self.pipeline.instances[index].resources;
            needs.gpu |= needs.tensors && self.on_gpu;
            let Some(grant) = self.budget.take(&needs, self.ready.len() + 1) else {
                set_aside.push(entry);
                if set_aside.len() > 64 {
                    break;
                }
                continue;
            };
            let Some((mut task, why)) = self.prepared[index].take() else {
                continue;
            };
            task.cores = self.lending.begin(index, &needs, grant, &self.budget);
            let at = self.now();
            self.states[index] = State::Running { grant, since: at };
            self.running += 1;
            self.emit(
                &Event::StepStarted {
                    step: self.name(index),
                    why,
                    at,
                },
                false,
            );
            if self
                .tasks
                .as_ref()
                .is_none_or(|tasks| tasks.send(task).is_err())
            {
                break;
            }
        }
        self.ready.extend(set_aside);
        self.lending.lend(&self.budget);
        self.running > 0
    }

    /// Everything that feeds an instance is there: it is cached, or it becomes ready.
    fn settle(&mut self, index: usize) -> Result<(), RunError> {
        let mut worklist = vec![index];
        while let Some(index) = worklist.pop() {
            let actions = &self.actions;
            let forced = self.selection.choice(index) == Choice::Forced;
            let resolution = self
                .resolver
                .resolve(index, forced, &|producer| actions[producer].as_ref())?;
            if let (None, Some(action)) = (&resolution.manifest, &resolution.action) {
                self.counts.cached += 1;
                self.emit_cached(index, action);
                self.done(index, action.clone(), &mut worklist);
                continue;
            }
            let why = self
                .resolver
                .why(index, &resolution, self.selection, self.previous);
            let Some(manifest) = resolution.manifest else {
                continue;
            };
            let inputs = self.pipeline.instances[index]
                .links
                .iter()
                .filter_map(|link| {
                    self.actions[link.producer]
                        .as_ref()?
                        .output(&link.output)
                        .cloned()
                })
                .collect();
            let task = Task {
                index,
                key: resolution.key,
                manifest,
                inputs,
                forced,
                cores: 1.into(),
            };
            self.make_ready(task, why.iter().map(ToString::to_string).collect());
        }
        Ok(())
    }

    fn make_ready(&mut self, task: Task, why: Vec<String>) {
        let index = task.index;
        self.states[index] = State::Ready;
        self.ready
            .push((self.heights[index], std::cmp::Reverse(index)));
        self.prepared[index] = Some((task, why));
    }

    /// Marks an instance done; consumers that now wait for nothing go to the worklist.
    fn done(&mut self, index: usize, action: Action, worklist: &mut Vec<usize>) {
        self.states[index] = State::Done;
        self.actions[index] = Some(action);
        for &consumer in &self.consumers[index] {
            if self.states[consumer] == State::Waiting {
                self.waiting_for[consumer] -= 1;
                if self.waiting_for[consumer] == 0 {
                    worklist.push(consumer);
                }
            }
        }
    }

    /// Takes back what a running instance had of the machine.
    fn worked(&mut self, index: usize) {
        if let State::Running { grant, since } = self.states[index] {
            self.budget.give_back(grant);
            self.lending.end(index);
            self.states[index] = State::Publishing { since };
        }
    }

    fn finished(&mut self, (task, result): Ended) -> Result<(), RunError> {
        let index = task.index;
        self.worked(index);
        let started = match self.states[index] {
            State::Publishing { since } => since,
            _ => self.now(),
        };
        self.running -= 1;
        let at = self.now();
        let wall_ms = at.saturating_sub(started);
        match result {
            Ok(Finished {
                action,
                notes,
                shared,
            }) => {
                if shared {
                    self.counts.cached += 1
                } else {
                    self.counts.ran += 1
                }
                let outputs = output_records(&action);
                let event = Event::StepFinished {
                    step: self.name(index),
                    key: task.key,
                    outputs,
                    notes,
                    at,
                    wall_ms,
                    shared,
                };
                self.emit(&event, false);
                let mut worklist = Vec::new();
                self.done(index, action, &mut worklist);
                worklist
                    .into_iter()
                    .try_for_each(|consumer| self.settle(consumer))
            }
            Err(Unfinished::Step(StepError::Cancelled)) => {
                self.states[index] = State::Skipped;
                self.emit(
                    &Event::StepStopped {
                        step: self.name(index),
                        at,
                    },
                    false,
                );
                Ok(())
            }
            Err(Unfinished::DamagedInputs(links)) if self.retried.insert(index) => {
                self.rebuild_inputs(&task, &links)
            }
            Err(Unfinished::DamagedInputs(_)) => {
                let message =
                    "what feeds it is damaged in the cache, and computing it again did not help";
                let error = StepError::new(message)
                    .help("the disk may be failing; run `engine cache verify`");
                self.failed(index, error, at, wall_ms);
                Ok(())
            }
            Err(Unfinished::Step(error)) => {
                self.failed(index, error, at, wall_ms);
                Ok(())
            }
        }
    }

    fn emit_cached(&mut self, index: usize, action: &Action) {
        let event = Event::StepCached {
            step: self.name(index),
            key: action.key,
            outputs: output_records(action),
        };
        self.emit(&event, true);
    }

    fn emit(&mut self, event: &Event, buffered: bool) {
        if let Some(journal) = &mut self.journal
            && let Err(error) = journal.append(event, buffered)
        {
            let path = journal.path().to_path_buf();
            self.journal_error
                .get_or_insert(RunError::Journal { path, error });
        }
        self.listener.event(event);
    }

    fn name(&self, index: usize) -> String {
        self.pipeline.instances[index].name.clone()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

fn output_records(action: &Action) -> Vec<OutputRecord> {
    action
        .outputs
        .iter()
        .map(|output| OutputRecord {
            port: output.port.clone(),
            digest: output.artifact.digest(),
            size: output.artifact.size(),
        })
        .collect()
}
