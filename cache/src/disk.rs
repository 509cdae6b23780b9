//! The few things asked of a file system: durable replacement, identity, hashing.

use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::{Blob, CacheError, Digest};

/// Seconds since 1970; zero for a clock before that.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// A name that no other call, in this process or another that runs now, gives out.
pub(crate) fn unique_name() -> String {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let nanos = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.subsec_nanos());
    format!(
        "{}-{nanos}-{}",
        std::process::id(),
        CALLS.fetch_add(1, Ordering::Relaxed)
    )
}

/// Device and inode: which file this is, whatever its name.
pub(crate) fn identity(meta: &Metadata) -> (u64, u64) {
    (meta.dev(), meta.ino())
}

/// Makes the names in a folder durable.
pub(crate) fn sync_dir(path: &Path) -> Result<(), CacheError> {
    File::open(path)
        .and_then(|dir| dir.sync_all())
        .map_err(CacheError::io("sync", path))
}

/// Puts `bytes` at `path`, through `temporary` on the same file system: whole or not at all, and durable on return
/// but for the name, which [`sync_dir`] makes so.
pub(crate) fn write_durably(
    path: &Path,
    temporary: &Path,
    bytes: &[u8],
) -> Result<File, CacheError> {
    let mut file = File::options()
        .read(true)
        .append(true)
        .create_new(true)
        .open(temporary)
        .map_err(CacheError::io("create", temporary))?;
    file.write_all(bytes)
        .map_err(CacheError::io("write", temporary))?;
    file.sync_all().map_err(CacheError::io("sync", temporary))?;
    fs::rename(temporary, path).map_err(CacheError::io("rename a file to", path))?;
    Ok(file)
}

/// Like [`fs::remove_file`], content when there is nothing to remove.
pub(crate) fn remove_file(path: &Path) -> Result<(), CacheError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(CacheError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// The entries of a folder with their paths, sorted by name; none for a folder that is absent.
pub(crate) fn entries(path: &Path) -> Result<Vec<fs::DirEntry>, CacheError> {
    let mut entries = match fs::read_dir(path) {
        Ok(entries) => entries.collect::<Result<Vec<_>, _>>(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => Err(error),
    }
    .map_err(CacheError::io("list", path))?;
    entries.sort_unstable_by_key(fs::DirEntry::file_name);
    Ok(entries)
}

/// Files up to this size are hashed on the calling thread.
const ONE_THREAD: u64 = 256 << 10;
/// Read at a time from larger ones, and hashed by all threads.
const CHUNK: usize = 4 << 20;

/// Hashes what is left of an open file. Read, not mapped: a mapped file that shrinks kills the process.
pub(crate) fn hash(file: &mut File, path: &Path) -> Result<Blob, CacheError> {
    let expected = file
        .metadata()
        .map_err(CacheError::io("look at", path))?
        .len();
    let mut hasher = blake3::Hasher::new();
    let mut size = 0;
    let mut buffer = vec![0; usize::try_from(expected).map_or(CHUNK, |len| (len + 1).min(CHUNK))];
    loop {
        let filled = fill(file, &mut buffer).map_err(CacheError::io("read", path))?;
        if expected <= ONE_THREAD {
            hasher.update(&buffer[..filled]);
        } else {
            hasher.update_rayon(&buffer[..filled]);
        }
        size += filled as u64;
        if filled < buffer.len() {
            return Ok(Blob {
                digest: Digest::from(hasher.finalize()),
                size,
            });
        }
    }
}

fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
