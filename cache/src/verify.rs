//! Reading everything again: what is not what its name says is moved away.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use crate::disk::{hash, unique_name};
use crate::{Absence, Artifact, Blob, Cache, CacheError, Digest, Key, record};

/// How far verification is, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifyProgress {
    /// Bytes rehashed so far.
    pub done: u64,
    /// Bytes in all blobs.
    pub total: u64,
}

/// What verification found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Actions with an intact record.
    pub actions: u64,
    /// Blobs rehashed.
    pub blobs: u64,
    /// Bytes rehashed.
    pub bytes: u64,
    /// Blobs whose content is not what their name says.
    pub corrupt: Vec<CorruptBlob>,
    /// Files in `blobs/` that no blob can be.
    pub strangers: Vec<PathBuf>,
    /// Actions with an output that can't be used, corrupt ones included; these are misses.
    pub missing: Vec<MissingOutput>,
    /// Records whose content is not what was written; these are misses.
    pub damaged_records: u64,
    /// Bytes of the log between records, which belonged to records once.
    pub garbage_bytes: u64,
    /// Bytes behind the log's last record. A kill while writing leaves such; the next writer cuts them off.
    pub torn_bytes: u64,
}

impl VerifyReport {
    /// Whether all is as it was published. A torn end of the log is no fault: nobody was told of that record.
    pub fn is_clean(&self) -> bool {
        self.corrupt.is_empty()
            && self.strangers.is_empty()
            && self.missing.is_empty()
            && self.damaged_records == 0
            && self.garbage_bytes == 0
    }
}

/// A blob whose content is not what its name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorruptBlob {
    /// What its name says.
    pub digest: Digest,
    /// Where it lies now, below `corrupt/`; `None` in a cache that can only be read.
    pub moved_to: Option<PathBuf>,
}

/// An output that can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingOutput {
    /// Its action.
    pub key: Key,
    /// Its port.
    pub port: String,
    /// What is wrong with its first bad blob.
    pub why: Absence,
}

impl Cache {
    /// Rehashes every blob and checks every record. Corrupt blobs are moved to `corrupt/`, so that their actions
    /// are misses from then on. `progress` is called from several threads, after each blob.
    ///
    /// # Errors
    /// [`CacheError::Io`] for what can't be read; damage is no error but part of the report.
    pub fn verify(
        &self,
        progress: &(dyn Fn(VerifyProgress) + Sync),
    ) -> Result<VerifyReport, CacheError> {
        // Nobody may remove what is being read.
        let _shared = if self.is_read_only {
            None
        } else {
            Some(self.share()?)
        };
        self.refresh()?;
        let inventory = self.inventory()?;
        let total = inventory.blobs.iter().map(|stored| stored.blob.size).sum();
        let done = AtomicU64::new(0);
        let checked: Vec<Option<CorruptBlob>> = inventory
            .blobs
            .par_iter()
            .map(|stored| {
                let corrupt = self.check_blob(&stored.blob, &stored.path);
                let done = done.fetch_add(stored.blob.size, Ordering::Relaxed) + stored.blob.size;
                progress(VerifyProgress { done, total });
                corrupt
            })
            .collect::<Result<_, _>>()?;
        let mut report = VerifyReport {
            blobs: inventory.blobs.len() as u64,
            bytes: total,
            corrupt: checked.into_iter().flatten().collect(),
            strangers: inventory.strangers,
            ..VerifyReport::default()
        };
        self.verify_log(&mut report);
        Ok(report)
    }

    fn verify_log(&self, report: &mut VerifyReport) {
        let log = self.log();
        (report.garbage_bytes, report.torn_bytes) = log.garbage();
        report.damaged_records =
            log.frames().filter(|(_, frame)| !frame.is_intact()).count() as u64;
        for action in log.live().iter().filter_map(record::decode) {
            report.actions += 1;
            // Verification is no use: it must not keep what nobody needs.
            if let Err((port, why)) = self.check_since(&action, i64::MIN) {
                report.missing.push(MissingOutput {
                    key: action.key,
                    port,
                    why,
                });
            }
        }
    }

    /// Rehashes the blobs of one artifact, as when a reader finds it damaged, and moves corrupt ones to `corrupt/`.
    /// Returns those; their actions are misses now, to be computed again.
    ///
    /// # Errors
    /// [`CacheError::ReadOnly`]; [`CacheError::Io`].
    pub fn quarantine(&self, artifact: &Artifact) -> Result<Vec<CorruptBlob>, CacheError> {
        self.writable("move corrupt blobs away")?;
        let _shared = self.share()?;
        artifact
            .blobs()
            .filter_map(|blob| self.check_blob(blob, &self.blob_path(blob)).transpose())
            .collect()
    }

    /// Rehashes one blob, and moves it away if it is corrupt.
    fn check_blob(&self, blob: &Blob, path: &Path) -> Result<Option<CorruptBlob>, CacheError> {
        let mut file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(CacheError::io("open", path))?,
        };
        if hash(&mut file, path)? == *blob {
            return Ok(None);
        }
        if self.is_read_only {
            return Ok(Some(CorruptBlob {
                digest: blob.digest,
                moved_to: None,
            }));
        }
        let to = self
            .root
            .join("corrupt")
            .join(format!("{}.{}", blob.digest, unique_name()));
        fs::rename(path, &to).map_err(CacheError::io("move a corrupt blob to", &to))?;
        Ok(Some(CorruptBlob {
            digest: blob.digest,
            moved_to: Some(to),
        }))
    }
}
