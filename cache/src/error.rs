//! [`CacheError`]: what went wrong, where, and what to do.

use std::io;
use std::path::{Path, PathBuf};

use crate::Key;

/// Why the store could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The operating system refused something.
    #[error("cannot {doing} {}: {source}{}", path.display(), advice(source))]
    Io {
        /// What was being done, as in "create".
        doing: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The folder was written by another version of this crate.
    #[error(
        "the cache {} has format {found:?}, this program reads format {expected:?}: \
         use another cache folder, or delete this one and let it be computed again",
        root.display()
    )]
    Format {
        /// The cache's folder.
        root: PathBuf,
        /// What its `VERSION` says.
        found: String,
        /// What it should say.
        expected: &'static str,
    },
    /// The folder holds something else than a cache.
    #[error(
        "{} is no cache: it holds {}, but no VERSION; name an empty or a new folder",
        root.display(),
        entry.display()
    )]
    NotACache {
        /// The folder.
        root: PathBuf,
        /// One of the entries that do not belong to a cache.
        entry: PathBuf,
    },
    /// Something is to be written to a cache that can only be read.
    #[error("cannot {doing}: the cache {} is read-only; name a writable one to compute anything new", root.display())]
    ReadOnly {
        /// What was being done.
        doing: &'static str,
        /// The cache's folder.
        root: PathBuf,
    },
    /// An output is neither a regular file nor a folder of such.
    #[error("{} is {found}: an output must be a regular file or a folder of regular files", path.display())]
    NotAFile {
        /// Where it lies.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// A file's name is not UTF-8.
    #[error("the name {} is not UTF-8: rename the file", path.display())]
    Name {
        /// The path with that name.
        path: PathBuf,
    },
    /// A file kept changing while it was hashed.
    #[error("{} changes while it is being read: run again when it is complete", path.display())]
    Changing {
        /// The file.
        path: PathBuf,
    },
    /// A folder contains itself through a symbolic link.
    #[error("{} leads back to a folder around it: remove the symbolic link", path.display())]
    Loop {
        /// The link.
        path: PathBuf,
    },
    /// One port was published twice in one action.
    #[error(
        "the port {port:?} occurs twice among the outputs of {key:.12}: give each output its own name"
    )]
    TwoOutputs {
        /// The port.
        port: String,
        /// The action.
        key: Key,
    },
    /// An action's record would not fit into the log's length field.
    #[error(
        "the record of {key:.12} has {bytes} bytes, at most {most} fit: shorten the manifest or the folder"
    )]
    TooLong {
        /// The action.
        key: Key,
        /// Bytes of its record.
        bytes: u64,
        /// The limit.
        most: u64,
    },
    /// A place to materialize a folder in is taken.
    #[error("{} exists already: name a new folder, or remove this one", path.display())]
    Exists {
        /// The place.
        path: PathBuf,
    },
    /// A wait was broken off by the caller.
    #[error("stopped while waiting for another process that computes {key:.12}")]
    Cancelled {
        /// The key waited for.
        key: Key,
    },
}

impl CacheError {
    /// Attaches what was being done and where to an I/O error; for `map_err`.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            doing,
            path: path.to_owned(),
            source,
        }
    }
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; free space there, collect garbage in the cache, or put the cache on another disk"
        }
        io::ErrorKind::FileTooLarge => {
            "; raise the file-size limit (`ulimit -f`), or put the cache on another disk"
        }
        io::ErrorKind::PermissionDenied => "; give yourself the right to it, or use another folder",
        io::ErrorKind::ReadOnlyFilesystem => "; put the cache on a writable disk",
        io::ErrorKind::NotADirectory => {
            "; a file stands where a folder should be: remove it, or use another folder"
        }
        io::ErrorKind::CrossesDevices => "; keep the whole cache folder on one file system",
        _ => "",
    }
}
