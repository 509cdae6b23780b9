//! Rewriting the log, and making inline blobs ordinary ones: durable files, no bytes in the log.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::disk::{sync_dir, write_durably};
use crate::inline::{self, is_from_before};
use crate::log::Log;
use crate::{Blob, Cache, CacheError, Key};

impl Cache {
    /// Puts back what a crash of the machine may have lost of the blobs that are inline in the log.
    pub(crate) fn settle(&self) -> Result<(), CacheError> {
        let _alone = self.exclude()?;
        self.rewrite_log(|_| true)
    }

    /// Rewrites the log with the newest records of the keys to keep. Blobs that were inline since before the
    /// machine's last start become durable files; younger ones stay inline, since syncing files that the system has
    /// not written out yet takes long. The caller has the store alone.
    pub(crate) fn rewrite_log(&self, keep: impl Fn(&Key) -> bool) -> Result<(), CacheError> {
        let session = self.session()?;
        let choose = |log: &Log| {
            let mut records = Vec::new();
            let mut dirs = BTreeSet::new();
            for frame in log
                .live()
                .iter()
                .filter(|frame| frame.is_intact() && keep(&frame.key))
            {
                if is_from_before(frame.inline, self.boot) {
                    for (blob, bytes) in inline::blobs(frame.inline) {
                        dirs.insert(self.settle_blob(&blob, bytes, &session.new_path())?);
                    }
                    frame.without_inline().write(&mut records);
                } else {
                    frame.write(&mut records);
                }
            }
            for dir in &dirs {
                sync_dir(dir)?;
            }
            if !dirs.is_empty() {
                sync_dir(&self.blobs_dir())?;
            }
            Ok(records)
        };
        self.log_mut().rewrite(&session.new_path(), choose)
    }

    /// Makes a blob's file durable, written again if it is not what it should be. Returns its folder.
    fn settle_blob(
        &self,
        blob: &Blob,
        bytes: &[u8],
        temporary: &Path,
    ) -> Result<PathBuf, CacheError> {
        let path = self.blob_path(blob);
        let dir = path.parent().map(Path::to_owned).unwrap_or_default();
        if fs::read(&path).is_ok_and(|found| found == bytes) {
            File::open(&path)
                .and_then(|file| file.sync_all())
                .map_err(CacheError::io("sync", &path))?;
        } else {
            fs::create_dir_all(&dir).map_err(CacheError::io("create", &dir))?;
            let file = write_durably(&path, temporary, bytes)?;
            file.set_permissions(Permissions::from_mode(0o444))
                .map_err(CacheError::io("write-protect", &path))?;
        }
        Ok(dir)
    }
}
