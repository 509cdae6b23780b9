//! `engine init`: a project to begin with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use miette::{IntoDiagnostic, Result, WrapErr, miette};

use super::terminal::{print, say};
use crate::pipeline::project_root;
use crate::report::number::count;
use crate::starter::{Case, Plan, findings, pipeline_text, reasons};
use crate::survey::{Survey, Told, survey};

/// Makes the current folder a project, looks at a file of texts, and writes the commented pipeline that it calls for.
///
/// No labels: zero-shot and filled gaps. Few labels and much text without: domain adaptation, UDA and UST. Few labels and nothing else:
/// look-up, SetFit, prompts and augmentation. Many labels: fine-tuning. Baselines always. Nothing is fetched before the pipeline runs.
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
    /// Labels that texts may get, where no row carries any: --candidates bug,question.
    #[arg(
        long,
        value_name = "LABEL,...",
        value_delimiter = ',',
        requires = "data"
    )]
    candidates: Vec<String>,
    /// Which case the pipeline is for. Default: what the file is.
    #[arg(long, value_enum, requires = "data")]
    case: Option<Case>,
    /// The model to begin with: a name of the hub, or a folder. Default: a small one that fits the case.
    #[arg(long, value_name = "MODEL", requires = "data")]
    model: Option<String>,
    /// The pipeline's file, or - for the standard output. Default: pipelines/NAME.toml, by the name of the data.
    #[arg(long, short, value_name = "FILE", requires = "data")]
    output: Option<PathBuf>,
}

impl Init {
    /// Makes the project; never overwrites anything.
    pub fn execute(self) -> Result<ExitCode> {
        let Some(data) = &self.data else {
            make_project()?;
            print(
                "This folder is a project now. Next: engine init DATA writes a pipeline for a file of texts.\n",
            )?;
            return Ok(ExitCode::SUCCESS);
        };
        let told = Told {
            text: self.text.as_deref(),
            labels: self.labels.as_deref(),
            no_labels: self.case == Some(Case::NoLabels),
        };
        let found = survey(data, told)?;
        let case = self.checked_case(&found)?;
        let to_stdout = self.output.as_deref() == Some(Path::new("-"));
        let path = match &self.output {
            Some(output) if !to_stdout => output.clone(),
            _ => Path::new("pipelines").join(format!("{}.toml", name_of(data))),
        };
        if !to_stdout && path.exists() {
            return Err(miette!(
                help = "move it away, edit it, or name another by --output FILE",
                "{} exists already",
                path.display()
            ));
        }
        if !to_stdout {
            make_project()?;
        }
        let name = name_of(&path);
        let file = path.display().to_string();
        let source = source_for(data, &path);
        let text = pipeline_text(&Plan {
            survey: &found,
            case,
            name: &name,
            source: &source,
            file: &file,
            model: self.model.as_deref(),
            candidates: &self.candidates,
        });
        if to_stdout {
            say(&told_of(&found, case, data));
            print(&text)?;
            return Ok(ExitCode::SUCCESS);
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)
                .into_diagnostic()
                .wrap_err_with(|| format!("making the folder {}", folder.display()))?;
        }
        fs::write(&path, text)
            .into_diagnostic()
            .wrap_err_with(|| format!("writing {file}"))?;
        let mut said = told_of(&found, case, data);
        if case == Case::NoLabels && self.candidates.is_empty() {
            said.push_str(&format!(
                "The labels in {file} are examples: write yours under [vars], or run engine init with --candidates A,B,C.\n"
            ));
        }
        said.push_str(&format!("Wrote {file}. Next: engine run {file}\n"));
        print(&said)?;
        Ok(ExitCode::SUCCESS)
    }

    /// The case, which the user may know better, as far as the file allows.
    fn checked_case(&self, found: &Survey) -> Result<Case> {
        let case = self.case.unwrap_or_else(|| Case::of(found));
        if case != Case::NoLabels && found.labels.is_none() {
            return Err(miette!(
                help = "name the column of labels by --labels COLUMN, or leave --case out",
                "this case needs labels, and no row has one"
            ));
        }
        if case == Case::UnlabelledText && found.unlabelled() == 0 {
            return Err(miette!(
                help = "take --case few-labels, or add rows whose labels are empty",
                "this case needs rows without labels, and every row has one"
            ));
        }
        if case != Case::NoLabels && !self.candidates.is_empty() {
            return Err(miette!(
                help = "leave --candidates out, or take --case no-labels to look at the texts without them",
                "--candidates names labels for texts that have none, and {} rows have one",
                count(found.labelled() as u64)
            ));
        }
        Ok(case)
    }
}

/// The folder that marks the current one as a project.
fn make_project() -> Result<()> {
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
    Ok(())
}

/// What was found, and why it leads to these methods.
fn told_of(found: &Survey, case: Case, data: &Path) -> String {
    let labels = match &found.labels {
        None => "none of them with a label".to_owned(),
        Some(labels) => format!(
            "{} of them with one of {} labels (column `{}`)",
            count(labels.labelled as u64),
            count(labels.counts.len() as u64),
            labels.column
        ),
    };
    let mut said = format!(
        "{}: {} rows, {labels}\n",
        data.display(),
        count(found.rows as u64)
    );
    for finding in findings(found) {
        said.push_str(&format!("  {finding}\n"));
    }
    said.push_str(&reasons(found, case));
    said.push('\n');
    said
}

/// The path of the data as the pipeline reads it: relative to its project, where it lies there.
fn source_for(data: &Path, pipeline: &Path) -> String {
    let Ok(absolute) = std::path::absolute(data) else {
        return data.to_string_lossy().into_owned();
    };
    let inside = absolute.strip_prefix(project_root(pipeline)).ok();
    let path = inside.unwrap_or(&absolute);
    path.to_string_lossy().into_owned()
}

/// A pipeline's name from a file's: its letters, digits, `_` and `-` up to the first dot.
fn name_of(data: &Path) -> String {
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
