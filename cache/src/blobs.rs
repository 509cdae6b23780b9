//! All blobs that lie in the store.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::disk::entries;
use crate::{Blob, Cache, CacheError, Digest};

/// A file in `blobs/` whose name is a digest.
#[derive(Debug)]
pub(crate) struct Stored {
    /// Its name and its size.
    pub(crate) blob: Blob,
    pub(crate) path: PathBuf,
    /// Its modification time: when it was last used.
    pub(crate) used: u64,
}

/// What lies in `blobs/`.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    pub(crate) blobs: Vec<Stored>,
    /// Paths that no blob can have.
    pub(crate) strangers: Vec<PathBuf>,
}

/// Number and size of what is in a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Actions, each counted once.
    pub actions: u64,
    /// Blobs, whether an action refers to them or not.
    pub blobs: u64,
    /// Bytes in all blobs.
    pub bytes: u64,
}

impl Cache {
    /// Counts what is in the store.
    ///
    /// # Errors
    /// [`CacheError::Io`].
    pub fn stats(&self) -> Result<Stats, CacheError> {
        let inventory = self.inventory()?;
        Ok(Stats {
            actions: self.log().len() as u64,
            blobs: inventory.blobs.len() as u64,
            bytes: inventory.blobs.iter().map(|stored| stored.blob.size).sum(),
        })
    }

    pub(crate) fn inventory(&self) -> Result<Inventory, CacheError> {
        let mut inventory = Inventory::default();
        for shard in entries(&self.blobs_dir())? {
            if !shard.path().is_dir() {
                inventory.strangers.push(shard.path());
                continue;
            }
            for entry in entries(&shard.path())? {
                let path = entry.path();
                let digest = shard
                    .file_name()
                    .to_str()
                    .zip(entry.file_name().to_str())
                    .and_then(digest_of);
                let meta = match fs::symlink_metadata(&path) {
                    Ok(meta) => meta,
                    // Another process collects garbage.
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(CacheError::io("look at", &path)(error)),
                };
                match digest.filter(|_| meta.is_file()) {
                    Some(digest) => inventory.blobs.push(Stored {
                        blob: Blob {
                            digest,
                            size: meta.len(),
                        },
                        path,
                        used: u64::try_from(meta.mtime()).unwrap_or(0),
                    }),
                    None => inventory.strangers.push(path),
                }
            }
        }
        Ok(inventory)
    }
}

fn digest_of((shard, rest): (&str, &str)) -> Option<Digest> {
    let text = format!("{shard}{rest}");
    let digest: Digest = text.parse().ok()?;
    // Only one spelling is looked for.
    (shard.len() == 2 && digest.to_string() == text).then_some(digest)
}
