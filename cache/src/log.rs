//! An append-only file of [`Frame`]s with an index in memory: the newest record of a key wins.
//!
//! The file is read once and whole; records are looked at when they are asked for. Appending takes a kernel lock
//! on the file, takes in what other processes have appended meanwhile, and cuts off a torn end first. Replacing
//! the file (`rewrite`) holds the same lock, and whoever waited for it notices the new file.

use std::collections::HashMap;
use std::fs::{self, File};
use std::hash::{BuildHasherDefault, Hasher};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{identity, sync_dir, write_durably};
use crate::frame::{Frame, Frames, kind};
use crate::inline::{Boot, is_from_before};
use crate::{CacheError, Key};

#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    /// None for a log that is absent from a cache that can only be read.
    file: Option<Arc<File>>,
    is_writable: bool,
    boot: Option<Boot>,
    /// The file's bytes up to the end of its last record.
    bytes: Vec<u8>,
    /// Where the newest record of each key is.
    index: HashMap<Key, usize, BuildHasherDefault<KeyHasher>>,
    /// Whether a record holds inline blobs that were written before the machine's last start.
    is_unsettled: bool,
    /// Bytes between records.
    garbage: u64,
    /// Bytes behind the last record when the file was last read.
    torn: u64,
}

impl Log {
    /// Opens and reads the log; creates it when `is_writable`.
    pub(crate) fn open(
        path: PathBuf,
        is_writable: bool,
        boot: Option<Boot>,
    ) -> Result<Self, CacheError> {
        let file = match open(&path, is_writable) {
            Ok(file) => Some(Arc::new(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_writable => None,
            Err(error) => return Err(CacheError::io("open", &path)(error)),
        };
        let mut log = Self {
            path,
            file,
            is_writable,
            boot,
            bytes: Vec::new(),
            index: HashMap::default(),
            is_unsettled: false,
            garbage: 0,
            torn: 0,
        };
        log.read_on()?;
        Ok(log)
    }

    /// The newest record of `key`.
    pub(crate) fn get(&self, key: &Key) -> Option<Frame<'_>> {
        Frame::read(&self.bytes, *self.index.get(key)?)
    }

    /// The newest record of every key, in the order of the file.
    pub(crate) fn live(&self) -> Vec<Frame<'_>> {
        let mut offsets: Vec<usize> = self.index.values().copied().collect();
        offsets.sort_unstable();
        offsets
            .into_iter()
            .filter_map(|at| Frame::read(&self.bytes, at))
            .collect()
    }

