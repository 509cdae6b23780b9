//! The journal of a run: one event a line, each behind a checksum of its own. It is only ever appended to; what a
//! kill tore off is dropped when it is read.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::event::Event;

/// Hexadecimal digits of the checksum in front of each record.
const CHECKSUM_DIGITS: usize = 16;

/// A journal that is being written.
pub struct Journal {
    file: BufWriter<File>,
    path: PathBuf,
}

impl Journal {
    /// Begins a journal; the file must not exist. It is locked while it is being written, as far as the file system has locks.
    pub fn create(path: &Path) -> io::Result<Journal> {
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(path)?;
        if let Err(error) = file.lock() {
            tracing::debug!("{}: {error}", path.display());
        }
        Ok(Journal {
            file: BufWriter::new(file),
            path: path.to_path_buf(),
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends an event. It is on its way to the file when this returns, unless `buffered`.
    pub fn append(&mut self, event: &Event, buffered: bool) -> io::Result<()> {
        let text = serde_json::to_string(event)?;
        writeln!(self.file, "{} {text}", checksum(&text))?;
        if buffered { Ok(()) } else { self.file.flush() }
    }

    /// Makes everything durable.
    pub fn finish(mut self) -> io::Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_data()
    }
}

/// Whether somebody is writing a journal.
pub fn is_being_written(path: &Path) -> bool {
    File::open(path)
        .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// What a journal holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Replay {
    /// The events before the first damaged record.
    pub events: Vec<Event>,
    /// Bytes that were dropped because a record was torn or damaged.
    pub dropped: usize,
}

/// Reads a journal up to its first damaged record.
pub fn replay(path: &Path) -> io::Result<Replay> {
    let bytes = std::fs::read(path)?;
    let mut replay = Replay::default();
    let mut rest = bytes.as_slice();
    while let Some(length) = rest.iter().position(|byte| *byte == b'\n') {
        let Some(event) = record(&rest[..length]) else {
            break;
        };
        replay.events.push(event);
        rest = &rest[length + 1..];
    }
    replay.dropped = rest.len();
    Ok(replay)
}

/// The last event of a journal, read from its end; `None` where the tail is torn.
pub fn last_event(path: &Path) -> Option<Event> {
    use std::io::{Read, Seek, SeekFrom};
    const TAIL: u64 = 4096;
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))
        .ok()?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail).ok()?;
    let line = tail.strip_suffix(b"\n")?;
    let start = line
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    record(&line[start..])
}

fn record(line: &[u8]) -> Option<Event> {
    let line = std::str::from_utf8(line).ok()?;
    let (sum, text) = line.split_at_checked(CHECKSUM_DIGITS)?;
    let text = text.strip_prefix(' ')?;
    (checksum(text) == sum).then(|| serde_json::from_str(text).ok())?
}

fn checksum(text: &str) -> String {
    let mut digest = cache::Digest::of(text.as_bytes()).to_string();
    digest.truncate(CHECKSUM_DIGITS);
    digest
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_is_being_written_until_its_writer_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        assert!(!is_being_written(&path));
        let first = Journal::create(&path).unwrap();
        assert!(is_being_written(&path));
        first.finish().unwrap();
        assert!(!is_being_written(&path));
    }
}
