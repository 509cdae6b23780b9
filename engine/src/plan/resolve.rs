//! From an instance and the artifacts that feed it to its key and what the cache holds under it.

use std::path::{Path, PathBuf};

use cache::{Action, Cache, CacheError, Key, Lookup};

use super::Why;
use super::explain::{Previous, explain};
use super::manifest::{Essentials, Manifest, ManifestFile};
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
    /// The digest of everything that its outputs depend on.
    pub key: Key,
    /// Everything that its outputs depend on, unless it is cached.
    pub manifest: Option<Manifest>,
    /// The outputs, if all are in the cache.
    pub action: Option<Action>,
    /// The port of which a part is missing, if the cache had the outputs once.
    pub missing: Option<String>,
}

/// What the cache has under a key.
pub(super) enum Found {
    /// The outputs.
    Cached(Action),
    /// It had the outputs once; a part of this port is missing.
    Missing(String),
    /// Nothing.
    Nothing,
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

    /// Resolves an instance whose producers are all `finished`, and which runs even if it is cached where it is `forced`.
    pub fn resolve<'b>(
        &self,
        index: usize,
        forced: bool,
        finished: &dyn Fn(usize) -> Option<&'b Action>,
    ) -> Result<Resolution, PlanError> {
        let look_up = |key: &Key| match self.cache.lookup(key) {
            Lookup::Hit(action) => Found::Cached(action),
            Lookup::Missing { port, .. } => Found::Missing(port),
            Lookup::Miss => Found::Nothing,
        };
        self.resolve_by(&look_up, index, forced, finished)
    }

    /// [`Resolver::resolve`] with a look-up of the caller's own.
    pub(super) fn resolve_by<'b>(
        &self,
        look_up: &dyn Fn(&Key) -> Found,
        index: usize,
        forced: bool,
        finished: &dyn Fn(usize) -> Option<&'b Action>,
    ) -> Result<Resolution, PlanError> {
        let essentials = self.essentials(index, finished)?;
        let key = essentials.key();
        let (action, missing) = match look_up(&key) {
            Found::Cached(action) => (Some(action), None),
            Found::Missing(port) => (None, Some(port)),
            Found::Nothing => (None, None),
        };
        let manifest = match action {
            Some(_) if !forced => None,
            _ => Some(essentials.into_manifest()),
        };
        Ok(Resolution {
            key,
            manifest,
            action,
            missing,
        })
    }

    pub(super) fn cache(&self) -> &'a Cache {
        self.cache
    }

    fn essentials<'b>(
        &self,
        index: usize,
        finished: &dyn Fn(usize) -> Option<&'b Action>,
    ) -> Result<Essentials<'a>, PlanError> {
        let instance = &self.pipeline.instances[index];
        let inputs = instance
            .links
            .iter()
            .filter_map(|link| {
                let artifact = finished(link.producer)?.output(&link.output)?;
                Some((link.port.as_str(), &link.coordinates, artifact.digest()))
            })
            .collect();
        let mut files = Vec::with_capacity(instance.files.len());
        for (path, file) in by_path(&instance.files, &self.pipeline.root) {
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
        let env = if instance.work.sees_env() {
            let secrets = &self.pipeline.secrets;
            let masked = |name: &String| secrets.masked(name).map(|digest| (name.clone(), digest));
            instance.env.iter().filter_map(masked).collect()
        } else {
            Vec::new()
        };
        Ok(Essentials {
            kind: instance.kind.name(),
            version: instance.kind.version,
            parameters: &instance.parameters,
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
        let (Some(old), Some(new)) = (old, &resolution.manifest) else {
            return vec![if known { Why::Forgotten } else { Why::FirstRun }];
        };
        let producers: Vec<String> = instance
            .links
            .iter()
            .map(|link| self.pipeline.instances[link.producer].name.clone())
            .collect();
        let step = &self.pipeline.steps[instance.step].name;
        let differences = explain(step, &old, new, &producers);
        if differences.is_empty() {
            return vec![Why::Forgotten];
        }
        differences.into_iter().map(Why::Changed).collect()
    }
}

/// Files with their paths relative to the project's root, in the order of these paths.
pub(super) fn by_path<'a>(
    files: &'a [PathBuf],
    root: &Path,
) -> impl Iterator<Item = (String, &'a PathBuf)> {
    let mut sorted: Vec<(String, &PathBuf)> = files
        .iter()
        .map(|file| (relative(file, root), file))
        .collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    sorted.into_iter()
}

fn relative(path: &Path, root: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .display()
        .to_string()
}
