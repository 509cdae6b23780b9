//! A plan that found everything cached, remembered so that the next one need not be made: of 10,000 steps, reading,
//! checking and hashing the file takes 370 million instructions, and asking the cache for the results 50 million.
//!
//! It stands for the same plan as long as everything that a plan is made of is the same: the engine, the file's text and
//! place, the command line, the environment variables that the file lists, and the files that its steps read, which are
//! looked for anew. Then the cache is asked for every key, and must give outputs of the same content, all of them there.
//! Whatever differs, the plan is made as if nothing had been remembered.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use cache::canonical::Hasher;
use cache::{Action, Cache, Digest, Key};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::resolve::by_path;
use super::{Manifest, Plan};
use crate::pipeline::secrets::Secrets;
use crate::pipeline::{Override, Pipeline, project_root};
use crate::steps::kinds;

/// Fewer instances are planned in no time.
const MANY: usize = 256;
/// Keys that one thread looks up at a time.
const CHUNK: usize = 256;
/// Remembered plans that a project keeps.
const MOST_KEPT: usize = 32;

/// What a plan is asked for.
pub struct Request {
    root: PathBuf,
    /// Where the answer is kept.
    path: PathBuf,
    text: Digest,
    engine: Digest,
}

/// A table that belongs at the end of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// What stands above it.
    pub title: String,
    /// The key of the instance that made it.
    pub key: Key,
    /// The port.
    pub port: String,
}

#[derive(Serialize, Deserialize)]
struct Header {
    text: Digest,
    engine: Digest,
    pipeline: String,
    /// Environment variables and what stands for their values in keys.
    env: Vec<(String, Option<String>)>,
    readers: Vec<Reader>,
    plan: Digest,
    /// What the outputs of all instances hold.
    contents: Digest,
    shown: Vec<Shown>,
}

/// An instance that reads files outside the pipeline.
#[derive(Serialize, Deserialize)]
struct Reader {
    kind: String,
    parameters: Json,
    /// What it reads, as it says itself.
    files: Vec<PathBuf>,
    /// The content of each, in the order of the files' paths.
    contents: Vec<Digest>,
}

/// A plan that was remembered.
pub struct Remembered {
    header: Header,
    keys: Vec<Key>,
}

impl Request {
    /// The project's root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The request for a plan of all of `file`, or of `targets`, with the cache in `cache`. `None` where the file cannot
    /// be read, which is for others to say.
    pub fn new(
        file: &Path,
        overrides: &[Override],
        targets: &[String],
        cache: &Path,
    ) -> Option<Request> {
        let root = project_root(file);
        let mut place = Hasher::new("plan request");
        for path in [file, cache] {
            place.bytes(
                std::path::absolute(path)
                    .ok()?
                    .as_os_str()
                    .as_encoded_bytes(),
            );
        }
        place.list(overrides.len());
        for set in overrides {
            place.str(&set.name).str(&set.value);
        }
        place.list(targets.len());
        for target in targets {
            place.str(target);
        }
        let path = folder(&root).join(format!("{:.32}", place.finish()));
        Some(Request {
            text: Digest::of(&std::fs::read(file).ok()?),
            engine: engine()?,
            root,
            path,
        })
    }

    /// What was remembered, if the engine, the file and the environment are as they were.
    pub fn recall(&self) -> Option<Remembered> {
        let found = decode(&std::fs::read(&self.path).ok()?)?;
        let header = &found.header;
        let names = header.env.iter().map(|(name, _)| name.as_str());
        let secrets = Secrets::from_env(names);
        let same_env = header
            .env
            .iter()
            .all(|(name, masked)| secrets.masked(name) == *masked);
        (header.text == self.text && header.engine == self.engine && same_env).then_some(found)
    }

    /// Remembers a plan of which everything is cached, if it is worth it. What cannot be remembered is planned again.
    pub fn remember(&self, pipeline: &Pipeline, plan: &Plan, shown: Vec<Shown>) {
        if pipeline.instances.len() < MANY || !plan.is_done() {
            return;
        }
        let written = self
            .header(pipeline, plan, shown)
            .map(|header| self.write(&header, plan));
        if let Some(Err(error)) = written {
            tracing::debug!("remembering the plan in {}: {error}", self.path.display());
        }
    }

    fn header(&self, pipeline: &Pipeline, plan: &Plan, shown: Vec<Shown>) -> Option<Header> {
        let mut env: Vec<(String, Option<String>)> = Vec::new();
        let mut readers = Vec::new();
        for (instance, planned) in pipeline.instances.iter().zip(&plan.instances) {
            for name in &instance.env {
                if env.iter().all(|(known, _)| known != name) {
                    env.push((name.clone(), pipeline.secrets.masked(name)));
                }
            }
            let (false, Some(action)) = (instance.files.is_empty(), planned.action()) else {
                continue;
            };
            // Where a variable may stand in a file's name, its parameters are not all there is to know.
            if !instance.env.is_empty() {
                return None;
            }
            // Not the content of now: it may have changed since the plan was made.
            let manifest = Manifest::from_text(&action.manifest)?;
            readers.push(Reader {
                kind: instance.kind.name().into_owned(),
                parameters: instance.parameters.to_json(),
                files: instance.files.clone(),
                contents: manifest.files.iter().map(|file| file.digest).collect(),
            });
        }
        let actions: Vec<&Action> = plan.actions().into_iter().flatten().collect();
        let contents = actions
            .chunks(CHUNK)
            .map(|chunk| contents_of(chunk.iter().copied()));
        Some(Header {
            text: self.text,
            engine: self.engine,
            pipeline: pipeline.name.clone(),
            env,
            readers,
            plan: plan.digest()?,
            contents: contents_together(contents),
            shown,
        })
    }

