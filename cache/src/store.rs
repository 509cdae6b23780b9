//! [`Cache`]: opening a store, and where things lie in it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tempfile::TempDir;

use crate::commit::Committer;
use crate::disk::{entries, now, sync_dir, unique_name, write_durably};
use crate::inline::{self, Boot};
use crate::lock::{self, StoreLock};
use crate::log::Log;
use crate::staging::Session;
use crate::{Action, Blob, CacheError, Key, record, staging};

/// The number of the layout described in the crate's documentation.
const FORMAT: &str = "1";
/// Shared by publishers, held alone by whoever removes or rewrites.
const STORE_LOCK: &str = "locks/store";
const FOLDERS: [&str; 5] = ["blobs", "corrupt", "locks", "tmp", "views"];
const FILES: [&str; 2] = ["actions.log", "files.log"];

/// A store of artifacts, open. Shared by threads through an [`Arc`].
#[derive(Debug)]
pub struct Cache {
    pub(crate) root: PathBuf,
    /// `blobs/`, to look names up from.
    pub(crate) blobs: File,
    pub(crate) is_read_only: bool,
    pub(crate) boot: Option<Boot>,
    log: RwLock<Log>,
    /// The stat cache, read when first asked for.
    pub(crate) files: Mutex<Option<Log>>,
    pub(crate) session: Mutex<Option<Arc<Session>>>,
    pub(crate) committer: Committer,
    /// Views of folders for a cache that has no place for them.
    pub(crate) private_views: Mutex<Option<TempDir>>,
}

impl Cache {
    /// Opens the store in `root`; makes it if the folder is absent or empty. A store that can't be written to is
    /// opened for reading.
    ///
    /// # Errors
    /// [`CacheError::NotACache`] for a folder with other things in it; [`CacheError::Format`] for a store of
    /// another version; [`CacheError::Io`].
    pub fn open(root: &Path) -> Result<Self, CacheError> {
        match Self::open_as(root, false) {
            Err(CacheError::Io {
                source,
                path,
                doing,
            }) if is_refusal(&source) => {
                // The first refusal says more than that of a second attempt.
                Self::open_as(root, true).map_err(|_| CacheError::Io {
                    doing,
                    path,
                    source,
                })
            }
            opened => opened,
        }
    }

    /// Opens the store in `root` for reading only, whatever the rights are.
    ///
    /// # Errors
    /// As [`Cache::open`], and [`CacheError::Io`] if there is no store.
    pub fn open_read_only(root: &Path) -> Result<Self, CacheError> {
        Self::open_as(root, true)
    }

    fn open_as(root: &Path, is_read_only: bool) -> Result<Self, CacheError> {
        if !is_read_only {
            fs::create_dir_all(root).map_err(CacheError::io("create", root))?;
        }
        let root = &fs::canonicalize(root).map_err(CacheError::io("find", root))?;
        check_format(root, is_read_only)?;
        if !is_read_only {
            for folder in FOLDERS {
                create_dir(&root.join(folder))?;
            }
            drop(StoreLock::shared(&root.join(STORE_LOCK))?);
            lock::collect(&root.join("locks"))?;
            staging::collect(&root.join("tmp"))?;
        }
        let blobs = root.join("blobs");
        let boot = inline::boot();
        let cache = Self {
            blobs: File::open(&blobs).map_err(CacheError::io("open", &blobs))?,
            is_read_only,
            boot,
            log: RwLock::new(Log::open(root.join("actions.log"), !is_read_only, boot)?),
            files: Mutex::default(),
            session: Mutex::default(),
            committer: Committer::default(),
            private_views: Mutex::default(),
            root: root.clone(),
        };
        if !is_read_only && cache.log().is_unsettled() {
            cache.settle()?;
        }
        Ok(cache)
    }

    /// The store's folder, absolute, without symbolic links.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether nothing can be published.
    pub fn is_read_only(&self) -> bool {
        self.is_read_only
    }

    /// Where a blob lies, if it is there. The file must not be written to.
    pub fn blob_path(&self, blob: &Blob) -> PathBuf {
        self.root
            .join("blobs")
            .join(shard_path(&blob.digest.hex()).as_str())
    }