    /// All records, in the order of the file.
    pub(crate) fn frames(&self) -> Frames<'_> {
        Frames::new(&self.bytes, 0)
    }

    /// How many keys have a record.
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether a record holds inline blobs that were written before the machine's last start.
    pub(crate) fn is_unsettled(&self) -> bool {
        self.is_unsettled
    }

    /// Bytes that belong to no record: between records, and behind the last one.
    pub(crate) fn garbage(&self) -> (u64, u64) {
        (self.garbage, self.torn)
    }

    /// Reads what other processes have appended.
    pub(crate) fn refresh(&mut self) -> Result<(), CacheError> {
        if self.is_replaced()? {
            self.reload()?;
        } else {
            self.read_on()?;
        }
        Ok(())
    }

    /// Appends whole records. Returns the file, for the caller to sync when nobody waits for this log.
    pub(crate) fn append(&mut self, records: &[u8]) -> Result<Arc<File>, CacheError> {
        let file = self.lock()?;
        let written = self.append_locked(&file, records);
        let unlocked = file.unlock().map_err(CacheError::io("unlock", &self.path));
        written.and(unlocked).map(|()| file)
    }

    fn append_locked(&mut self, mut file: &File, records: &[u8]) -> Result<(), CacheError> {
        self.read_on()?;
        let end = self.bytes.len() as u64;
        if self.torn > 0 {
            file.set_len(end)
                .map_err(CacheError::io("cut the torn end off", &self.path))?;
        }
        if let Err(error) = file.write_all(records) {
            // Best effort: the next writer cuts a torn end off as well.
            let _ = file.set_len(end);
            return Err(CacheError::io("append to", &self.path)(error));
        }
        self.take_in(|bytes| {
            bytes.extend_from_slice(records);
            Ok(())
        })
    }

    /// Replaces the file by one that holds what `choose` makes of the live records, durably. `temporary` lies on the
    /// same file system.
    pub(crate) fn rewrite(
        &mut self,
        temporary: &Path,
        choose: impl FnOnce(&Self) -> Result<Vec<u8>, CacheError>,
    ) -> Result<(), CacheError> {
        let old = self.lock()?;
        let replaced = self.read_on().and_then(|()| {
            let records = choose(self)?;
            let file = write_durably(&self.path, temporary, &records)?;
            self.path.parent().map_or(Ok(()), sync_dir)?;
            self.clear();
            self.file = Some(Arc::new(file));
            self.take_in(|bytes| {
                *bytes = records;
                Ok(())
            })
        });
        let unlocked = old.unlock().map_err(CacheError::io("unlock", &self.path));
        replaced.and(unlocked)
    }

    /// Locks the file that is at the path now, having read it again if that is a new one.
    fn lock(&mut self) -> Result<Arc<File>, CacheError> {
        loop {
            if let Some(file) = self.file.clone() {
                file.lock().map_err(CacheError::io("lock", &self.path))?;
                match self.is_replaced() {
                    Ok(false) => return Ok(file),
                    Ok(true) => file
                        .unlock()
                        .map_err(CacheError::io("unlock", &self.path))?,
                    Err(error) => {
                        let _ = file.unlock();
                        return Err(error);
                    }
                }
            }
            self.is_writable = true;
            self.reload()?;
        }
    }

    fn is_replaced(&self) -> Result<bool, CacheError> {
        let ours = match &self.file {
            Some(file) => Some(identity(
                &file
                    .metadata()
                    .map_err(CacheError::io("look at", &self.path))?,
            )),
            None => None,
        };
        match fs::metadata(&self.path) {
            Ok(meta) => Ok(ours != Some(identity(&meta))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(ours.is_some()),
            Err(error) => Err(CacheError::io("look at", &self.path)(error)),
        }
    }

    fn reload(&mut self) -> Result<(), CacheError> {
        *self = Self::open(self.path.clone(), self.is_writable, self.boot)?;
        Ok(())
    }

    /// Takes in the bytes behind the last known record.
    fn read_on(&mut self) -> Result<(), CacheError> {
        let Some(file) = self.file.clone() else {
            return Ok(());
        };
        let len = file
            .metadata()
            .map_err(CacheError::io("look at", &self.path))?
            .len();
        if len < self.bytes.len() as u64 {
            // Somebody has cut the file: nothing that was read from it can be relied on.
            self.clear();
        }
        self.torn = 0;
        let known = self.bytes.len() as u64;
        if len == known {
            return Ok(());
        }
        self.take_in(|bytes| {
            let mut file = &*file;
            file.seek(SeekFrom::Start(known))?;
            bytes.reserve(usize::try_from(len - known).unwrap_or(0));
            file.take(len - known).read_to_end(bytes).map(drop)
        })
    }

    fn clear(&mut self) {
        self.bytes = Vec::new();
        self.index.clear();
        (self.is_unsettled, self.garbage, self.torn) = (false, 0, 0);
    }

    /// Has bytes that follow the known ones in the file added to them, and indexes those.
    fn take_in(
        &mut self,
        add: impl FnOnce(&mut Vec<u8>) -> io::Result<()>,
    ) -> Result<(), CacheError> {
        let known = self.bytes.len();
        if let Err(error) = add(&mut self.bytes) {
            self.bytes.truncate(known);
            return Err(CacheError::io("read", &self.path)(error));
        }
        let mut frames = Frames::new(&self.bytes, known);
        for (at, frame) in frames.by_ref() {
            match frame.kind {
                kind::FORGOTTEN => {
                    self.index.remove(&frame.key);
                }
                _ => {
                    self.index.insert(frame.key, at);
                }
            }
            self.is_unsettled |= is_from_before(frame.inline, self.boot);
        }
        let end = frames.end();
        self.garbage += frames.garbage();
        self.torn = (self.bytes.len() - end) as u64;
        self.bytes.truncate(end);
        Ok(())
    }
}

fn open(path: &Path, is_writable: bool) -> io::Result<File> {
    if is_writable {
        File::options()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
    } else {
        File::open(path)
    }
}

/// Keys are digests: any eight bytes of one are as good a hash as can be had.
#[derive(Clone, Copy, Debug, Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}