    fn write(&self, header: &Header, plan: &Plan) -> io::Result<()> {
        let header = serde_json::to_vec(header)?;
        let length = u32::try_from(header.len()).map_err(io::Error::other)?;
        let mut rest = length.to_le_bytes().to_vec();
        rest.extend_from_slice(&header);
        for action in plan.actions().into_iter().flatten() {
            rest.extend_from_slice(action.key.0.as_bytes());
        }
        let folder = folder(&self.root);
        std::fs::create_dir_all(&folder)?;
        let unfinished = folder.join(format!("new-{}", std::process::id()));
        std::fs::write(
            &unfinished,
            [Digest::of(&rest).as_bytes(), &rest[..]].concat(),
        )?;
        std::fs::rename(&unfinished, &self.path)?;
        forget_the_oldest(&folder)
    }
}

impl Remembered {
    /// The pipeline's name.
    pub fn pipeline(&self) -> &str {
        &self.header.pipeline
    }

    /// The digest of the plan.
    pub fn digest(&self) -> Digest {
        self.header.plan
    }

    /// How many instances are cached.
    pub fn cached(&self) -> usize {
        self.keys.len()
    }

    /// The tables that belong at the end of a run.
    pub fn shown(&self) -> &[Shown] {
        &self.header.shown
    }

    /// Whether the files of `request`'s project and the cache are as they were when the plan was made.
    pub fn still_holds(&self, request: &Request, cache: &Cache) -> bool {
        let read_the_same = |reader: &Reader| reader.reads_the_same(&request.root, cache);
        if !self.header.readers.iter().all(read_the_same) {
            return false;
        }
        let contents: Option<Vec<Digest>> = self
            .keys
            .par_chunks(CHUNK)
            .map(|keys| {
                let actions: Option<Vec<Action>> =
                    keys.iter().map(|key| cache.lookup(key).hit()).collect();
                Some(contents_of(actions?.iter()))
            })
            .collect();
        contents.map(|contents| contents_together(contents.into_iter()))
            == Some(self.header.contents)
    }
}

impl Reader {
    fn reads_the_same(&self, root: &Path, cache: &Cache) -> bool {
        let Some(kind) = kinds().iter().find(|kind| kind.name() == self.kind) else {
            return false;
        };
        let Ok(built) = kind.build(self.parameters.clone()) else {
            return false;
        };
        let Ok(files) = built.step.files(root) else {
            return false;
        };
        let contents = by_path(&files, root).map(|(_, file)| cache.digest_path(file).ok());
        files == self.files && contents.eq(self.contents.iter().map(|digest| Some(*digest)))
    }
}

/// A digest of what came out of some actions.
fn contents_of<'a>(actions: impl Iterator<Item = &'a Action>) -> Digest {
    let mut hasher = Hasher::new("outputs");
    for action in actions {
        hasher.digest(&action.key.0).list(action.outputs.len());
        for output in &action.outputs {
            hasher.str(&output.port).digest(&output.artifact.digest());
        }
    }
    hasher.finish()
}

fn contents_together(chunks: impl Iterator<Item = Digest>) -> Digest {
    let mut hasher = Hasher::new("outputs of all");
    chunks.for_each(|chunk| {
        hasher.digest(&chunk);
    });
    hasher.finish()
}

fn decode(bytes: &[u8]) -> Option<Remembered> {
    let (digest, rest) = bytes.split_first_chunk()?;
    if Digest(*digest) != Digest::of(rest) {
        return None;
    }
    let (length, rest) = rest.split_first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (header, keys) = rest.split_at_checked(length)?;
    let (keys, []) = keys.as_chunks() else {
        return None;
    };
    Some(Remembered {
        header: serde_json::from_slice(header).ok()?,
        keys: keys.iter().map(|key| Key(Digest(*key))).collect(),
    })
}

/// What tells one build of the engine from another.
fn engine() -> Option<Digest> {
    let file = std::env::current_exe().ok()?.metadata().ok()?;
    let changed = file.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    let mut hasher = Hasher::new("engine");
    hasher
        .str(env!("CARGO_PKG_VERSION"))
        .u64(file.len())
        .u64(changed.as_secs())
        .u64(u64::from(changed.subsec_nanos()));
    Some(hasher.finish())
}

fn folder(root: &Path) -> PathBuf {
    root.join(".engine").join("plans")
}

fn forget_the_oldest(folder: &Path) -> io::Result<()> {
    let mut kept: Vec<(SystemTime, PathBuf)> = std::fs::read_dir(folder)?
        .flatten()
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    kept.sort();
    let surplus = kept.len().saturating_sub(MOST_KEPT);
    kept[..surplus]
        .iter()
        .try_for_each(|(_, path)| std::fs::remove_file(path))
}
