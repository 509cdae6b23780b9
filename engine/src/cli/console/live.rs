//! A run as people follow it: events are taken in where they happen and put out a few times a second, so that a
//! thousand trivial steps cost no more than a few.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::words::{Words, progress, steps};
use crate::run::meter::Meter;
use crate::run::{Event, Listener};

/// How often something is put out.
const PERIOD: Duration = Duration::from_millis(100);

/// Where a live run is shown.
pub trait Display: Send {
    /// Puts out finished lines.
    fn lines(&mut self, text: &str);
    /// Shows what is going on, the step that began first at the top.
    fn running(&mut self, running: &[Running], counts: Counts, now: Duration);
    /// Takes away what is shown of running steps.
    fn clear(&mut self);
}

/// A running step.
#[derive(Clone, Debug)]
pub struct Running {
    /// The instance.
    pub step: String,
    /// When it began, since the console began.
    pub since: Duration,
    /// Why it runs, or what it waits for.
    pub why: String,
    /// How far it is, if it says so.
    pub meter: Option<Meter>,
    /// What it shows meanwhile, such as a loss.
    pub detail: String,
}

impl Running {
    /// `120 of 400 steps, 2.1 steps/s, 133 s left, loss 0.231`; nothing where the step says nothing.
    pub fn how_far(&self, now: Duration) -> Option<String> {
        let mut text = progress(self.meter.as_ref()?, now);
        if !self.detail.is_empty() {
            text.push_str(", ");
            text.push_str(&self.detail);
        }
        Some(text)
    }
}

/// How many instances there are and what became of them so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// All that the run is about.
    pub all: usize,
    /// Found in the cache.
    pub cached: usize,
    /// Ran.
    pub ran: usize,
    /// Failed.
    pub failed: usize,
}

/// Takes events in and puts them out in a thread of its own.
pub struct Live {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    words: Words,
    began: Instant,
    cancelled: Arc<AtomicBool>,
}

struct State {
    display: Box<dyn Display>,
    pipeline: String,
    text: String,
    running: Vec<Running>,
    counts: Counts,
    skipped: HashMap<String, Vec<String>>,
    failed: Vec<String>,
    is_header_said: bool,
    is_interruption_said: bool,
    is_over: bool,
}

impl Live {
    /// Shows a run on `display`. `cancelled` is what Ctrl-C sets.
    pub fn new(display: Box<dyn Display>, words: Words, cancelled: Arc<AtomicBool>) -> Live {
        let state = State {
            display,
            pipeline: String::new(),
            text: String::new(),
            running: Vec::new(),
            counts: Counts::default(),
            skipped: HashMap::new(),
            failed: Vec::new(),
            is_header_said: false,
            is_interruption_said: false,
            is_over: false,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            wake: Condvar::new(),
            words,
            began: Instant::now(),
            cancelled,
        });
        let ticking = Arc::clone(&shared);
        let thread = std::thread::spawn(move || ticking.tick());
        Live {
            shared,
            thread: Mutex::new(Some(thread)),
        }
    }

    /// Puts out all that is left, and takes the bars away.
    pub fn finish(&self) {
        self.shared.state().is_over = true;
        self.shared.wake.notify_all();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::debug!("the console's thread panicked");
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tick(&self) {
        let mut state = self.state();
        while !state.is_over {
            (state, _) = self
                .wake
                .wait_timeout(state, PERIOD)
                .unwrap_or_else(PoisonError::into_inner);
            if self.cancelled.load(Ordering::Relaxed) && !state.is_interruption_said {
                state.is_interruption_said = true;
                let line = "stopping after the running steps' next check; press Ctrl-C again to end at once";
                state.text.push_str(&self.words.paint.warn(line));
                state.text.push('\n');
            }
            state.put_out(self.began.elapsed());
        }
        let recap = state.recap(&self.words);
        state.text.push_str(&recap);
        state.put_out(self.began.elapsed());
        state.display.clear();
    }
}

impl State {
    fn put_out(&mut self, now: Duration) {
        let text = std::mem::take(&mut self.text);
        if !text.is_empty() {
            self.display.lines(&text);
        }
        self.display.running(&self.running, self.counts, now);
    }

