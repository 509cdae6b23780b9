//! Kernel locks on files: held by an open file, so that a killed process leaves none behind.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::disk::{entries, identity};
use crate::{Cache, CacheError, Key};

/// A lock on a file that exists only while somebody holds or wants it.
#[derive(Debug)]
pub(crate) struct LockFile {
    file: File,
    path: PathBuf,
}

impl LockFile {
    /// Takes the lock, unless somebody else has it, another thread of this process included.
    pub(crate) fn try_acquire(path: PathBuf) -> Result<Option<Self>, CacheError> {
        loop {
            let file = File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)
                .map_err(CacheError::io("open", &path))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => {
                    return Err(CacheError::io("lock", &path)(error));
                }
            }
            // Whoever held it before may have removed the file after it was opened here.
            if is_at(&file, &path).map_err(CacheError::io("look at", &path))? {
                return Ok(Some(Self { file, path }));
            }
        }
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // A file that stays is taken again by the next one to want it, or collected by the next open.
        let _ = fs::remove_file(&self.path);
        // Said aloud, since a child process between fork and exec still has the file open.
        let _ = self.file.unlock();
    }
}

fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(meta) => Ok(identity(&meta) == identity(&file.metadata()?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes the lock files that killed processes have left in `folder`.
pub(crate) fn collect(folder: &Path) -> Result<(), CacheError> {
    for entry in entries(folder)? {
        if entry
            .path()
            .extension()
            .is_some_and(|extension| extension == "lock")
        {
            LockFile::try_acquire(entry.path())?;
        }
    }
    Ok(())
}

/// The lock that publishers share and that garbage collection has alone.
#[derive(Debug)]
pub(crate) struct StoreLock {
    file: File,
}

impl StoreLock {
    pub(crate) fn shared(path: &Path) -> Result<Self, CacheError> {
        Self::open(path, File::lock_shared)
    }

    pub(crate) fn exclusive(path: &Path) -> Result<Self, CacheError> {
        Self::open(path, File::lock)
    }

    fn open(path: &Path, lock: impl FnOnce(&File) -> io::Result<()>) -> Result<Self, CacheError> {
        // Opened each time: the kernel tells lockers apart by open file, and two threads are two lockers.
        let file = File::options()
            .append(true)
            .create(true)
            .open(path)
            .map_err(CacheError::io("open", path))?;
        lock(&file).map_err(CacheError::io("lock", path))?;
        Ok(Self { file })
    }
}

impl Drop for StoreLock {
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

/// The right to compute one action. Given back when dropped, or by the kernel when the process ends.
#[derive(Debug)]
pub struct KeyLock {
    key: Key,
    waited: bool,
    _file: LockFile,
}

impl KeyLock {
    /// The action.
    pub fn key(&self) -> Key {
        self.key
    }

    /// Whether somebody else had the lock when it was asked for. What they computed is in the cache now:
    /// [`Cache::refresh`] and look the key up again.
    pub fn waited(&self) -> bool {
        self.waited
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

impl Cache {
    /// Waits until nobody else, thread or process, has the lock of `key`, and takes it.
    ///
    /// Asks at growing intervals of up to 50 ms, so that `cancelled` is heard.
    ///
    /// # Errors
    /// [`CacheError::Cancelled`] as soon as `cancelled` returns true while waiting; [`CacheError::ReadOnly`];
    /// [`CacheError::Io`].
    pub fn lock(&self, key: &Key, cancelled: &dyn Fn() -> bool) -> Result<KeyLock, CacheError> {
        let mut pause = FIRST_PAUSE;
        let mut waited = false;
        loop {
            if let Some(lock) = self.try_lock(key)? {
                return Ok(KeyLock { waited, ..lock });
            }
            waited = true;
            if cancelled() {
                return Err(CacheError::Cancelled { key: *key });
            }
            thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Takes the lock of `key`, or returns `None` if another thread or process has it.
    ///
    /// # Errors
    /// [`CacheError::ReadOnly`]; [`CacheError::Io`].
    pub fn try_lock(&self, key: &Key) -> Result<Option<KeyLock>, CacheError> {
        self.writable("lock an action")?;
        let path = self.locks_dir().join(format!("{key}.lock"));
        Ok(LockFile::try_acquire(path)?.map(|file| KeyLock {
            key: *key,
            waited: false,
            _file: file,
        }))
    }
}
