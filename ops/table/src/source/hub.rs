//! Files of datasets on the Hugging Face hub, through the `hf-hub` crate and the cache that it
//! shares with the Python library.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use hf_hub::api::sync::{Api, ApiBuilder, ApiError};
use hf_hub::{Cache, Repo, RepoType};
use serde::Deserialize;

use super::address::{HubAddress, host, is_inside, is_loopback};
use super::http::{Failure, digest, with_retries};
use super::{FetchOptions, Fetched, Provenance, Secret, glob};
use crate::error::{Result, TableError, near_miss};
use crate::read::LocalFile;
use crate::watch::{Progress, Watch};

/// The folder of the hub's cache: `HF_HUB_CACHE`, or `hub` in `HF_HOME`, or in the user's cache.
pub(super) fn default_cache(hub_cache: Option<String>, home: Option<String>) -> PathBuf {
    match (hub_cache, home) {
        (Some(cache), _) => cache.into(),
        (None, Some(home)) => Path::new(&home).join("hub"),
        (None, None) => std::env::home_dir()
            .unwrap_or_else(|| PathBuf::from("."))
            .join(".cache/huggingface/hub"),
    }
}

/// What the hub tells of a repository at a revision.
#[derive(Deserialize)]
struct RepositoryInfo {
    sha: String,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
}

/// The files of a revision: its commit and their paths.
struct Listing {
    commit: String,
    files: Vec<String>,
}

/// Brings the files that an address names into the hub's cache.
pub(super) fn fetch(
    address: &HubAddress,
    options: &FetchOptions,
    watch: &Watch<'_>,
) -> Result<Fetched> {
    let hub = Hub::new(address, options)?;
    let listing = if options.hub_offline {
        hub.cached_listing()?
    } else {
        with_retries(&hub.url, options, watch, || hub.listing())?
    };
    let files = chosen(&hub, &listing)?;
    let mut fetched = Fetched {
        files: Vec::with_capacity(files.len()),
        provenance: Vec::with_capacity(files.len()),
    };
    let mut done = 0;
    for file in files {
        let cached = hub.snapshot(&listing.commit).join(file);
        let path = if cached.exists() {
            cached
        } else if options.hub_offline {
            return Err(hub.failed(format!(
                "`{file}` is not in the cache {} and HF_HUB_OFFLINE forbids to ask the hub; fetch it once while online",
                options.hub_cache.display()
            )));
        } else {
            with_retries(&hub.url, options, watch, || {
                hub.download(&listing.commit, file, done, watch)
            })?
        };
        let bytes = std::fs::metadata(&path)
            .map_err(TableError::io("read", &path))?
            .len();
        done += bytes;
        fetched.provenance.push(Provenance {
            url: format!(
                "hf://datasets/{}/{file}@{}",
                address.repository, listing.commit
            ),
            revision: Some(listing.commit.clone()),
            bytes,
            blake3: Some(digest(&path, watch)?),
        });
        fetched.files.push(LocalFile {
            path,
            name: file.to_owned(),
        });
    }
    Ok(fetched)
}

/// The files of a listing that the address names: one, or those that match a glob, sorted.
fn chosen<'a>(hub: &Hub<'_>, listing: &'a Listing) -> Result<Vec<&'a str>> {
    let wanted = hub.address.path.as_str();
    let all = || listing.files.iter().map(String::as_str);
    if let Some(file) = all().find(|file| *file == wanted) {
        return Ok(vec![file]);
    }
    if glob::is_pattern(wanted) {
        let pattern = ::glob::Pattern::new(wanted)
            .map_err(|error| hub.failed(format!("`{wanted}` is no glob: {error}")))?;
        let options = ::glob::MatchOptions {
            case_sensitive: true,
            require_literal_separator: true,
            require_literal_leading_dot: false,
        };
        let mut files: Vec<&str> = all()
            .filter(|file| pattern.matches_with(file, options) && !glob::is_hidden(file, wanted))
            .collect();
        files.sort_unstable();
        if !files.is_empty() {
            return Ok(files);
        }
    }
    let hint = match near_miss(wanted, all()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let some: Vec<&str> = all().take(10).collect();
            format!(
                "it has {} files, such as {}",
                listing.files.len(),
                some.join(", ")
            )
        }
    };
    Err(hub.failed(format!(
        "no file `{wanted}` in {} at {}; {hint}",
        hub.address.repository, hub.address.revision
    )))
}

struct Hub<'a> {
    address: &'a HubAddress,
    options: &'a FetchOptions,
    cache: Cache,
    api: Api,
    url: String,
}

impl<'a> Hub<'a> {
    fn new(address: &'a HubAddress, options: &'a FetchOptions) -> Result<Self> {
        let endpoint = options.hub_endpoint.trim_end_matches('/');
        let (scheme, rest) = endpoint.split_once("://").unwrap_or(("", endpoint));
        if scheme != "https" && !(scheme == "http" && is_loopback(host(rest))) {
            return Err(TableError::Options {
                message: format!("HF_ENDPOINT must begin with https://, not `{endpoint}`"),
            });
        }
        // The crate links files by paths relative to each other, which must both be absolute.
        let folder = std::path::absolute(&options.hub_cache)
            .map_err(TableError::io("find", &options.hub_cache))?;
        let cache = Cache::new(folder);
        let url = format!("{endpoint}/datasets/{}", address.repository);
        let api = ApiBuilder::from_cache(cache.clone())
            .with_endpoint(endpoint.to_owned())
            .with_progress(false)
            .with_token(
                options
                    .hub_token
                    .as_ref()
                    .map(Secret::reveal)
                    .map(str::to_owned),
            )
            .build()
            .map_err(|error| TableError::Fetch {
                url: url.clone(),
                reason: error.to_string(),
            })?;
        Ok(Self {
            address,
            options,
            cache,
            api,
            url,
        })
    }

