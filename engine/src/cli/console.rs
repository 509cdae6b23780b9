//! What a run shows while it goes on and when it ends.

use cache::Cache;

use super::LogFormat;
use crate::pipeline::Pipeline;
use crate::plan::Plan;
use crate::run::{Event, Listener, RunFolder, Summary};

/// Shows a run.
pub trait Console: Listener {
    /// Everything is cached, and a run with a report of just this exists.
    fn nothing_to_do(&self, pipeline: &Pipeline, plan: &Plan, folder: &RunFolder);
    /// The run is over.
    fn end(&self, pipeline: &Pipeline, cache: &Cache, summary: &Summary, folder: &RunFolder);
    /// The console as a listener.
    fn as_listener(&self) -> &dyn Listener;
}

/// The console for an output format.
pub fn console(_log: LogFormat) -> Box<dyn Console> {
    Box::new(Lines)
}

/// Plain lines, for logs and pipes.
struct Lines;

impl Listener for Lines {
    fn event(&self, event: &Event) {
        match event {
            Event::StepStarted { step, why, .. } => eprintln!("run   {step}: {}", why.join("; ")),
            Event::StepFinished {
                step,
                notes,
                wall_ms,
                ..
            } => {
                eprintln!("done  {step} {wall_ms} ms  {}", notes.join("; "));
            }
            Event::StepFailed {
                step,
                message,
                help,
                output,
                ..
            } => {
                eprintln!("fail  {step}: {message}");
                if let Some(output) = output {
                    eprintln!("{output}");
                }
                if let Some(help) = help {
                    eprintln!("  help: {help}");
                }
            }
            _ => {}
        }
    }
}

impl Console for Lines {
    fn nothing_to_do(&self, _pipeline: &Pipeline, plan: &Plan, folder: &RunFolder) {
        println!(
            "nothing to do: {} steps cached; report: {}",
            plan.instances.len(),
            folder.report().display()
        );
    }

    fn end(&self, _pipeline: &Pipeline, _cache: &Cache, summary: &Summary, folder: &RunFolder) {
        println!(
            "{}: {} ran, {} cached, {} failed in {} ms; {}",
            summary.status.name(),
            summary.ran,
            summary.cached,
            summary.failed,
            summary.wall_ms,
            folder.id
        );
    }

    fn as_listener(&self) -> &dyn Listener {
        self
    }
}
