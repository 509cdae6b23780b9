//! A file into the cache: resumed where an earlier download ended, checked, and only then under its name.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cache::{Cache, create_folder};
use crate::client::{Client, Metadata};
use crate::digest::{self, Kind};
use crate::error::{HubError, Result};
use crate::options::Options;
use crate::retry::{Failure, check, sleep, with_retries};
use crate::watch::{Progress, Watch};

/// A download of one file.
pub(crate) struct Download<'a> {
    pub(crate) client: &'a Client,
    pub(crate) cache: &'a Cache,
    pub(crate) options: &'a Options,
    pub(crate) watch: &'a dyn Watch,
    pub(crate) commit: &'a str,
    pub(crate) file: &'a str,
}

impl Download<'_> {
    /// The path of the file, which is complete and as the hub says.
    pub(crate) fn run(&self) -> Result<PathBuf> {
        let metadata = with_retries(
            self.model(),
            self.options.retry_pause,
            self.watch,
            || 0,
            || self.client.metadata(self.commit, self.file),
        )?;
        let blob = self.cache.blob(&metadata.etag);
        if let Some(folder) = blob.parent() {
            create_folder(folder)?;
        }
        let lock = self.locked(&metadata.etag)?;
        if !is_whole(&blob, &metadata) {
            self.fill(&metadata, &blob)?;
        }
        let path = self.cache.link(&metadata.etag, self.commit, self.file)?;
        drop(lock);
        Ok(path)
    }

    fn model(&self) -> &str {
        &self.client.model
    }

    /// The lock on a blob; another process that downloads the same is waited for.
    fn locked(&self, etag: &str) -> Result<File> {
        let file = self.cache.lock_file(etag)?;
        let mut noted = false;
        while let Err(error) = file.try_lock() {
            if let std::fs::TryLockError::Error(error) = error {
                return Err(HubError::io("lock", self.cache.blob(etag))(error));
            }
            if !noted {
                self.watch.note(&format!(
                    "model {}: another process is fetching {}; waiting for it",
                    self.model(),
                    self.file
                ));
                noted = true;
            }
            sleep(self.model(), Duration::from_millis(100), self.watch)?;
        }
        Ok(file)
    }

    fn fill(&self, metadata: &Metadata, blob: &Path) -> Result<()> {
        let unfinished = self.cache.unfinished(&metadata.etag);
        let mut checked_before = false;
        loop {
            with_retries(
                self.model(),
                self.options.retry_pause,
                self.watch,
                || length(&unfinished),
                || self.fetch(metadata, &unfinished),
            )?;
            let kind = digest::kind(&metadata.etag);
            let found = digest::of_file(&unfinished, kind)?;
            if kind == Kind::Unknown || found.as_deref() == Some(metadata.etag.as_str()) {
                break;
            }
            std::fs::remove_file(&unfinished).map_err(HubError::io("remove", &unfinished))?;
            if checked_before {
                return Err(HubError::model(
                    self.model(),
                    format!(
                        "`{}` came damaged twice: its digest is {}, the hub says {}; a proxy or mirror on the way may change it",
                        self.file,
                        found.unwrap_or_default(),
                        metadata.etag
                    ),
                ));
            }
            checked_before = true;
            self.watch.note(&format!(
                "model {}: {} came damaged; fetching it again",
                self.model(),
                self.file
            ));
        }
        std::fs::rename(&unfinished, blob).map_err(HubError::io("write", blob))
    }

    /// Fetches what is missing of a file.
    fn fetch(&self, metadata: &Metadata, unfinished: &Path) -> Result<(), Failure> {
        let mut start = length(unfinished);
        if metadata.bytes.is_some_and(|bytes| start > bytes) {
            std::fs::remove_file(unfinished).map_err(HubError::io("remove", unfinished))?;
            start = 0;
        }
        if start > 0 && metadata.bytes == Some(start) {
            return Ok(());
        }
        let response = self.client.bytes(self.commit, self.file, start)?;
        if response.status().as_u16() == 416 {
            // What is there does not fit what the hub has.
            std::fs::remove_file(unfinished).map_err(HubError::io("remove", unfinished))?;
            return Err(Failure::Passing(
                "an earlier download left a part that does not fit".into(),
            ));
        }
        let response = self.client.accepted(response, Some(self.file))?;
        let range = response.headers().get("content-range");
        let begins = range.and_then(|range| {
            range
                .to_str()
                .ok()?
                .strip_prefix("bytes ")?
                .split('-')
                .next()?
                .parse()
                .ok()
        });
        let resumes = response.status().as_u16() == 206 && begins == Some(start);
        if !resumes {
            // The whole file comes.
            start = 0;
        }
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(unfinished)
            .map_err(HubError::io("write", unfinished))?;
        file.set_len(start)
            .map_err(HubError::io("write", unfinished))?;
        self.copy(
            response.into_body().into_reader(),
            &mut file,
            start,
            metadata,
            unfinished,
        )?;
        file.sync_all().map_err(HubError::io("write", unfinished))?;
        let got = length(unfinished);
        match metadata.bytes {
            Some(bytes) if got < bytes => Err(Failure::Passing(format!(
                "the download of `{}` ended after {got} of {bytes} bytes",
                self.file
            ))),
            _ => Ok(()),
        }
    }

    fn copy(
        &self,
        mut body: impl Read,
        file: &mut File,
        start: u64,
        metadata: &Metadata,
        path: &Path,
    ) -> Result<(), Failure> {
        let mut buffer = vec![0; 1 << 18];
        let mut bytes = start;
        loop {
            self.watch.progress(&Progress {
                file: self.file,
                bytes,
                total: metadata.bytes,
            });
            check(self.model(), self.watch)?;
            let read = body.read(&mut buffer).map_err(|error| {
                Failure::Passing(format!(
                    "the download of `{}` broke off after {bytes} bytes ({error})",
                    self.file
                ))
            })?;
            if read == 0 {
                return Ok(());
            }
            file.write_all(&buffer[..read])
                .map_err(HubError::io("write", path))?;
            bytes += read as u64;
        }
    }
}

fn length(path: &Path) -> u64 {
    path.metadata().map_or(0, |metadata| metadata.len())
}

/// True for a blob that an earlier download finished.
fn is_whole(blob: &Path, metadata: &Metadata) -> bool {
    blob.is_file() && metadata.bytes.is_none_or(|bytes| length(blob) == bytes)
}
