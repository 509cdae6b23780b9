//! Outputs of pipelines as they are named on the command line, found in the cache.

use std::path::{Path, PathBuf};

use cache::{Artifact, Cache};
use miette::{IntoDiagnostic, Result, WrapErr, miette};

use super::plan::words;
use super::workplace::{CacheArguments, shown};
use crate::pipeline::{Override, Pipeline};
use crate::plan::{Plan, Planned, Resolver, Selection};
use crate::results::output::OutputName;
use crate::run::History;
use crate::steps::PortType;

/// What stands between a pipeline's file and an output of it.
const BEFORE_OUTPUT: &str = ".toml:";

/// The plan of what an output needs, and the output, which must be in the cache.
///
/// # Errors
/// Where it is not computed as the file has it now.
pub fn cached(
    pipeline: &Pipeline,
    cache: &Cache,
    output: &OutputName<'_>,
) -> Result<(Plan, Artifact)> {
    let name = &output.instance.name;
    let history = History::of_project(&pipeline.root);
    let selection = Selection::new(pipeline, std::slice::from_ref(name), &[], &[])?;
    let plan = Plan::make(
        pipeline,
        &Resolver::new(pipeline, cache),
        &selection,
        &history.previous(&pipeline.name, cache),
    )?;
    let planned = &plan.instances[output.index];
    if let Planned::Cached(action) = planned
        && let Some(artifact) = action.output(&output.port.name)
    {
        let artifact = artifact.clone();
        return Ok((plan, artifact));
    }
    Err(miette!(
        help = format!(
            "compute it: engine run {} --target '{name}'",
            shown(&pipeline.path)
        ),
        "`{name}` is not computed as the file has it now ({})",
        words(planned)
    ))
}

/// A file or folder that was named on the command line.
pub struct Named {
    /// Where it is.
    pub path: PathBuf,
    /// The pipeline that it is an output of, if it was named as one.
    pub origin: Option<Origin>,
}

/// The pipeline that something is an output of.
pub struct Origin {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// What the cache holds of it, as far as the output needs it.
    pub plan: Plan,
    /// The instance that made it, an index in [`Pipeline::instances`].
    pub index: usize,
    /// The cache.
    pub cache: Cache,
}

impl Named {
    /// What `written` means: a path, or `PIPELINE.toml:STEP`, `PIPELINE.toml:STEP[n=8].PORT`, which must be of the given type. Without a
    /// port, the step's first one of that type is meant.
    ///
    /// # Errors
    /// Where there is no such thing, or it is not computed.
    pub fn find(
        written: &str,
        wanted: PortType,
        overrides: &[Override],
        cache: &CacheArguments,
    ) -> Result<Named> {
        let Some(at) = written
            .find(BEFORE_OUTPUT)
            .filter(|_| !Path::new(written).exists())
        else {
            return Named::of_path(written, wanted);
        };
        let (file, name) = written.split_at(at + BEFORE_OUTPUT.len());
        let pipeline = Pipeline::open(Path::new(file.trim_end_matches(':')), overrides)?;
        let cache = cache.open(&pipeline.root)?;
        let mut output = OutputName::find(&pipeline, name)?;
        let ports = &output.instance.output_ports;
        if output.is_first
            && let Some(port) = ports.iter().find(|port| port.port_type == wanted)
        {
            output.port = port;
        }
        if output.port.port_type != wanted {
            return Err(miette!(
                help = format!("name an output of type {}", wanted.name()),
                "`{}` of `{}` is of type {}, and {} is needed here",
                output.port.name,
                output.instance.name,
                output.port.port_type.name(),
                wanted.name()
            ));
        }
        let index = output.index;
        let (plan, artifact) = cached(&pipeline, &cache, &output)?;
        let path = intact(&cache, &artifact, &output.instance.name)?;
        Ok(Named {
            path,
            origin: Some(Origin {
                pipeline,
                plan,
                index,
                cache,
            }),
        })
    }

    fn of_path(written: &str, wanted: PortType) -> Result<Named> {
        let path = PathBuf::from(written);
        if !path.exists() {
            return Err(miette!(
                help = format!(
                    "name a path, or a {} of a pipeline: PIPELINE.toml:STEP, in quotes where it has coordinates",
                    wanted.name()
                ),
                "there is no {written}"
            ));
        }
        Ok(Named { path, origin: None })
    }
}

impl Origin {
    /// The output `port` of the instance `index`, if it is in the cache.
    pub fn output(&self, index: usize, port: &str) -> Result<Option<PathBuf>> {
        let action = self.plan.instances[index].action();
        let artifact = action.and_then(|action| action.output(port));
        let name = &self.pipeline.instances[index].name;
        artifact
            .map(|artifact| intact(&self.cache, artifact, name))
            .transpose()
    }
}

/// The path of an output whose content is what was once computed.
fn intact(cache: &Cache, artifact: &Artifact, name: &str) -> Result<PathBuf> {
    let damaged = cache
        .quarantine(artifact)
        .into_diagnostic()
        .wrap_err_with(|| format!("checking the output of `{name}`"))?;
    if !damaged.is_empty() {
        return Err(miette!(
            help = "run the pipeline again, which computes it anew",
            "the output of `{name}` was damaged in the cache"
        ));
    }
    cache.artifact_path(artifact).into_diagnostic()
}
