//! `engine init`: a project to begin with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use miette::{IntoDiagnostic, Result, WrapErr, miette};

use super::terminal::print;
use crate::survey::{pipeline_text, survey};

/// Makes the current folder a project, and writes a commented pipeline for a file of texts.
#[derive(Debug, Args)]
pub struct Init {
    /// The file: JSONL, CSV, TSV or Parquet, compressed or not, or GitHub's or Jira's issues.
    data: Option<PathBuf>,
    /// The column with the texts, where it cannot be told.
    #[arg(long, value_name = "COLUMN", requires = "data")]
    text: Option<String>,
    /// The column with the labels, where it cannot be told.
    #[arg(long, value_name = "COLUMN", requires = "data")]
    labels: Option<String>,
}

impl Init {
    /// Makes the project; never overwrites anything.
    pub fn execute(self) -> Result<ExitCode> {
        let marker = Path::new(".engine");
        fs::create_dir_all(marker)
            .into_diagnostic()
            .wrap_err("making the folder .engine")?;
        let ignored = marker.join(".gitignore");
        if !ignored.exists() {
            fs::write(&ignored, "*\n")
                .into_diagnostic()
                .wrap_err("writing .engine/.gitignore")?;
        }
        let Some(data) = self.data else {
            print(
                "This folder is a project now. Next: engine init DATA writes a pipeline for a file of texts.\n",
            )?;
            return Ok(ExitCode::SUCCESS);
        };
        let found = survey(&data, self.text.as_deref(), self.labels.as_deref())?;
        if found.labelled == 0 {
            return Err(miette!(
                help = "name the column with --labels COLUMN; without any labels there is nothing to compare with",
                "no row of {} has a label in `{}`",
                data.display(),
                found.labels
            ));
        }
        let name = pipeline_name(&data);
        let path = Path::new("pipelines").join(format!("{name}.toml"));
        if path.exists() {
            return Err(miette!(
                help = "move it away, or edit it",
                "{} exists already",
                path.display()
            ));
        }
        fs::create_dir_all("pipelines")
            .into_diagnostic()
            .wrap_err("making the folder pipelines")?;
        let text = pipeline_text(&found, &name, &data.to_string_lossy());
        fs::write(&path, text)
            .into_diagnostic()
            .wrap_err_with(|| format!("writing {}", path.display()))?;
        print(&format!(
            "{}: {} rows, {} of them with one of {} labels (column `{}`); text: {}\nWrote {}. Next: engine run {}\n",
            data.display(),
            found.rows,
            found.labelled,
            found.label_counts.len(),
            found.labels,
            found.text.join(" + "),
            path.display(),
            path.display(),
        ))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// A pipeline's name from a file's: its letters, digits, `_` and `-` up to the first dot.
fn pipeline_name(data: &Path) -> String {
    let stem = data.file_name().unwrap_or_default().to_string_lossy();
    let stem = stem.split('.').next().unwrap_or_default();
    let name: String = stem
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '_' || c == '-' {
                c
            } else {
                '_'
            }
        })
        .take(100)
        .collect();
    if name.is_empty() {
        "texts".to_owned()
    } else {
        name
    }
}
