#![allow(missing_docs, unused_variables, clippy::unimplemented)]
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::*;

#[derive(Debug)]
pub struct Cache;
#[derive(Debug)]
pub struct Staging;
#[derive(Debug)]
pub struct KeyLock;

#[derive(Debug)]
pub enum Lookup {
    Hit(Action),
    Miss,
    Missing {
        action: Action,
        port: String,
        why: Absence,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Absence {
    /// No file.
    Gone { path: PathBuf },
    /// A file of another size.
    Size {
        path: PathBuf,
        expected: u64,
        found: u64,
    },
}

impl Staging {
    pub fn path(&self) -> &Path {
        unimplemented!()
    }
}
impl KeyLock {
    /// Whether somebody else held it when it was asked for.
    pub fn waited(&self) -> bool {
        unimplemented!()
    }
}

impl Cache {
    pub fn open(root: &Path) -> Result<Cache, CacheError> {
        unimplemented!()
    }
    pub fn open_read_only(root: &Path) -> Result<Cache, CacheError> {
        unimplemented!()
    }
    pub fn root(&self) -> &Path {
        unimplemented!()
    }
    pub fn is_read_only(&self) -> bool {
        unimplemented!()
    }
    pub fn stage(&self) -> Result<Staging, CacheError> {
        unimplemented!()
    }
    pub fn lookup(&self, key: &Key) -> Lookup {
        unimplemented!()
    }
    pub fn refresh(&self) -> Result<(), CacheError> {
        unimplemented!()
    }
    pub fn publish(
        &self,
        key: Key,
        outputs: Vec<(String, PathBuf)>,
        manifest: String,
        provenance: String,
    ) -> Result<Action, CacheError> {
        unimplemented!()
    }
    pub fn forget(&self, key: &Key) -> Result<(), CacheError> {
        unimplemented!()
    }
    /// Rehashes the artifact's blobs and moves corrupt ones away; returns those.
    pub fn quarantine(&self, artifact: &Artifact) -> Result<Vec<Blob>, CacheError> {
        unimplemented!()
    }
    pub fn lock(&self, key: &Key, cancelled: &dyn Fn() -> bool) -> Result<KeyLock, CacheError> {
        unimplemented!()
    }
    pub fn try_lock(&self, key: &Key) -> Result<Option<KeyLock>, CacheError> {
        unimplemented!()
    }
    pub fn blob_path(&self, blob: &Blob) -> PathBuf {
        unimplemented!()
    }
    /// A file's blob, or the view of a folder: a path that other tools can read.
    pub fn artifact_path(&self, artifact: &Artifact) -> Result<PathBuf, CacheError> {
        unimplemented!()
    }
    pub fn materialize(&self, artifact: &Artifact, to: &Path) -> Result<(), CacheError> {
        unimplemented!()
    }
    pub fn digest_file(&self, path: &Path) -> Result<Digest, CacheError> {
        unimplemented!()
    }
    pub fn digest_path(&self, path: &Path) -> Result<Digest, CacheError> {
        unimplemented!()
    }
    pub fn verify(
        &self,
        progress: &(dyn Fn(VerifyProgress) + Sync),
    ) -> Result<VerifyReport, CacheError> {
        unimplemented!()
    }
    pub fn gc(&self, options: &GcOptions) -> Result<GcReport, CacheError> {
        unimplemented!()
    }
    pub fn stats(&self) -> Result<Stats, CacheError> {
        unimplemented!()
    }
    /// All actions, oldest first.
    pub fn actions(&self) -> Vec<Action> {
        unimplemented!()
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub struct VerifyProgress {
    pub done: u64,
    pub total: u64,
}
#[derive(Clone, Debug, Default)]
pub struct VerifyReport {
    pub blobs: u64,
    pub bytes: u64,
    pub actions: u64,
    pub corrupt: Vec<CorruptBlob>,
    pub missing: Vec<MissingBlob>,
    /// Records whose checksum is wrong.
    pub damaged_records: u64,
    pub strangers: Vec<PathBuf>,
}
impl VerifyReport {
    pub fn is_clean(&self) -> bool {
        unimplemented!()
    }
}
#[derive(Clone, Debug)]
pub struct CorruptBlob {
    pub digest: Digest,
    pub moved_to: Option<PathBuf>,
}
#[derive(Clone, Debug)]
pub struct MissingBlob {
    pub key: Key,
    pub port: String,
    pub why: Absence,
}
#[derive(Clone, Debug, Default)]
pub struct GcOptions {
    pub max_bytes: Option<u64>,
    pub max_age: Option<Duration>,
    pub grace: Duration,
    pub pinned: HashSet<Key>,
    pub dry_run: bool,
}
#[derive(Clone, Debug, Default)]
pub struct GcReport {
    pub actions_removed: Vec<Key>,
    pub actions_kept: u64,
    pub blobs_removed: u64,
    pub bytes_removed: u64,
    pub blobs_kept: u64,
    pub bytes_kept: u64,
}
#[derive(Clone, Copy, Debug, Default)]
pub struct Stats {
    pub actions: u64,
    pub blobs: u64,
    pub bytes: u64,
}
