//! `engine run`: the plan, and then the run.

use std::process::ExitCode;

use clap::Args;
use miette::{IntoDiagnostic, Result, WrapErr};

use super::LogFormat;
use super::console;
use super::plan::print_plan;
use super::workplace::{CacheArguments, PipelineArguments};
use crate::plan::{Plan, Resolver, Selection};
use crate::results;
use crate::run::history::runs_folder;
use crate::run::{History, Options, RunFolder, RunStatus, Setup, Summary, interrupt, run};

/// Runs a pipeline: whatever is not in the cache, and nothing else.
#[derive(Debug, Args)]
pub struct Run {
    #[command(flatten)]
    pipeline: PipelineArguments,
    #[command(flatten)]
    cache: CacheArguments,
    /// Runs only this step and what it needs. May be given several times.
    #[arg(long = "target", value_name = "STEP")]
    targets: Vec<String>,
    /// Runs this step and all that depends on it, cached or not.
    #[arg(long, value_name = "STEP")]
    from: Vec<String>,
    /// Runs this step, cached or not.
    #[arg(long, value_name = "STEP")]
    force: Vec<String>,
    /// How many steps may run at a time. Default: one a core.
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    jobs: Option<u32>,
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
        let pipeline = self.pipeline.open()?;
        let selection = Selection::new(&pipeline, &self.targets, &self.from, &self.force)?;
        let cache = self.cache.open(&pipeline.root)?;
        let history = History::of_project(&pipeline.root);
        let previous = history.previous(&pipeline.name, &cache);
        let plan = Plan::make(
            &pipeline,
            &Resolver::new(&pipeline, &cache),
            &selection,
            &previous,
        )?;
        if self.dry_run {
            print_plan(&pipeline, &plan, false);
            return Ok(ExitCode::SUCCESS);
        }
        let console = console::console(log);
        if plan.is_done()
            && let Some((folder, digest)) = history.newest_plan(&pipeline.name)
            && plan.digest() == Some(digest)
        {
            console.nothing_to_do(&pipeline, &plan, &folder);
            return Ok(ExitCode::SUCCESS);
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
            arguments: std::env::args().skip(1).collect(),
        };
        let setup = Setup {
            pipeline: &pipeline,
            cache: &cache,
            selection: &selection,
            previous: &previous,
            folder: &folder,
            options: &options,
            listener: console.as_listener(),
            cancelled: &cancelled,
        };
        let summary = run(&setup, plan)?;
        if let Some(record) = history.read(&folder.id) {
            results::write_report(&pipeline, &cache, &record)
                .into_diagnostic()
                .wrap_err_with(|| format!("writing the report {}", folder.report().display()))?;
        }
        console.end(&pipeline, &cache, &summary, &folder);
        Ok(exit_code(&summary))
    }
}

fn exit_code(summary: &Summary) -> ExitCode {
    match summary.status {
        RunStatus::Succeeded => ExitCode::SUCCESS,
        RunStatus::Failed => ExitCode::FAILURE,
        RunStatus::Interrupted => ExitCode::from(130),
    }
}
