//! `engine cache`: what the cache holds, whether it is sound, and what can go.

use std::fmt::Write;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use cache::{Action, Cache, GcOptions, VerifyProgress, VerifyReport};
use clap::{Args, Subcommand};
use miette::{IntoDiagnostic, Result};

use super::runs::ago;
use super::terminal::{Paint, print, say, stdout_width};
use super::units::{parse_duration, parse_size};
use super::workplace::{CacheArguments, ProjectArguments};
use crate::plan::Manifest;
use crate::report::number;
use crate::report::table::{Column, TextTable};
use crate::run::History;

/// Looks after the cache.
#[derive(Debug, Args)]
pub struct CacheCommand {
    #[command(subcommand)]
    task: Task,
    #[command(flatten)]
    project: ProjectArguments,
    #[command(flatten)]
    cache: CacheArguments,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Lists what it holds, newest first.
    Ls {
        /// How many results at most.
        #[arg(long, short = 'n', value_name = "N", default_value_t = 20)]
        limit: usize,
    },
    /// Reads everything again. What is damaged is moved away, to be computed again when it is needed.
    Verify,
    /// Removes what has not been used for long. What the newest runs of the project use stays.
    Gc(Gc),
    /// Prints its folder.
    Path,
}

#[derive(Debug, Args)]
struct Gc {
    /// What it may hold at most, such as 10GB: what was used longest ago goes until it fits.
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    max_size: Option<u64>,
    /// What was not used for so long goes, such as 30d.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    max_age: Option<Duration>,
    /// What the newest N runs of each pipeline of the project use stays in any case.
    #[arg(long, value_name = "N", default_value_t = 3)]
    keep_runs: usize,
    /// What was used within this time stays in any case. Uses are noted to the hour: with less than 2h, what a run
    /// that goes on needs may go.
    #[arg(long, value_name = "TIME", default_value = "2h", value_parser = parse_duration)]
    grace: Duration,
    /// Only says what would go.
    #[arg(long)]
    dry_run: bool,
}

impl CacheCommand {
    /// Does the task.
    pub fn execute(self) -> Result<ExitCode> {
        let root = self.project.root();
        if matches!(self.task, Task::Path) {
            print(&format!("{}\n", self.cache.folder(&root).display()))?;
            return Ok(ExitCode::SUCCESS);
        }
        let cache = self.cache.open(&root)?;
        match self.task {
            Task::Ls { limit } => list(&cache, limit),
            Task::Verify => verify(&cache),
            Task::Gc(gc) => gc.execute(&cache, &History::of_project(&root)),
            Task::Path => Ok(ExitCode::SUCCESS),
        }
    }
}

fn list(cache: &Cache, limit: usize) -> Result<ExitCode> {
    let mut actions = cache.actions();
    actions.reverse();
    let mut table = TextTable::new([
        Column::text("kind"),
        Column::text("step"),
        Column::number("size"),
        Column::number("made"),
        Column::text("key"),
    ]);
    table.rows = actions.iter().take(limit).map(row).collect();
    let stats = cache.stats().into_diagnostic()?;
    let mut text = table.to_text(stdout_width());
    if actions.len() > limit {
        let _infallible = writeln!(
            text,
            "… and {} more; `--limit N` shows them",
            actions.len() - limit
        );
    }
    let _infallible = writeln!(
        text,
        "\n{} results in {} files, {}",
        number::count(stats.actions),
        number::count(stats.blobs),
        number::bytes(stats.bytes)
    );
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn row(action: &Action) -> Vec<String> {
    let manifest = Manifest::from_text(&action.manifest);
    let provenance: serde_json::Value =
        serde_json::from_str(&action.provenance).unwrap_or_default();
    let size = action.outputs.iter().map(|output| output.artifact.size());
    let created = i64::try_from(action.created).unwrap_or(i64::MAX);
    vec![
        manifest.map_or_else(String::new, |manifest| manifest.kind),
        provenance["step"].as_str().unwrap_or_default().to_owned(),
        number::bytes(size.sum()),
        ago(jiff::Timestamp::now().as_second().saturating_sub(created)),
        format!("{:.12}", action.key),
    ]
}

fn verify(cache: &Cache) -> Result<ExitCode> {
    let is_shown = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let last = Mutex::new(Instant::now());
    let progress = |progress: VerifyProgress| {
        let Ok(mut last) = last.try_lock() else {
            return;
        };
        if is_shown && last.elapsed() > Duration::from_millis(100) {
            *last = Instant::now();
            say(&format!(
                "\r\u{1b}[K{} of {} read",
                number::bytes(progress.done),
                number::bytes(progress.total)
            ));
        }
    };
    let report = cache.verify(&progress).into_diagnostic()?;
    if is_shown {
        say("\r\u{1b}[K");
    }
    print(&verified(&report, Paint::for_stdout()))?;
    Ok(match report.is_clean() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn verified(report: &VerifyReport, paint: Paint) -> String {
    let mut text = String::new();
    for corrupt in &report.corrupt {
        let to = corrupt.moved_to.as_ref();
        let to = to.map_or_else(String::new, |path| format!(", moved to {}", path.display()));
        let _infallible = writeln!(
            text,
            "{} damaged: {:.12}{to}",
            paint.bad("✗"),
            corrupt.digest
        );
    }
    for missing in &report.missing {
        let _infallible = writeln!(
            text,
            "{} result {:.12}, output {}: {}",
            paint.bad("✗"),
            missing.key,
            missing.port,
            missing.why
        );
    }
    for stranger in &report.strangers {
        let _infallible = writeln!(
            text,
            "{} does not belong here: {}",
            paint.warn("-"),
            stranger.display()
        );
    }
    if report.damaged_records > 0 {
        let _infallible = writeln!(
            text,
            "{} {} records are damaged",
            paint.bad("✗"),
            report.damaged_records
        );
    }
    if report.garbage_bytes > 0 {
        let bytes = number::bytes(report.garbage_bytes);
        let _infallible = writeln!(
            text,
            "{} {bytes} of the log are no records",
            paint.warn("-")
        );
    }
    let (mark, word) = match report.is_clean() {
        true => (paint.good("✓"), "all sound"),
        false => (
            paint.bad("✗"),
            "what is damaged is computed again when it is needed",
        ),
    };
    let _infallible = writeln!(
        text,
        "{mark} {} results, {} files, {} read: {word}",
        number::count(report.actions),
        number::count(report.blobs),
        number::bytes(report.bytes)
    );
    text
}

impl Gc {
    fn execute(&self, cache: &Cache, history: &History) -> Result<ExitCode> {
        let options = GcOptions {
            max_bytes: self.max_size,
            max_age: self.max_age,
            grace: self.grace,
            pinned: history.pins(self.keep_runs),
            dry_run: self.dry_run,
        };
        let report = cache.gc(&options).into_diagnostic()?;
        let verb = if self.dry_run {
            "would remove"
        } else {
            "removed"
        };
        let mut text = format!(
            "{verb} {} results, {} files, {}; {} results, {} stay\n",
            number::count(report.removed.len() as u64),
            number::count(report.blobs_removed),
            number::bytes(report.bytes_removed),
            number::count(report.kept),
            number::bytes(report.bytes_kept)
        );
        if self.max_size.is_none() && self.max_age.is_none() {
            text.push_str(
                "only what belongs to no result goes unless --max-size or --max-age is given\n",
            );
        } else if self.max_size.is_some_and(|most| report.bytes_kept > most) {
            text.push_str(
                "more than --max-size stays: it was used within --grace, or the newest --keep-runs runs use it\n",
            );
        }
        print(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}
