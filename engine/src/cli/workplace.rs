//! Options that several subcommands share: the pipeline file, its overrides, and where the cache is.

use std::path::{Path, PathBuf};

use cache::Cache;
use clap::Args;
use miette::{IntoDiagnostic, Result, WrapErr};

use crate::pipeline::{Override, Pipeline, project_around, project_root};
use crate::plan::Selection;
use crate::plan::remembered::Request;

/// A pipeline file and what is set in it.
#[derive(Debug, Args)]
pub struct PipelineArguments {
    /// The pipeline file.
    file: PathBuf,
    /// Sets a variable for this call: vars.NAME=VALUE, or pipeline.seed=N. May be given several times.
    #[arg(long = "set", value_name = "vars.NAME=VALUE")]
    overrides: Vec<Override>,
}

impl PipelineArguments {
    /// What a plan of all of it, or of `targets`, is asked for, with the cache of `cache`.
    pub fn request(&self, targets: &[String], cache: &CacheArguments) -> Option<Request> {
        let folder = cache.folder(&project_root(&self.file));
        Request::new(&self.file, &self.overrides, targets, &folder)
    }

    /// Reads and checks the pipeline.
    pub fn open(&self) -> Result<Pipeline> {
        Ok(Pipeline::open(&self.file, &self.overrides)?)
    }
}

/// Which steps a command is about, and which run even if they are cached.
#[derive(Debug, Args)]
pub struct SelectionArguments {
    /// Runs only this step and what it needs. May be given several times.
    #[arg(long = "target", value_name = "STEP")]
    targets: Vec<String>,
    /// Runs this step and all that depends on it, cached or not.
    #[arg(long, value_name = "STEP")]
    from: Vec<String>,
    /// Runs this step, cached or not.
    #[arg(long, value_name = "STEP")]
    force: Vec<String>,
}

impl SelectionArguments {
    /// The targets, unless something is forced.
    pub fn unforced_targets(&self) -> Option<&[String]> {
        (self.from.is_empty() && self.force.is_empty()).then_some(&self.targets)
    }

    /// What is selected of a pipeline.
    pub fn of(&self, pipeline: &Pipeline) -> Result<Selection> {
        Ok(Selection::new(
            pipeline,
            &self.targets,
            &self.from,
            &self.force,
        )?)
    }
}

/// Reads a pipeline and opens its project's cache unless that is `opened` already, both at the same time where there is
/// a cache.
///
/// # Errors
/// What is wrong with the pipeline, else with the cache.
pub fn open(
    pipeline: &PipelineArguments,
    cache: &CacheArguments,
    opened: Option<Cache>,
) -> Result<(Pipeline, Cache)> {
    if let Some(cache) = opened {
        return Ok((pipeline.open()?, cache));
    }
    let root = project_root(&pipeline.file);
    if !cache.folder(&root).join("VERSION").exists() {
        let pipeline = pipeline.open()?;
        let cache = cache.open(&pipeline.root)?;
        return Ok((pipeline, cache));
    }
    std::thread::scope(|scope| {
        let opening = scope.spawn(|| cache.open(&root));
        let pipeline = pipeline.open()?;
        let cache = match opening.join() {
            Ok(opened) => opened?,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        Ok((pipeline, cache))
    })
}

/// Where the cache is.
#[derive(Debug, Args)]
pub struct CacheArguments {
    /// The cache. Default: `.engine/cache` in the project's root.
    #[arg(long, env = "ENGINE_CACHE", value_name = "FOLDER")]
    cache: Option<PathBuf>,
}

impl CacheArguments {
    /// The cache's folder, for a project.
    pub fn folder(&self, root: &Path) -> PathBuf {
        self.cache
            .clone()
            .unwrap_or_else(|| root.join(".engine").join("cache"))
    }

    /// Opens the cache of a project, making it if need be.
    pub fn open(&self, root: &Path) -> Result<Cache> {
        let folder = self.folder(root);
        Cache::open(&folder)
            .into_diagnostic()
            .wrap_err_with(|| format!("opening the cache {}", folder.display()))
    }
}

/// Which project a command is about that is not told a pipeline file.
#[derive(Debug, Args)]
pub struct ProjectArguments {
    /// The project's folder. Default: the nearest one above the current folder that holds `.engine` or `.git`.
    #[arg(long, value_name = "FOLDER")]
    project: Option<PathBuf>,
}

/// A project, and one of its pipelines if the user named one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The project's root.
    pub root: PathBuf,
    /// The pipeline's name.
    pub pipeline: Option<String>,
}

impl ProjectArguments {
    /// The project's root.
    pub fn root(&self) -> PathBuf {
        project_around(self.project.as_deref().unwrap_or(Path::new(".")))
    }

    /// The project, and the pipeline that `written` means: a file, or a name.
    pub fn scope(&self, written: Option<&str>) -> Result<Scope> {
        let Some(written) = written else {
            return Ok(Scope {
                root: self.root(),
                pipeline: None,
            });
        };
        let file = Path::new(written);
        if file.is_file() || written.ends_with(".toml") {
            let pipeline = Pipeline::open(file, &[])?;
            return Ok(Scope {
                root: pipeline.root,
                pipeline: Some(pipeline.name),
            });
        }
        Ok(Scope {
            root: self.root(),
            pipeline: Some(written.to_owned()),
        })
    }
}

/// A path as the user would type it: relative to the current folder where it is below that.
pub fn shown(path: &Path) -> String {
    let current = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&current)
        .unwrap_or(path)
        .display()
        .to_string()
}
