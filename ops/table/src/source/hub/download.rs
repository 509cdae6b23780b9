//! A file of a dataset into the hub's cache.

use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use hf_hub::api::sync::ApiError;

use super::Hub;
use crate::error::TableError;
use crate::source::retry::Failure;
use crate::watch::{Progress, Watch};

impl Hub<'_> {
    /// Downloads a file into the cache. The crate's download knows no way to stop, so it has a
    /// thread of its own, which a caller that stops leaves behind; what it still writes is a part
    /// that the next download takes up.
    pub(super) fn download(
        &self,
        commit: &str,
        file: &str,
        done_before: u64,
        watch: &Watch<'_>,
    ) -> Result<PathBuf, Failure> {
        let (events, received) = channel();
        let repository = self.api.repo(self.repository(commit));
        let name = file.to_owned();
        std::thread::Builder::new()
            .name("hub".into())
            .spawn(move || {
                let progress = Reported {
                    events: events.clone(),
                };
                let result = repository.download_with_progress(&name, progress);
                // Nobody hears it where the caller has stopped.
                events.send(Event::Done(result)).ok();
            })
            .map_err(TableError::io("start a thread to fetch", &self.url))?;
        let mut bytes = 0;
        loop {
            watch.check()?;
            match received.recv_timeout(Duration::from_millis(50)) {
                Ok(Event::Read(more)) => {
                    bytes += more as u64;
                    (watch.progress)(Progress {
                        bytes: done_before + bytes,
                        rows: 0,
                    });
                }
                Ok(Event::Done(Ok(path))) => return Ok(path),
                Ok(Event::Done(Err(error))) => return Err(self.download_failed(file, &error)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Failure::Passing("the download ended unexpectedly".into()));
                }
            }
        }
    }

    fn download_failed(&self, file: &str, error: &ApiError) -> Failure {
        let inner = match error {
            ApiError::TooManyRetries(inner) => inner.as_ref(),
            other => other,
        };
        match inner {
            ApiError::RequestError(request) => match request.as_ref() {
                ureq::Error::StatusCode(status @ (401 | 403 | 404)) => self.refusal(
                    *status,
                    if *status == 404 { "EntryNotFound" } else { "" },
                    file,
                ),
                // A part as long as the file, left by a kill before its renaming, has no rest.
                ureq::Error::StatusCode(416) => {
                    self.remove_parts();
                    Failure::Passing("an earlier download left a part that does not fit".into())
                }
                other => Failure::Passing(self.unreachable(other)),
            },
            ApiError::InvalidResume => {
                self.remove_parts();
                Failure::Passing("an earlier download left a part that does not fit".into())
            }
            ApiError::IoError(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::PermissionDenied
                        | std::io::ErrorKind::ReadOnlyFilesystem
                        | std::io::ErrorKind::StorageFull
                ) =>
            {
                Failure::Lasting(self.failed(format!(
                    "the cache {} cannot be written: {error}; HF_HOME names another",
                    self.options.hub_cache.display()
                )))
            }
            other => Failure::Passing(other.to_string()),
        }
    }

    fn remove_parts(&self) {
        let blobs = self
            .cache
            .path()
            .join(self.repository("main").folder_name())
            .join("blobs");
        for entry in std::fs::read_dir(blobs).into_iter().flatten().flatten() {
            let path = entry.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "part")
            {
                std::fs::remove_file(path).ok();
            }
        }
    }
}

enum Event {
    Read(usize),
    Done(Result<PathBuf, ApiError>),
}

/// Hands the crate's progress to the thread that waits.
struct Reported {
    events: std::sync::mpsc::Sender<Event>,
}

impl hf_hub::api::Progress for Reported {
    fn init(&mut self, _size: usize, _filename: &str) {}

    fn update(&mut self, size: usize) {
        self.events.send(Event::Read(size)).ok();
    }

    fn finish(&mut self) {}
}
