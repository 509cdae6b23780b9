//! Looking actions up: one stat a blob.

use std::fmt;
use std::path::PathBuf;

use rustix::fs::{
    AtFlags, FileType, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, statat, utimensat,
};
use rustix::io::Errno;

use crate::disk::now;
use crate::store::shard_path;
use crate::{Action, Blob, Cache, Key, record};

/// A blob's modification time is its last use, kept to the hour: noting each use would cost more than the look-up.
const USE_RESOLUTION: u64 = 3600;

/// The moment before which a use is noted anew.
fn a_while_ago() -> i64 {
    i64::try_from(now().saturating_sub(USE_RESOLUTION)).unwrap_or(i64::MAX)
}

/// What the store knows of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// The action, with every blob in place.
    Hit(Action),
    /// Nothing, or a record that is damaged.
    Miss,
    /// An action whose outputs are not all there any more.
    Missing {
        /// The action.
        action: Action,
        /// The first output with a blob that can't be used.
        port: String,
        /// What is wrong with it.
        why: Absence,
    },
}

impl Lookup {
    /// The action of a hit.
    pub fn hit(self) -> Option<Action> {
        match self {
            Self::Hit(action) => Some(action),
            _ => None,
        }
    }
}

/// Why a blob can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Absence {
    /// There is no such file.
    Gone {
        /// Where it should be.
        path: PathBuf,
    },
    /// The file has another size.
    Size {
        /// The file.
        path: PathBuf,
        /// Bytes it should have.
        expected: u64,
        /// Bytes it has.
        found: u64,
    },
    /// The system refuses to tell, or it is no regular file.
    Unreadable {
        /// The file.
        path: PathBuf,
    },
}

impl fmt::Display for Absence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone { path } => write!(f, "{} is gone", path.display()),
            Self::Size {
                path,
                expected,
                found,
            } => {
                write!(
                    f,
                    "{} has {found} bytes instead of {expected}",
                    path.display()
                )
            }
            Self::Unreadable { path } => write!(f, "{} can't be read", path.display()),
        }
    }
}

impl Cache {
    /// What is known of `key`, as of the last [`Cache::refresh`]. Never an error: what can't be used is to be computed.
    pub fn lookup(&self, key: &Key) -> Lookup {
        let Some(action) = self.recall(key) else {
            return Lookup::Miss;
        };
        match self.check(&action) {
            Ok(()) => Lookup::Hit(action),
            Err((port, why)) => Lookup::Missing { action, port, why },
        }
    }

    /// The action that was last published under `key`, whether its outputs are still there or not.
    ///
    /// With [`Cache::check`] the two halves of [`Cache::lookup`]: whoever looks up thousands of keys that depend on
    /// each other recalls them one after the other, and checks them all in parallel.
    pub fn recall(&self, key: &Key) -> Option<Action> {
        self.log().get(key).as_ref().and_then(record::decode)
    }

    /// Checks that every blob is there with its size.
    ///
    /// # Errors
    /// The first port with a blob that can't be used, and why.
    pub fn check(&self, action: &Action) -> Result<(), (String, Absence)> {
        self.check_since(action, a_while_ago())
    }

    /// Whether a blob is there with its size: [`Cache::check`] of a single blob.
    pub fn has_blob(&self, blob: &Blob) -> bool {
        self.use_blob(blob, a_while_ago()).is_ok()
    }

    /// Like [`Cache::check`], but notes a use only if none was noted since `recently`.
    pub(crate) fn check_since(
        &self,
        action: &Action,
        recently: i64,
    ) -> Result<(), (String, Absence)> {
        for output in &action.outputs {
            for blob in output.artifact.blobs() {
                self.use_blob(blob, recently)
                    .map_err(|why| (output.port.clone(), why))?;
            }
        }
        Ok(())
    }

    /// Checks that a blob is there, and notes the use unless one was noted since `recently`.
    fn use_blob(&self, blob: &Blob, recently: i64) -> Result<(), Absence> {
        let path = shard_path(&blob.digest.hex());
        let meta =
            statat(&self.blobs, path.as_str(), AtFlags::SYMLINK_NOFOLLOW).map_err(|error| {
                let path = self.blob_path(blob);
                if error == Errno::NOENT {
                    Absence::Gone { path }
                } else {
                    Absence::Unreadable { path }
                }
            })?;
        if FileType::from_raw_mode(meta.st_mode) != FileType::RegularFile {
            return Err(Absence::Unreadable {
                path: self.blob_path(blob),
            });
        }
        let found = u64::try_from(meta.st_size).unwrap_or(0);
        if found != blob.size {
            return Err(Absence::Size {
                path: self.blob_path(blob),
                expected: blob.size,
                found,
            });
        }
        if meta.st_mtime < recently && !self.is_read_only {
            let keep = Timespec {
                tv_sec: 0,
                tv_nsec: UTIME_OMIT,
            };
            let now = Timespec {
                tv_sec: 0,
                tv_nsec: UTIME_NOW,
            };
            let times = Timestamps {
                last_access: keep,
                last_modification: now,
            };
            // A use that can't be noted, as in another user's cache, only makes the blob older for collection.
            let _ = utimensat(
                &self.blobs,
                path.as_str(),
                &times,
                AtFlags::SYMLINK_NOFOLLOW,
            );
        }
        Ok(())
    }
}
