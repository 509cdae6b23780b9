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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, Digest, Lookup};

    /// A store of which one action was published before the machine's last start.
    fn store_from_before(root: &Path) -> Action {
        let mut cache = Cache::open(root).unwrap();
        cache.boot = Some([9; 16]);
        let staging = cache.stage().unwrap();
        for name in ["lost", "emptied", "garbled", "whole"] {
            fs::write(staging.path().join(name), format!("{name} content")).unwrap();
        }
        fs::create_dir(staging.path().join("folder")).unwrap();
        for name in ["lost", "emptied", "garbled", "whole"] {
            fs::rename(
                staging.path().join(name),
                staging.path().join("folder").join(name),
            )
            .unwrap();
        }
        let outputs = vec![("out".into(), staging.path().join("folder"))];
        cache
            .publish(Key(Digest::of(b"k")), outputs, "m".into(), "p".into())
            .unwrap()
    }

    fn blob_path(root: &Path, name: &str) -> PathBuf {
        let digest = Digest::of(format!("{name} content").as_bytes());
        Cache::open_read_only(root)
            .unwrap()
            .blob_path(&Blob { digest, size: 0 })
    }

    #[test]
    fn files_that_a_crash_of_the_machine_lost_come_back_from_the_log() {
        let home = tempfile::tempdir().unwrap();
        let action = store_from_before(home.path());
        fs::remove_file(blob_path(home.path(), "lost")).unwrap();
        for (name, content) in [("emptied", &b""[..]), ("garbled", &[0; 15])] {
            fs::remove_file(blob_path(home.path(), name)).unwrap();
            fs::write(blob_path(home.path(), name), content).unwrap();
        }
        let before = fs::metadata(home.path().join("actions.log")).unwrap().len();

        let cache = Cache::open(home.path()).unwrap();
        assert_eq!(cache.lookup(&action.key), Lookup::Hit(action.clone()));
        let report = cache.verify(&|_| ()).unwrap();
        assert!(report.is_clean(), "{report:?}");
        assert_eq!((report.blobs, report.actions), (4, 1));
        for name in ["lost", "emptied", "garbled", "whole"] {
            let path = blob_path(home.path(), name);
            assert_eq!(
                fs::read_to_string(&path).unwrap(),
                format!("{name} content")
            );
            assert!(fs::metadata(&path).unwrap().permissions().readonly());
        }
        assert!(fs::metadata(home.path().join("actions.log")).unwrap().len() < before);
        assert!(!cache.log().is_unsettled());
        assert_eq!(
            Cache::open(home.path()).unwrap().lookup(&action.key),
            Lookup::Hit(action)
        );
    }

    #[test]
    fn a_store_for_reading_only_is_left_as_it_is_after_a_crash() {
        let home = tempfile::tempdir().unwrap();
        let action = store_from_before(home.path());
        fs::remove_file(blob_path(home.path(), "lost")).unwrap();
        let cache = Cache::open_read_only(home.path()).unwrap();
        assert!(matches!(cache.lookup(&action.key), Lookup::Missing { .. }));
    }

    #[test]
    fn without_a_boot_id_nothing_is_inline() {
        let home = tempfile::tempdir().unwrap();
        let mut cache = Cache::open(home.path()).unwrap();
        cache.boot = None;
        let staging = cache.stage().unwrap();
        fs::write(staging.path().join("f"), "f").unwrap();
        let outputs = vec![("f".into(), staging.path().join("f"))];
        let action = cache
            .publish(Key(Digest::of(b"k")), outputs, String::new(), String::new())
            .unwrap();
        assert!(
            cache
                .log()
                .live()
                .iter()
                .all(|frame| frame.inline.is_empty())
        );
        assert_eq!(cache.lookup(&action.key), Lookup::Hit(action));
    }
}
