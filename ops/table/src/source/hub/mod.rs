//! Files of datasets on the Hugging Face hub, through the `hf-hub` crate and the cache that it
//! shares with the Python library.
//!
//! - `listing`: what a revision holds, said by the hub or by the cache.
//! - `download`: a file into the cache.
//! - `refusal`: what the hub's refusals mean.

mod download;
mod listing;
mod refusal;

use std::path::{Path, PathBuf};

use hf_hub::api::sync::{Api, ApiBuilder};
use hf_hub::{Cache, Repo, RepoType};

use super::address::{HubAddress, host, is_loopback};
use super::files::digest;
use super::retry::with_retries;
use super::{FetchOptions, Fetched, Provenance, Secret, glob};
use crate::error::{Result, TableError, near_miss};
use crate::read::LocalFile;
use crate::watch::Watch;
use listing::Listing;

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
}
