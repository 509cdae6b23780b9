//! Options that several subcommands share: the pipeline file, its overrides, and where the cache is.

use std::path::{Path, PathBuf};

use cache::Cache;
use clap::Args;
use miette::{IntoDiagnostic, Result, WrapErr};

use crate::pipeline::{Override, Pipeline};

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
    /// Reads and checks the pipeline.
    pub fn open(&self) -> Result<Pipeline> {
        Ok(Pipeline::open(&self.file, &self.overrides)?)
    }
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
