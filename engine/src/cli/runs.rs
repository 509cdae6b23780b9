//! `engine runs`: the runs of a project, newest first.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use miette::Result;

use super::terminal::{print, stdout_width};
use super::workplace::ProjectArguments;
use crate::report::number;
use crate::report::table::{Column, TextTable};
use crate::run::history::Outcome;
use crate::run::{History, RunRecord};

/// Lists the runs of the project, newest first.
#[derive(Debug, Args)]
pub struct Runs {
    /// Only runs of this pipeline: its name or its file.
    pipeline: Option<String>,
    #[command(flatten)]
    project: ProjectArguments,
    /// How many runs at most.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20)]
    limit: usize,
}

impl Runs {
    /// Prints the list.
    pub fn execute(self) -> Result<ExitCode> {
        let scope = self.project.scope(self.pipeline.as_deref())?;
        let history = History::of_project(&scope.root);
        let ids = match &scope.pipeline {
            Some(name) => history.ids_of(name),
            None => history.ids(),
        };
        if ids.is_empty() {
            print(&no_runs(&scope.root, scope.pipeline.as_deref()))?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut table = TextTable::new([
            Column::text("run"),
            Column::text("status"),
            Column::number("started"),
            Column::number("took"),
            Column::number("ran"),
            Column::number("cached"),
            Column::number("failed"),
        ]);
        let now = jiff::Timestamp::now().as_second();
        for id in ids.iter().take(self.limit) {
            table.rows.push(match history.read(id) {
                Some(run) => row(&run, now),
                None => vec![id.clone(), "unreadable".to_owned()],
            });
        }
        let mut text = table.to_text(stdout_width());
        if ids.len() > self.limit {
            text.push_str(&format!(
                "… and {} more; `--limit N` shows them\n",
                ids.len() - self.limit
            ));
        }
        print(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn row(run: &RunRecord, now: i64) -> Vec<String> {
    let count = |outcomes: &[Outcome]| {
        let steps = run.steps.iter();
        let count = steps
            .filter(|step| outcomes.contains(&step.outcome))
            .count();
        number::count(count as u64)
    };
    let age = now.saturating_sub(run.started);
    let took = match run.status.is_none() && run.running {
        true => u64::try_from(age).unwrap_or(0) * 1000,
        false => run.wall_ms,
    };
    vec![
        run.folder.id.clone(),
        run.status_name().to_owned(),
        ago(age),
        super::console::words::milliseconds(took),
        count(&[Outcome::Ran]),
        count(&[Outcome::Cached, Outcome::Shared]),
        count(&[Outcome::Failed]),
    ]
}

/// How long ago something was.
pub fn ago(seconds: i64) -> String {
    match u64::try_from(seconds) {
        Ok(seconds @ 0..60) => format!("{seconds} s ago"),
        Ok(seconds @ 60..3600) => format!("{} min ago", seconds / 60),
        Ok(seconds @ 3600..172_800) => format!("{} h ago", seconds / 3600),
        Ok(seconds) => format!("{} days ago", seconds / 86_400),
        Err(_) => "in the future".to_owned(),
    }
}

fn no_runs(root: &Path, pipeline: Option<&str>) -> String {
    let of = pipeline.map_or_else(String::new, |name| format!(" of `{name}`"));
    format!(
        "there is no run{of} yet in {}; `engine run FILE` makes one\n",
        root.display()
    )
}
