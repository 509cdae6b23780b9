//! `engine report`: where the report of a run is.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use miette::{Result, miette};

use super::terminal::print;
use super::workplace::{ProjectArguments, shown};
use crate::run::History;

/// Prints the path of a run's report: the newest run's, unless another is named.
#[derive(Debug, Args)]
pub struct Report {
    /// A pipeline file (its newest run), or a run: an id, a unique beginning of one, `latest~1`.
    run: Option<String>,
    #[command(flatten)]
    project: ProjectArguments,
}

impl Report {
    /// Prints the path.
    pub fn execute(self) -> Result<ExitCode> {
        let is_file = |name: &&str| Path::new(name).is_file() || name.ends_with(".toml");
        let file = self.run.as_deref().filter(is_file);
        let scope = self.project.scope(file)?;
        let history = History::of_project(&scope.root);
        let name = match (file, &self.run) {
            (None, Some(name)) => name.as_str(),
            _ => "latest",
        };
        let folder = history.folder(&history.find(name, scope.pipeline.as_deref())?);
        let report = folder.report();
        if !report.exists() {
            return Err(miette!(
                help = "a run that was killed leaves none; run it again",
                "the run {} left no report",
                folder.id
            ));
        }
        print(&format!("{}\n", shown(&report)))?;
        Ok(ExitCode::SUCCESS)
    }
}
