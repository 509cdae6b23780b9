//! What a revision of a dataset holds.

use std::path::Path;

use serde::Deserialize;

use super::Hub;
use crate::error::Result;
use crate::source::address::is_inside;
use crate::source::retry::Failure;

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
pub(super) struct Listing {
    pub(super) commit: String,
    pub(super) files: Vec<String>,
}

impl Hub<'_> {
    /// What the hub says a revision holds.
    pub(super) fn listing(&self) -> Result<Listing, Failure> {
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
    pub(super) fn cached_listing(&self) -> Result<Listing> {
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
}

fn is_commit(text: &str) -> bool {
    text.len() >= 7 && text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
