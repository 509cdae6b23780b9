//! `engine diff`: two runs side by side.

use std::fmt::Write;
use std::process::ExitCode;

use clap::Args;
use miette::Result;
use serde_json::Value as Json;

use super::console::words::milliseconds;
use super::terminal::{Paint, print, stdout_width};
use super::workplace::{CacheArguments, ProjectArguments};
use crate::report::number;
use crate::report::table::{Column, TextTable};
use crate::results::compare::{Change, Comparison, compare};
use crate::run::find::FindError;
use crate::run::{History, RunRecord};

/// Shows what differs between two runs: variables, steps, parameters, metrics.
#[derive(Debug, Args)]
pub struct Diff {
    /// The first run: an id, a unique beginning of one, `latest`, `latest~1`.
    #[arg(default_value = "latest~1")]
    before: String,
    /// The second run.
    #[arg(default_value = "latest")]
    after: String,
    /// `latest` is the latest run of this pipeline: its name or its file.
    #[arg(long, value_name = "NAME")]
    pipeline: Option<String>,
    /// Shows the metrics that are equal, too.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    project: ProjectArguments,
    #[command(flatten)]
    cache: CacheArguments,
}

impl Diff {
    /// Compares and prints.
    pub fn execute(self) -> Result<ExitCode> {
        let scope = self.project.scope(self.pipeline.as_deref())?;
        let history = History::of_project(&scope.root);
        let read = |name: &str| -> Result<RunRecord> {
            let id = history.find(name, scope.pipeline.as_deref())?;
            let run = history.read(&id);
            Ok(run.ok_or(FindError::Unknown { name: id })?)
        };
        let (before, after) = (read(&self.before)?, read(&self.after)?);
        let cache = self.cache.open(&scope.root)?;
        let comparison = compare(&before, &after, &cache);
        let mut text = heads(&before, &after);
        describe(&mut text, &comparison);
        metrics(&mut text, &comparison, self.all);
        print(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn heads(before: &RunRecord, after: &RunRecord) -> String {
    let mut text = String::new();
    for (mark, run) in [("a", before), ("b", after)] {
        let _infallible = writeln!(
            text,
            "{mark}  {}  {} in {}",
            run.folder.id,
            run.status_name(),
            milliseconds(run.wall_ms)
        );
    }
    text
}

fn describe(text: &mut String, comparison: &Comparison) {
    let paint = Paint::for_stdout();
    if comparison.is_empty() {
        let same = super::console::words::steps(comparison.same);
        let _infallible = writeln!(text, "\nno difference: {same} the same in both");
    }
    if !comparison.settings.is_empty() {
        let _infallible = writeln!(text, "\n{}", paint.strong("settings"));
        let mut table =
            TextTable::new([Column::text("name"), Column::text("a"), Column::text("b")]);
        for difference in &comparison.settings {
            table.rows.push(vec![
                difference.name.clone(),
                word(difference.before.as_ref()),
                word(difference.after.as_ref()),
            ]);
        }
        text.push_str(&table.to_text(stdout_width()));
    }
    steps(text, comparison, paint);
}

fn steps(text: &mut String, comparison: &Comparison, paint: Paint) {
    let total = comparison.removed.len() + comparison.added.len() + comparison.changed.len();
    if total == 0 {
        return;
    }
    let _infallible = writeln!(text, "\n{}", paint.strong("steps"));
    for name in &comparison.removed {
        let _infallible = writeln!(text, "{} {name}: only in a", paint.bad("-"));
    }
    for name in &comparison.added {
        let _infallible = writeln!(text, "{} {name}: only in b", paint.good("+"));
    }
    for change in &comparison.changed {
        let name = name_of(change);
        let _infallible = writeln!(
            text,
            "{} {name}: {}",
            paint.warn("~"),
            change.differences.join("; ")
        );
    }
    if comparison.same > 0 {
        let _infallible = writeln!(
            text,
            "  {} the same in both",
            super::console::words::steps(comparison.same)
        );
    }
}

fn name_of(change: &Change) -> String {
    match change.instances.as_slice() {
        [only] => only.clone(),
        [first, ..] => {
            let step = first.split('[').next().unwrap_or(first);
            format!("{step} (x{})", change.instances.len())
        }
        [] => String::new(),
    }
}

fn metrics(text: &mut String, comparison: &Comparison, all: bool) {
    let paint = Paint::for_stdout();
    let mut table = TextTable::new([
        Column::text("step"),
        Column::text("metric"),
        Column::number("a"),
        Column::number("b"),
        Column::number("b - a"),
    ]);
    for metric in &comparison.metrics {
        if !all && metric.before == metric.after {
            continue;
        }
        let difference = metric.after - metric.before;
        let sign = if difference > 0.0 { "+" } else { "" };
        table.rows.push(vec![
            metric.source.clone(),
            metric.name.clone(),
            number::plain(metric.before),
            number::plain(metric.after),
            format!("{sign}{}", number::plain(difference)),
        ]);
    }
    if !table.rows.is_empty() {
        let _infallible = writeln!(text, "\n{}", paint.strong("metrics"));
        text.push_str(&table.to_text(stdout_width()));
    }
}

fn word(value: Option<&Json>) -> String {
    match value {
        None => number::MISSING.to_owned(),
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}