    fn failed(&self, reason: impl Into<String>) -> TableError {
        TableError::Fetch {
            url: self.url.clone(),
            reason: reason.into(),
        }
    }

    fn repository(&self, revision: &str) -> Repo {
        Repo::with_revision(
            self.address.repository.clone(),
            RepoType::Dataset,
            revision.to_owned(),
        )
    }

    fn snapshot(&self, commit: &str) -> PathBuf {
        self.cache
            .repo(self.repository(commit))
            .pointer_path(commit)
    }

    /// What the hub says a revision holds.
    fn listing(&self) -> Result<Listing, Failure> {
        let repository = self.repository(&self.address.revision);
        let mut response = self
            .api
            .repo(repository.clone())
            .info_request()
            .config()
            .http_status_as_error(false)
            .build()
            .call()
            .map_err(|error| Failure::Passing(self.unreachable(&error)))?;
        let status = response.status().as_u16();
        if status != 200 {
            let code = response
                .headers()
                .get("x-error-code")
                .and_then(|code| code.to_str().ok())
                .unwrap_or_default()
                .to_owned();
            let body = response.body_mut().read_to_string().unwrap_or_default();
            return Err(self.refusal(status, &code, &body));
        }
        let info: RepositoryInfo = response.body_mut().read_json().map_err(|error| {
            Failure::Passing(format!("the hub's answer cannot be understood: {error}"))
        })?;
        if !is_commit(&info.sha) {
            return Err(self
                .failed("the hub names no commit for the revision")
                .into());
        }
        // So that the revision is found offline; a cache that cannot be written fails later.
        self.cache.repo(repository).create_ref(&info.sha).ok();
        Ok(Listing {
            commit: info.sha,
            files: info
                .siblings
                .into_iter()
                .map(|sibling| sibling.rfilename)
                .filter(|file| is_inside(file))
                .collect(),
        })
    }

    /// What the cache has of a revision.
    fn cached_listing(&self) -> Result<Listing> {
        let revision = &self.address.revision;
        let missing = || {
            self.failed(format!(
                "HF_HUB_OFFLINE forbids to ask the hub, and the cache {} has nothing of revision `{revision}`; fetch it once while online",
                self.options.hub_cache.display()
            ))
        };
        let folder = self
            .cache
            .path()
            .join(self.repository(revision).folder_name());
        let commit = if is_commit(revision) && self.snapshot(revision).is_dir() {
            revision.clone()
        } else {
            std::fs::read_to_string(folder.join("refs").join(revision))
                .map_err(|_| missing())?
                .trim()
                .to_owned()
        };
        if !is_commit(&commit) {
            return Err(missing());
        }
        let root = self.snapshot(&commit);
        let mut files = Vec::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            let Ok(entries) = std::fs::read_dir(&folder) else {
                continue;
            };
            for entry in entries.flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if let Some(name) = path.strip_prefix(&root).ok().and_then(Path::to_str) {
                    files.push(name.to_owned());
                }
            }
        }
        files.sort();
        Ok(Listing { commit, files })
    }

    /// Downloads a file into the cache. The crate's download knows no way to stop, so it has a
    /// thread of its own, which a caller that stops leaves behind; what it still writes is a part
    /// that the next download takes up.
    fn download(
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

    fn unreachable(&self, error: &ureq::Error) -> String {
        match error {
            ureq::Error::StatusCode(status) => format!("the hub answers {status}"),
            other => format!(
                "the hub cannot be reached ({other}); without network, HF_HUB_OFFLINE=1 takes what the cache has"
            ),
        }
    }

    /// What the hub's refusal means. It tells by a header what its status leaves open.
    fn refusal(&self, status: u16, code: &str, body: &str) -> Failure {
        #[derive(Deserialize)]
        struct HubError {
            error: String,
        }
        let repository = &self.address.repository;
        let said = serde_json::from_str::<HubError>(body).map_or_else(
            |_| String::new(),
            |hub| format!(" (the hub says: {})", hub.error),
        );
        let token = if self.options.hub_token.is_some() {
            "the token in HF_TOKEN may not see it"
        } else {
            "if it is private, set HF_TOKEN"
        };
        let reason = match (status, code) {
            (429 | 500..=599, _) => {
                return Failure::Passing(format!("the hub answers {status}{said}"));
            }
            (_, "GatedRepo") => format!(
                "the dataset {repository} is gated: accept its terms on its page, then set HF_TOKEN{said}"
            ),
            (_, "RevisionNotFound") => format!(
                "the dataset {repository} has no revision `{}`{said}",
                self.address.revision
            ),
            (_, "EntryNotFound") => format!("the dataset {repository} has no file `{body}`"),
            (_, "RepoNotFound") | (404, _) => {
                format!("there is no dataset {repository}; {token}{said}")
            }
            (401 | 403, _) => {
                format!("the hub does not let the dataset {repository} be read; {token}{said}")
            }
            _ => format!("the hub answers {status}{said}"),
        };
        Failure::Lasting(self.failed(reason))
    }
}

fn is_commit(text: &str) -> bool {
    text.len() >= 7 && text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
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
