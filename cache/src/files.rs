//! The stat cache: digests of files outside the store, remembered by what `stat` says of them.
//!
//! `files.log` holds one record a file: its key is the digest of the absolute path, its body
//!
//! | bytes | what |
//! |---|---|
//! | 0..8 | size |
//! | 8..16 | inode |
//! | 16..24, 24..32 | modification time, change time, in nanoseconds since 1970 |
//! | 32..64 | digest of the content |
//!
//! The change time catches a modification time that was set back. A file changed less than two seconds before it
//! was hashed is not remembered: a further change could leave the same times. The log is never synced, since
//! losing it costs hashing only.

use std::fs::{File, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::disk::{hash, now};
use crate::folder::{Links, files, look_at, not_a_file};
use crate::frame::{Frame, kind};
use crate::log::Log;
use crate::{Artifact, Blob, Cache, CacheError, Digest, Key};

const RACY_NANOSECONDS: i128 = 2_000_000_000;
const ATTEMPTS: usize = 3;
/// Records of files that were hashed longer ago are dropped at garbage collection, in seconds.
const KEPT_FOR: u64 = 90 * 24 * 3600;

/// What tells a file that is as it was.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp([u8; 32]);

impl Stamp {
    fn of(meta: &Metadata) -> Self {
        let mut bytes = [0; 32];
        let parts = [
            meta.size(),
            meta.ino(),
            nanoseconds(meta.mtime(), meta.mtime_nsec()) as u64,
            nanoseconds(meta.ctime(), meta.ctime_nsec()) as u64,
        ];
        for (bytes, part) in bytes.chunks_exact_mut(8).zip(parts) {
            bytes.copy_from_slice(&part.to_le_bytes());
        }
        Self(bytes)
    }
}

fn nanoseconds(seconds: i64, rest: i64) -> i128 {
    i128::from(seconds) * 1_000_000_000 + i128::from(rest)
}

fn is_racy(meta: &Metadata) -> bool {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos() as i128);
    let changed = nanoseconds(meta.mtime(), meta.mtime_nsec())
        .max(nanoseconds(meta.ctime(), meta.ctime_nsec()));
    now - changed < RACY_NANOSECONDS
}

impl Cache {
    /// The digest of a file outside the store; one that has not changed since it was last asked for is not read.
    ///
    /// # Errors
    /// [`CacheError::NotAFile`]; [`CacheError::Changing`] for a file that somebody writes to; [`CacheError::Io`].
    pub fn digest_file(&self, path: &Path) -> Result<Digest, CacheError> {
        Ok(self.blob_of(path)?.digest)
    }

    /// The digest of a file or of a folder: that of the [`Artifact`] it would be. Symbolic links are followed.
    ///
    /// # Errors
    /// As [`Cache::digest_file`]; [`CacheError::Name`] and [`CacheError::Loop`] for what a folder holds.
    pub fn digest_path(&self, path: &Path) -> Result<Digest, CacheError> {
        if !look_at(path, Links::Follow)?.is_dir() {
            return self.digest_file(path);
        }
        let listing = files(path, Links::Follow)?
            .into_iter()
            .map(|(relative, path)| Ok((relative, self.blob_of(&path)?)))
            .collect::<Result<_, CacheError>>()?;
        Ok(Artifact::Folder(listing).digest())
    }

    fn blob_of(&self, path: &Path) -> Result<Blob, CacheError> {
        let absolute = std::path::absolute(path).map_err(CacheError::io("find", path))?;
        let key = Key(Digest::of(absolute.as_os_str().as_bytes()));
        let meta = look_at(path, Links::Follow)?;
        if !meta.is_file() {
            return Err(not_a_file(path.to_owned(), &meta));
        }
        if let Some(digest) = self.remembered(&key, Stamp::of(&meta))? {
            return Ok(Blob {
                digest,
                size: meta.len(),
            });
        }
        for _ in 0..ATTEMPTS {
            let mut file = File::open(path).map_err(CacheError::io("open", path))?;
            let before = file.metadata().map_err(CacheError::io("look at", path))?;
            let blob = hash(&mut file, path)?;
            let after = file.metadata().map_err(CacheError::io("look at", path))?;
            if Stamp::of(&before) == Stamp::of(&after) && blob.size == after.len() {
                if !is_racy(&after) {
                    self.remember(key, Stamp::of(&after), blob.digest)?;
                }
                return Ok(blob);
            }
        }
        Err(CacheError::Changing {
            path: path.to_owned(),
        })
    }

