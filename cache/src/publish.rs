//! Making outputs durable, then visible.
//!
//! Large blobs: sync the file, rename it into `blobs/`, sync the folder; then the record. Small ones go with the
//! record (see [`crate::inline`]). The record itself is committed together with others (see `commit.rs`).

use std::collections::HashSet;
use std::fs::{self, File, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::disk::{hash, now};
use crate::folder::{Links, files, look_at, not_a_file};
use crate::frame::{Frame, kind};
use crate::lock::StoreLock;
use crate::{Action, Artifact, Blob, Cache, CacheError, Digest, Key, Output, inline, record};

/// An output's file, hashed but not yet in the store.
struct Source {
    path: PathBuf,
    blob: Blob,
    /// The bytes, if they go into the record.
    inline: Option<Vec<u8>>,
}

/// An action whose outputs are in the store and whose record is not: nobody sees it yet.
///
/// It keeps garbage collection out until it is dropped or published by [`Cache::publish_all`].
#[derive(Debug)]
pub struct Publication {
    action: Action,
    records: Vec<u8>,
    /// Folders whose names must be durable before the record is.
    dirs: Vec<PathBuf>,
    _shared: StoreLock,
}

impl Cache {
    /// Puts an action into the store: its outputs first, its record when all of them are durable.
    ///
    /// Each output is a port's name and a regular file or a folder of such. What lies in a [`Staging`] folder is
    /// moved, everything else is copied. Nobody may still be writing to it. On return the action is durable and
    /// every process finds it; after an error, or a kill at any moment, it is not there, though outputs may have been
    /// moved already.
    ///
    /// [`Staging`]: crate::Staging
    ///
    /// # Errors
    /// [`CacheError::ReadOnly`]; [`CacheError::NotAFile`] and [`CacheError::Name`] for an output that can't be
    /// kept; [`CacheError::TwoOutputs`]; [`CacheError::TooLong`]; [`CacheError::Io`], as for a full disk.
    pub fn publish(
        &self,
        key: Key,
        outputs: Vec<(String, PathBuf)>,
        manifest: String,
        provenance: String,
    ) -> Result<Action, CacheError> {
        let publication = self.prepare(key, outputs, manifest, provenance)?;
        self.commit(publication.records, publication.dirs)?;
        Ok(publication.action)
    }

    /// The first half of [`Cache::publish`]: takes the outputs into the store. On return they need their files no
    /// more, and the action is neither durable nor visible before [`Cache::publish_all`] has returned.
    ///
    /// # Errors
    /// As [`Cache::publish`].
    pub fn prepare(
        &self,
        key: Key,
        outputs: Vec<(String, PathBuf)>,
        manifest: String,
        provenance: String,
    ) -> Result<Publication, CacheError> {
        self.writable("publish")?;
        let mut sources = Vec::new();
        let mut published: Vec<Output> = Vec::with_capacity(outputs.len());
        for (port, path) in outputs {
            if published.iter().any(|output| output.port == port) {
                return Err(CacheError::TwoOutputs { port, key });
            }
            let artifact = self.hash_output(path, &mut sources)?;
            published.push(Output { port, artifact });
        }
        let created = now();
        let body = record::encode(&published, &manifest, &provenance);
        if body.len() as u64 > Frame::MOST {
            return Err(CacheError::TooLong {
                key,
                bytes: body.len() as u64,
                most: Frame::MOST,
            });
        }

        let shared = self.share()?;
        let mut inline_part = Vec::new();
        let mut dirs = Vec::new();
        let mut placed = HashSet::new();
        for source in &sources {
            if !placed.insert(source.blob.digest) {
                continue;
            }
            let is_inline = match (&source.inline, self.boot) {
                (Some(bytes), Some(boot)) => {
                    inline::add(&mut inline_part, boot, source.blob.digest, bytes);
                    true
                }
                _ => false,
            };
            let dir = self.place(source, is_inline)?;
            if !is_inline {
                dirs.push(dir);
            }
        }
        let mut records = Vec::new();
        Frame::new(kind::ACTION, key, created, &body, &inline_part).write(&mut records);
        Ok(Publication {
            action: Action {
                key,
                outputs: published,
                manifest,
                provenance,
                created,
            },
            records,
            dirs,
            _shared: shared,
        })
    }

    /// The second half of [`Cache::publish`], for many actions with one wait for the disk. Where they cannot be
    /// published together, as on a disk that is almost full, each is tried by itself.
    ///
    /// # Errors
    /// [`CacheError::Io`] for each action that is not there.
    pub fn publish_all(&self, publications: Vec<Publication>) -> Vec<Result<Action, CacheError>> {
        if publications.len() > 1 {
            let records = publications.iter().flat_map(|one| &one.records).copied();
            let dirs = publications.iter().flat_map(|one| &one.dirs).cloned();
            if self.commit(records.collect(), dirs.collect()).is_ok() {
                return publications.into_iter().map(|one| Ok(one.action)).collect();
            }
        }
        let publish = |one: Publication| self.commit(one.records, one.dirs).map(|()| one.action);
        publications.into_iter().map(publish).collect()
    }

    fn hash_output(
        &self,
        path: PathBuf,
        sources: &mut Vec<Source>,
    ) -> Result<Artifact, CacheError> {
        let meta = look_at(&path, Links::Refuse)?;
        if meta.is_file() {
            return self.hash_source(path, sources).map(Artifact::File);
        }
        if !meta.is_dir() {
            return Err(not_a_file(path, &meta));
        }
        let listing = files(&path, Links::Refuse)?
            .into_iter()
            .map(|(relative, path)| Ok((relative, self.hash_source(path, sources)?)))
            .collect::<Result<_, CacheError>>()?;
        Ok(Artifact::Folder(listing))
    }

    fn hash_source(&self, path: PathBuf, sources: &mut Vec<Source>) -> Result<Blob, CacheError> {
        let mut file = File::open(&path).map_err(CacheError::io("open", &path))?;
        let size = file
            .metadata()
            .map_err(CacheError::io("look at", &path))?
            .len();
        let together: usize = sources
            .iter()
            .filter_map(|source| source.inline.as_ref())
            .map(Vec::len)
            .sum();
        let source = if size <= inline::MOST
            && together as u64 + size <= inline::MOST_TOGETHER
            && self.boot.is_some()
        {
            let mut bytes = Vec::with_capacity(inline::MOST as usize);
            file.read_to_end(&mut bytes)
                .map_err(CacheError::io("read", &path))?;
            let blob = Blob {
                digest: Digest::of(&bytes),
                size: bytes.len() as u64,
            };
            Source {
                path,
                blob,
                inline: Some(bytes),
            }
        } else {
            let blob = hash(&mut file, &path)?;
            Source {
                path,
                blob,
                inline: None,
            }
        };
        let blob = source.blob;
        sources.push(source);
        Ok(blob)
    }

    /// Puts a blob in its place, unless it is there. Its file, but not its name, is durable on return if it is not
    /// inline. Returns the folder with the name.
    fn place(&self, source: &Source, is_inline: bool) -> Result<PathBuf, CacheError> {
        let target = self.blob_path(&source.blob);
        let dir = target.parent().map(Path::to_owned).unwrap_or_default();
        let is_there = fs::symlink_metadata(&target)
            .is_ok_and(|meta| meta.is_file() && meta.len() == source.blob.size);
        if is_there {
            if !is_inline {
                // Whoever put it there may not have synced it yet, or at all if it was inline.
                File::open(&target)
                    .and_then(|file| file.sync_all())
                    .map_err(CacheError::io("sync", &target))?;
            }
            return Ok(dir);
        }
        let file = self.own(&source.path)?;
        fs::set_permissions(&file, Permissions::from_mode(0o444))
            .map_err(CacheError::io("write-protect", &file))?;
        if !is_inline {
            File::open(&file)
                .and_then(|file| file.sync_all())
                .map_err(CacheError::io("sync", &file))?;
        }
        let renamed = match fs::rename(&file, &target) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(&dir).and_then(|()| fs::rename(&file, &target))
            }
            renamed => renamed,
        };
        renamed.map_err(CacheError::io("rename a file to", &target))?;
        Ok(dir)
    }

    /// A file with the source's bytes that may be moved into the store: the source itself if it is temporary and
    /// has no other name, else a copy.
    fn own(&self, source: &Path) -> Result<PathBuf, CacheError> {
        let links = fs::metadata(source)
            .map_err(CacheError::io("look at", source))?
            .nlink();
        if links == 1 && source.starts_with(self.tmp_dir()) {
            return Ok(source.to_owned());
        }
        let copy = self.session()?.new_path();
        fs::copy(source, &copy).map_err(CacheError::io("copy a file to", &copy))?;
        Ok(copy)
    }
}