    /// `issues: 20 steps, 14 cached`, once it is known what is cached.
    fn say_header(&mut self, words: &Words) {
        if self.is_header_said {
            return;
        }
        self.is_header_said = true;
        let cached = match self.counts.cached {
            0 => String::new(),
            count => format!(", {count} cached"),
        };
        let name = words.paint.strong(&self.pipeline);
        self.text
            .push_str(&format!("{name}: {}{cached}\n", steps(self.counts.all)));
    }

    fn stop(&mut self, step: &str) {
        self.running.retain(|running| running.step != step);
    }

    /// What failures kept from running.
    fn recap(&mut self, words: &Words) -> String {
        let mut text = String::new();
        for failed in &self.failed {
            let Some(skipped) = self.skipped.remove(failed) else {
                continue;
            };
            const SHOWN: usize = 8;
            let mut names = skipped[..skipped.len().min(SHOWN)].join(", ");
            if skipped.len() > SHOWN {
                names.push_str(&format!(" and {} more", skipped.len() - SHOWN));
            }
            let line = format!("skipped, because {failed} failed: {names}");
            text.push_str(&words.paint.warn(&line));
            text.push('\n');
        }
        text
    }
}

impl Listener for Live {
    fn event(&self, event: &Event) {
        let words = &self.shared.words;
        let mut state = self.shared.state();
        match event {
            Event::RunStarted {
                pipeline,
                instances,
                ..
            } => {
                state.pipeline.clone_from(pipeline);
                state.counts.all = *instances;
            }
            Event::StepCached { .. } => state.counts.cached += 1,
            Event::StepStarted { step, why, .. } => {
                state.say_header(words);
                let running = Running {
                    step: step.clone(),
                    since: self.shared.began.elapsed(),
                    why: why.join("; "),
                    meter: None,
                    detail: String::new(),
                };
                state.running.push(running);
            }
            Event::StepFinished {
                step,
                notes,
                wall_ms,
                shared,
                ..
            } => {
                state.stop(step);
                if *shared {
                    state.counts.cached += 1;
                } else {
                    state.counts.ran += 1;
                }
                let line = words.finished(step, *wall_ms, notes, *shared);
                state.text.push_str(&line);
            }
            Event::StepFailed {
                step,
                message,
                help,
                output,
                wall_ms,
                ..
            } => {
                state.stop(step);
                state.counts.failed += 1;
                state.failed.push(step.clone());
                let lines =
                    words.failed(step, *wall_ms, message, help.as_deref(), output.as_deref());
                state.text.push_str(&lines);
            }
            Event::StepStopped { step, at } => {
                let since = state.running.iter().find(|running| running.step == *step);
                let wall =
                    since.map(|running| self.shared.began.elapsed().saturating_sub(running.since));
                let wall_ms =
                    wall.map_or(*at, |wall| u64::try_from(wall.as_millis()).unwrap_or(*at));
                state.stop(step);
                let line = words.stopped(step, wall_ms);
                state.text.push_str(&line);
            }
            Event::StepSkipped { step, because } => {
                if let Some(because) = because {
                    let skipped = state.skipped.entry(because.clone()).or_default();
                    skipped.push(step.clone());
                }
            }
            Event::RunFinished { .. } => {}
        }
    }

    fn progress(&self, step: &str, done: u64, total: u64, unit: &'static str) {
        let now = self.shared.began.elapsed();
        let mut state = self.shared.state();
        if let Some(running) = state
            .running
            .iter_mut()
            .find(|running| running.step == step)
        {
            match &mut running.meter {
                Some(meter) => meter.update(done, total, unit, now),
                None => running.meter = Some(Meter::new(done, total, unit, now)),
            }
        }
    }

    fn detail(&self, step: &str, text: &str) {
        let mut state = self.shared.state();
        if let Some(running) = state
            .running
            .iter_mut()
            .find(|running| running.step == step)
        {
            text.clone_into(&mut running.detail);
        }
    }

    fn waiting(&self, step: &str) {
        let mut state = self.shared.state();
        if let Some(running) = state
            .running
            .iter_mut()
            .find(|running| running.step == step)
        {
            running.why = "waits for another engine that computes the same".to_owned();
        }
    }
}