    fn remembered(&self, key: &Key, stamp: Stamp) -> Result<Option<Digest>, CacheError> {
        let log = self.files()?;
        let found = log
            .as_ref()
            .and_then(|log| log.get(key))
            .filter(Frame::is_intact);
        Ok(found.and_then(|frame| {
            let (found, digest) = frame.body.split_at_checked(32)?;
            if found != stamp.0 {
                return None;
            }
            digest.try_into().ok().map(Digest)
        }))
    }

    fn remember(&self, key: Key, stamp: Stamp, digest: Digest) -> Result<(), CacheError> {
        if self.is_read_only {
            return Ok(());
        }
        let mut record = Vec::new();
        let body = [&stamp.0[..], digest.as_bytes()].concat();
        Frame::new(kind::FILE, key, now(), &body, &[]).write(&mut record);
        if let Some(log) = self.files()?.as_mut() {
            // A digest that can't be remembered, as on a full disk, is as good as one that can.
            let _ = log.append(&record);
        }
        Ok(())
    }

    /// The log, read when first asked for.
    fn files(&self) -> Result<MutexGuard<'_, Option<Log>>, CacheError> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if files.is_none() {
            *files = Some(Log::open(
                self.root.join("files.log"),
                !self.is_read_only,
                None,
            )?);
        }
        Ok(files)
    }

    /// Drops what was replaced and what has not been hashed for long.
    pub(crate) fn compact_files(&self) -> Result<(), CacheError> {
        let temporary = self.session()?.new_path();
        let Some(log) = &mut *self.files()? else {
            return Ok(());
        };
        log.rewrite(&temporary, |log| {
            let mut records = Vec::new();
            let oldest = now().saturating_sub(KEPT_FOR);
            for frame in log
                .live()
                .iter()
                .filter(|frame| frame.is_intact() && frame.time >= oldest)
            {
                frame.write(&mut records);
            }
            Ok(records)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn stamp(path: &Path) -> Stamp {
        Stamp::of(&fs::metadata(path).unwrap())
    }

    fn key(path: &Path) -> Key {
        Key(Digest::of(path.as_os_str().as_bytes()))
    }

    #[test]
    fn a_file_that_is_as_it_was_is_not_read_again_by_any_cache() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("file");
        fs::write(&file, "content").unwrap();
        let root = home.path().join("store");
        let cache = Cache::open(&root).unwrap();
        // A digest that reading would not give.
        let planted = Digest::of(b"planted");
        cache.remember(key(&file), stamp(&file), planted).unwrap();
        assert_eq!(cache.digest_file(&file).unwrap(), planted);
        assert_eq!(
            Cache::open(&root).unwrap().digest_file(&file).unwrap(),
            planted
        );
        assert_eq!(
            Cache::open_read_only(&root)
                .unwrap()
                .digest_path(&file)
                .unwrap(),
            planted
        );
        cache.compact_files().unwrap();
        assert_eq!(cache.digest_file(&file).unwrap(), planted);
    }

    #[test]
    fn a_file_of_the_same_size_and_modification_time_is_read_again_if_it_was_written_to() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("file");
        fs::write(&file, "content").unwrap();
        let cache = Cache::open(&home.path().join("store")).unwrap();
        cache
            .remember(key(&file), stamp(&file), Digest::of(b"content"))
            .unwrap();
        let times = fs::metadata(&file).unwrap().modified().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        fs::write(&file, "CONTENT").unwrap();
        File::options()
            .write(true)
            .open(&file)
            .unwrap()
            .set_modified(times)
            .unwrap();
        assert_eq!(cache.digest_file(&file).unwrap(), Digest::of(b"CONTENT"));
    }

    #[test]
    fn records_that_are_old_or_replaced_are_dropped_when_the_log_is_compacted() {
        let home = tempfile::tempdir().unwrap();
        let cache = Cache::open(home.path()).unwrap();
        let mut old = Vec::new();
        Frame::new(
            kind::FILE,
            key(Path::new("/old")),
            now() - KEPT_FOR - 10,
            &[0; 64],
            &[],
        )
        .write(&mut old);
        let _ = cache
            .files()
            .unwrap()
            .as_mut()
            .unwrap()
            .append(&old)
            .unwrap();
        for digest in [&b"1"[..], b"2"] {
            cache
                .remember(key(Path::new("/new")), Stamp([0; 32]), Digest::of(digest))
                .unwrap();
        }
        cache.compact_files().unwrap();
        let log = fs::metadata(home.path().join("files.log")).unwrap().len();
        assert_eq!(log, old.len() as u64);
        let found = cache
            .remembered(&key(Path::new("/new")), Stamp([0; 32]))
            .unwrap();
        assert_eq!(found, Some(Digest::of(b"2")));
    }
}
