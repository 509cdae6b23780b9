//! Making records durable, many with one wait for the disk: threads that commit at the same time share one write and
//! one sync of the log. Whoever gets the leader's lock commits everything that waits.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::disk::sync_dir;
use crate::{Cache, CacheError};

impl Cache {
    /// Makes `dirs` durable, then appends `records` to the log and makes them durable, together with what other
    /// threads commit at the same time. The caller shares the store's lock.
    pub(crate) fn commit(&self, records: Vec<u8>, dirs: Vec<PathBuf>) -> Result<(), CacheError> {
        let ticket = Arc::new(Ticket {
            records,
            dirs,
            done: OnceLock::new(),
        });
        self.committer
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::clone(&ticket));
        let leader = self
            .committer
            .leader
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if ticket.done.get().is_none() {
            let batch = std::mem::take(
                &mut *self
                    .committer
                    .waiting
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner),
            );
            let result = self.commit_batch(&batch).map_err(Failure::from);
            for ticket in &batch {
                let _ = ticket.done.set(result.clone());
            }
        }
        drop(leader);
        match ticket.done.get() {
            Some(Ok(())) => Ok(()),
            Some(Err(failure)) => Err(failure.clone().into()),
            None => Err(CacheError::io("commit to", &self.root)(io::Error::other(
                "another thread broke off",
            ))),
        }
    }

    fn commit_batch(&self, batch: &[Arc<Ticket>]) -> Result<(), CacheError> {
        let dirs: BTreeSet<&Path> = batch
            .iter()
            .flat_map(|ticket| &ticket.dirs)
            .map(PathBuf::as_path)
            .collect();
        for dir in &dirs {
            sync_dir(dir)?;
        }
        if !dirs.is_empty() {
            // One of the folders may be new.
            sync_dir(&self.blobs_dir())?;
        }
        let records: Vec<u8> = batch
            .iter()
            .flat_map(|ticket| &ticket.records)
            .copied()
            .collect();
        let file = self.log_mut().append(&records)?;
        file.sync_data()
            .map_err(CacheError::io("sync", &self.root.join("actions.log")))
    }
}

/// Where publishing threads meet.
#[derive(Debug, Default)]
pub(crate) struct Committer {
    waiting: Mutex<Vec<Arc<Ticket>>>,
    leader: Mutex<()>,
}

#[derive(Debug)]
struct Ticket {
    records: Vec<u8>,
    dirs: Vec<PathBuf>,
    done: OnceLock<Result<(), Failure>>,
}

/// An I/O error that every thread of a batch gets to see.
#[derive(Clone, Debug)]
struct Failure {
    doing: &'static str,
    path: PathBuf,
    source: Arc<io::Error>,
}

impl From<CacheError> for Failure {
    fn from(error: CacheError) -> Self {
        match error {
            CacheError::Io {
                doing,
                path,
                source,
            } => Self {
                doing,
                path,
                source: Arc::new(source),
            },
            other => Self {
                doing: "commit",
                path: PathBuf::new(),
                source: Arc::new(io::Error::other(other)),
            },
        }
    }
}

impl From<Failure> for CacheError {
    fn from(
        Failure {
            doing,
            path,
            source,
        }: Failure,
    ) -> Self {
        let source = match source.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::new(source.kind(), source.to_string()),
        };
        Self::Io {
            doing,
            path,
            source,
        }
    }
}