    /// Takes in what other processes have published since this cache was opened or refreshed.
    ///
    /// # Errors
    /// [`CacheError::Io`].
    pub fn refresh(&self) -> Result<(), CacheError> {
        self.log_mut().refresh()
    }

    /// Makes an action unknown, as when one of its outputs turns out to be of no use. Its blobs stay.
    ///
    /// # Errors
    /// [`CacheError::ReadOnly`]; [`CacheError::Io`].
    pub fn forget(&self, key: &Key) -> Result<(), CacheError> {
        self.writable("forget an action")?;
        let _shared = self.share()?;
        self.commit(record::forgotten(*key, now()), Vec::new())
    }

    /// All actions in the order of their publication.
    pub fn actions(&self) -> Vec<Action> {
        self.log()
            .live()
            .iter()
            .filter_map(record::decode)
            .collect()
    }

    pub(crate) fn writable(&self, doing: &'static str) -> Result<(), CacheError> {
        if self.is_read_only {
            Err(CacheError::ReadOnly {
                doing,
                root: self.root.clone(),
            })
        } else {
            Ok(())
        }
    }

    pub(crate) fn log(&self) -> RwLockReadGuard<'_, Log> {
        self.log.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn log_mut(&self) -> RwLockWriteGuard<'_, Log> {
        self.log.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn blobs_dir(&self) -> PathBuf {
        self.root.join("blobs")
    }

    pub(crate) fn tmp_dir(&self) -> PathBuf {
        self.root.join("tmp")
    }

    pub(crate) fn locks_dir(&self) -> PathBuf {
        self.root.join("locks")
    }

    /// Keeps garbage collection out, together with other publishers.
    pub(crate) fn share(&self) -> Result<StoreLock, CacheError> {
        StoreLock::shared(&self.root.join(STORE_LOCK))
    }

    /// Keeps publishers out.
    pub(crate) fn exclude(&self) -> Result<StoreLock, CacheError> {
        StoreLock::exclusive(&self.root.join(STORE_LOCK))
    }
}

/// A blob's path below `blobs/`: `ab/cdef…`, ended by a NUL.
pub(crate) struct ShardPath([u8; 66]);

impl ShardPath {
    pub(crate) fn as_str(&self) -> &str {
        // The bytes are hexadecimal digits and a slash.
        std::str::from_utf8(&self.0[..65]).unwrap_or_default()
    }
}

pub(crate) fn shard_path(hex: &[u8; 64]) -> ShardPath {
    let mut path = [0; 66];
    path[..2].copy_from_slice(&hex[..2]);
    path[2] = b'/';
    path[3..65].copy_from_slice(&hex[2..]);
    ShardPath(path)
}

fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
    )
}

fn check_format(root: &Path, is_read_only: bool) -> Result<(), CacheError> {
    let version = root.join("VERSION");
    let found = match fs::read(&version) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && !is_read_only => {
            return begin(root);
        }
        read => read.map_err(CacheError::io("read", &version))?,
    };
    let found = String::from_utf8_lossy(&found).trim().to_owned();
    if found == FORMAT {
        return Ok(());
    }
    Err(CacheError::Format {
        root: root.to_owned(),
        found: found.chars().take(40).collect(),
        expected: FORMAT,
    })
}

/// Makes an empty folder a store. VERSION comes last: an interrupted beginning is begun again.
fn begin(root: &Path) -> Result<(), CacheError> {
    for entry in entries(root)? {
        let name = entry.file_name();
        if !FOLDERS.iter().chain(&FILES).any(|known| name == *known) && name != "VERSION" {
            return Err(CacheError::NotACache {
                root: root.to_owned(),
                entry: entry.path(),
            });
        }
    }
    for folder in FOLDERS {
        create_dir(&root.join(folder))?;
    }
    let _alone = StoreLock::exclusive(&root.join(STORE_LOCK))?;
    let version = root.join("VERSION");
    if version.exists() {
        return Ok(());
    }
    Log::open(root.join("actions.log"), true, None)?;
    let temporary = root.join("tmp").join(unique_name());
    write_durably(&version, &temporary, format!("{FORMAT}\n").as_bytes())?;
    sync_dir(root)
}

fn create_dir(path: &Path) -> Result<(), CacheError> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        created => created.map_err(CacheError::io("create", path)),
    }
}
