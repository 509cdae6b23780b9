//! From an instance and the artifacts that feed it to its key and what the cache holds under it.

use std::path::Path;

use cache::{Action, Cache, CacheError, Key, Lookup};

use super::Why;
use super::explain::{Previous, explain};
use super::manifest::{Manifest, ManifestFile, ManifestInput};
use super::select::{Choice, Selection};
use crate::pipeline::Pipeline;

/// Why no plan could be made.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum PlanError {
    /// A file that a step reads cannot be read.
    #[error("`{step}` reads {path}, which cannot be read")]
    #[diagnostic(help("check that the file exists and that you may read it"))]
    File {
        /// The step.
        step: String,
        /// The file.
        path: String,
        /// Why not.
        #[source]
        source: CacheError,
    },
}

/// What is known of an instance once all that feeds it is known.
#[derive(Debug)]
pub struct Resolution {
    /// Everything that its outputs depend on.
    pub manifest: Manifest,
    /// The manifest's digest.
    pub key: Key,
    /// The outputs, if all are in the cache.
    pub action: Option<Action>,
    /// The port of which a part is missing, if the cache had the outputs once.
    pub missing: Option<String>,
}

/// Resolves the instances of a pipeline against a cache.
pub struct Resolver<'a> {
    pipeline: &'a Pipeline,
    cache: &'a Cache,
}

impl<'a> Resolver<'a> {
    /// A resolver.
    pub fn new(pipeline: &'a Pipeline, cache: &'a Cache) -> Resolver<'a> {
        Resolver { pipeline, cache }
    }

    /// Resolves an instance whose producers are all `finished`.
    pub fn resolve<'b>(
        &self,
        index: usize,
        finished: &dyn Fn(usize) -> Option<&'b Action>,
    ) -> Result<Resolution, PlanError> {
        let manifest = self.manifest(index, finished)?;
        let key = manifest.key();
        let (action, missing) = match self.cache.lookup(&key) {
            Lookup::Hit(action) => (Some(action), None),
            Lookup::Miss => (None, None),
            Lookup::Missing { port, .. } => (None, Some(port)),
        };
        Ok(Resolution {
            manifest,
            key,
            action,
            missing,
        })
    }

    fn manifest<'b>(
        &self,
        index: usize,
        finished: &dyn Fn(usize) -> Option<&'b Action>,
    ) -> Result<Manifest, PlanError> {
        let instance = &self.pipeline.instances[index];
        let inputs = instance
            .links
            .iter()
            .filter_map(|link| {
                let artifact = finished(link.producer)?.output(&link.output)?;
                Some(ManifestInput {
                    port: link.port.clone(),
                    coordinates: link.coordinates.clone(),
                    digest: artifact.digest(),
                })
            })
            .collect();
        let mut files = Vec::with_capacity(instance.files.len());
        for file in &instance.files {
            let path = relative(file, &self.pipeline.root);
            let digest = self
                .cache
                .digest_path(file)
                .map_err(|source| PlanError::File {
                    step: instance.name.clone(),
                    path: path.clone(),
                    source,
                })?;
            files.push(ManifestFile { path, digest });
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let env = if instance.work.sees_env() {
            let secrets = &self.pipeline.secrets;
            let masked = |name: &String| secrets.masked(name).map(|digest| (name.clone(), digest));
            instance.env.iter().filter_map(masked).collect()
        } else {
            Vec::new()
        };
        Ok(Manifest {
            kind: instance.kind.name(),
            version: instance.kind.version,
            parameters: instance.parameters.clone(),
            seed: instance.work.seeded().then_some(instance.seed),
            inputs,
            files,
            names_files: instance.work.names_files(),
            env,
        })
    }

    /// Why an instance that was resolved will run.
    pub fn why(
        &self,
        index: usize,
        resolution: &Resolution,
        selection: &Selection,
        previous: &dyn Previous,
    ) -> Vec<Why> {
        if let Some(port) = &resolution.missing {
            return vec![Why::BlobMissing(port.clone())];
        }
        if resolution.action.is_some() && selection.choice(index) == Choice::Forced {
            return vec![Why::Forced];
        }
        let instance = &self.pipeline.instances[index];
        let (known, old) = previous.manifest(&instance.name);
        let Some(old) = old else {
            return vec![if known { Why::Forgotten } else { Why::FirstRun }];
        };
        let producers: Vec<String> = instance
            .links
            .iter()
            .map(|link| self.pipeline.instances[link.producer].name.clone())
            .collect();
        let step = &self.pipeline.steps[instance.step].name;
        let differences = explain(step, &old, &resolution.manifest, &producers);
        if differences.is_empty() {
            return vec![Why::Forgotten];
        }
        differences.into_iter().map(Why::Changed).collect()
    }
}

fn relative(path: &Path, root: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .display()
        .to_string()
}
