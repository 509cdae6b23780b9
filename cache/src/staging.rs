//! Private folders for work in progress, which vanish with the process that made them.
//!
//! Each open cache has at most one folder `tmp/NAME/`, and `tmp/NAME.lock` beside it, locked while it lives. The
//! lock is there before the folder and goes after it: a folder without a lock, or with one that can be taken, was
//! left by a killed process.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

use crate::disk::{entries, unique_name};
use crate::lock::LockFile;
use crate::{Cache, CacheError};

/// One open cache's folder under `tmp/`.
#[derive(Debug)]
pub(crate) struct Session {
    dir: PathBuf,
    names: AtomicU64,
    // Behind `drop`, so that the folder goes first.
    _lock: LockFile,
}

impl Session {
    fn begin(tmp: &Path) -> Result<Self, CacheError> {
        loop {
            let name = unique_name();
            if let Some(lock) = LockFile::try_acquire(tmp.join(format!("{name}.lock")))? {
                let dir = tmp.join(name);
                fs::create_dir(&dir).map_err(CacheError::io("create", &dir))?;
                return Ok(Self {
                    dir,
                    names: AtomicU64::new(0),
                    _lock: lock,
                });
            }
        }
    }

    /// A path in the folder that nothing else uses.
    pub(crate) fn new_path(&self) -> PathBuf {
        self.dir
            .join(self.names.fetch_add(1, Ordering::Relaxed).to_string())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // What can't be removed now is collected by a later open.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// An empty folder on the cache's file system, removed with all that is in it when dropped.
#[derive(Debug)]
pub struct Staging {
    path: PathBuf,
    _session: Arc<Session>,
}

impl Staging {
    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

impl Cache {
    /// A private folder to write outputs in. Files published from it are moved, not copied.
    ///
    /// # Errors
    /// [`CacheError::ReadOnly`]; [`CacheError::Io`].
    pub fn stage(&self) -> Result<Staging, CacheError> {
        self.writable("make a temporary folder")?;
        let session = self.session()?;
        let path = session.new_path();
        fs::create_dir(&path).map_err(CacheError::io("create", &path))?;
        Ok(Staging {
            path,
            _session: session,
        })
    }

    /// This cache's folder under `tmp/`, made when first asked for.
    pub(crate) fn session(&self) -> Result<Arc<Session>, CacheError> {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        match &*session {
            Some(session) => Ok(Arc::clone(session)),
            None => Ok(Arc::clone(
                session.insert(Arc::new(Session::begin(&self.tmp_dir())?)),
            )),
        }
    }
}

/// Removes what killed processes have left in `tmp`.
pub(crate) fn collect(tmp: &Path) -> Result<(), CacheError> {
    for entry in entries(tmp)? {
        let path = entry.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "lock")
        {
            if let Some(_lock) = LockFile::try_acquire(path.clone())? {
                let _ = fs::remove_dir_all(path.with_extension(""));
            }
        } else if !path.with_extension("lock").exists() {
            // A file or folder of the running user's that resists is no reason to refuse the whole cache.
            let _ = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
        }
    }
    Ok(())
}
