//! `engine run`: the plan, and then the run.

use std::mem::ManuallyDrop;
use std::process::ExitCode;
use std::sync::Arc;

use cache::{Cache, Digest};
use clap::Args;
use miette::{IntoDiagnostic, Result, WrapErr};
use tensor::DeviceChoice;

use super::LogFormat;
use super::console::Console;
use super::outcome::{print_nothing_to_do, print_outcome};
use super::plan::to_text;
use super::terminal::print;
use super::workplace::{CacheArguments, PipelineArguments, SelectionArguments, open};
use crate::plan::remembered::Shown;
use crate::plan::{Plan, Resolver};
use crate::results;
use crate::run::history::runs_folder;
use crate::run::{Event, History, Options, RunFolder, RunStatus, Setup, Summary, interrupt, run};

/// Runs a pipeline: whatever is not in the cache, and nothing else.
#[derive(Debug, Args)]
pub struct Run {
    #[command(flatten)]
    pipeline: PipelineArguments,
    #[command(flatten)]
    cache: CacheArguments,
    #[command(flatten)]
    selection: SelectionArguments,
    /// How many steps may run at a time. Default: one a core.
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    jobs: Option<u32>,
    /// What steps compute tensors on: `auto` (a graphics card where there is one, else the processor), `cpu`, `gpu` or `gpu:N`, as
    /// listed by `engine devices`. It never decides what is cached.
    #[arg(long, value_name = "DEVICE", env = "ENGINE_DEVICE", default_value_t = DeviceChoice::Auto)]
    device: DeviceChoice,
    /// When a step fails, still runs those that do not depend on it.
    #[arg(long, short)]
    keep_going: bool,
    /// Only says what would run, and why.
    #[arg(long, short = 'n')]
    dry_run: bool,
}

impl Run {
    /// Plans, runs, reports.
    pub fn execute(self, log: LogFormat) -> Result<ExitCode> {
        let targets = self.selection.unforced_targets().filter(|_| !self.dry_run);
        let request = targets.and_then(|targets| self.pipeline.request(targets, &self.cache));
        let mut opened = None;
        if let Some(request) = &request
            && let Some(known) = request.recall()
        {
            let cache = self.cache.open(request.root())?;
            if known.still_holds(request, &cache)
                && let Some((folder, digest)) =
                    History::of_project(request.root()).newest_plan(known.pipeline())
                && known.digest() == digest
            {
                let done = Done {
                    pipeline: known.pipeline(),
                    shown: known.shown(),
                    cached: known.cached(),
                    plan: digest,
                };
                return done.say(log, &cache, &folder);
            }
            opened = Some(cache);
        }
        let (pipeline, cache) = open(&self.pipeline, &self.cache, opened)?;
        // The process ends with it, and frees 10,000 steps faster than they can be dropped one by one: a tenth of a run
        // that has nothing to do.
        let pipeline = ManuallyDrop::new(pipeline);
        let selection = self.selection.of(&pipeline)?;
        let history = History::of_project(&pipeline.root);
        let previous = history.previous(&pipeline.name, &cache);
        let plan = ManuallyDrop::new(Plan::make(
            &pipeline,
            &Resolver::new(&pipeline, &cache),
            &selection,
            &previous,
        )?);
        if self.dry_run {
            print(&to_text(&pipeline, &plan, false))?;
            return Ok(ExitCode::SUCCESS);
        }
        if plan.is_done()
            && let Some((folder, digest)) = history.newest_plan(&pipeline.name)
            && plan.digest() == Some(digest)
        {
            let actions = plan.actions();
            let shown = results::shown(&pipeline, &|index| actions[index]);
            let done = Done {
                pipeline: &pipeline.name,
                shown: &shown,
                cached: actions.iter().flatten().count(),
                plan: digest,
            };
            let said = done.say(log, &cache, &folder);
            if let Some(request) = request {
                request.remember(&pipeline, &plan, shown);
            }
            return said;
        }
        let cancelled = interrupt::flag()
            .into_diagnostic()
            .wrap_err("listening to signals")?;
        let folder = RunFolder::create(
            &runs_folder(&pipeline.root),
            &pipeline.name,
            &pipeline.text,
            jiff::Timestamp::now(),
        )
        .into_diagnostic()
        .wrap_err_with(|| {
            format!(
                "making a folder for the run in {}",
                runs_folder(&pipeline.root).display()
            )
        })?;
        let options = Options {
            jobs: self.jobs.map(|jobs| jobs as usize),
            keep_going: self.keep_going,
            device: self.device,
            arguments: std::env::args().skip(1).collect(),
        };
        let console = Console::start(log, &pipeline, Arc::clone(&cancelled));
        let setup = Setup {
            pipeline: &pipeline,
            cache: &cache,
            selection: &selection,
            previous: &previous,
            folder: &folder,
            options: &options,
            listener: console.listener(),
            cancelled: &cancelled,
        };
        let summary = run(&setup, ManuallyDrop::into_inner(plan));
        console.finish();
        let summary = summary?;
        if let Some(record) = history.read(&folder.id)
            && let Err(error) = results::write_report(&pipeline, &cache, &record)
        {
            // The results are there all the same.
            let report = folder.report();
            tracing::warn!("writing the report {}: {error}", report.display());
        }
        if log == LogFormat::Text {
            print_outcome(&pipeline, &cache, &summary, &folder)?;
        }
        Ok(exit_code(&summary))
    }
}

/// A run that had nothing to do.
struct Done<'a> {
    pipeline: &'a str,
    shown: &'a [Shown],
    cached: usize,
    plan: Digest,
}

impl Done<'_> {
    fn say(&self, log: LogFormat, cache: &Cache, folder: &RunFolder) -> Result<ExitCode> {
        match log {
            LogFormat::Text => {
                print_nothing_to_do(self.pipeline, cache, self.shown, self.cached, folder)?;
            }
            LogFormat::Json => Console::start_json().listener().event(&Event::RunFinished {
                status: RunStatus::Succeeded,
                plan: Some(self.plan),
                cached: self.cached,
                ran: 0,
                failed: 0,
                wall_ms: 0,
            }),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn exit_code(summary: &Summary) -> ExitCode {
    match summary.status {
        RunStatus::Succeeded => ExitCode::SUCCESS,
        RunStatus::Failed => ExitCode::FAILURE,
        RunStatus::Interrupted => ExitCode::from(130),
    }
}
