//! Where rows come from: local files, web addresses, the Hugging Face hub, GitHub's issues.
//!
//! An address is parsed to a [`Source`]; [`fetch`] brings it to local files and says where each
//! came from.
//!
//! - `address`: the addresses.
//! - `local`: paths and globs.
//! - `glob`: the files that a glob finds.
//! - `http`: requests; `retry`: faults that may pass; `files`: files written whole.
//! - `download`: files from web addresses, resumable.
//! - `hub`: files of datasets on the Hugging Face hub, through its cache.
//! - `github`: issues through GitHub's REST API, page by page.

mod address;
mod download;
mod files;
mod github;
mod glob;
mod http;
mod hub;
mod local;
mod retry;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use address::Source;

use crate::error::Result;
use crate::read::LocalFile;
use crate::watch::Watch;

/// A token or another secret: it is sent, and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    #[must_use]
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// How sources are fetched.
#[derive(Clone, Debug)]
pub struct FetchOptions {
    /// The folder that relative paths start from.
    pub base: PathBuf,
    /// The BLAKE3 digest, hexadecimal, that a web address's content must have.
    pub blake3: Option<String>,
    /// The address of GitHub's REST API.
    pub github_api: String,
    /// A token for it.
    pub github_token: Option<Secret>,
    /// The address of the Hugging Face hub.
    pub hub_endpoint: String,
    /// A token for it.
    pub hub_token: Option<Secret>,
    /// The folder of the hub's cache.
    pub hub_cache: PathBuf,
    /// Take what the hub's cache has, and ask no server for it.
    pub hub_offline: bool,
    /// The longest wait altogether for a server's rate limit.
    pub max_wait: Duration,
    /// The pause before the first retry of a request; it doubles with each.
    pub retry_pause: Duration,
}

impl FetchOptions {
    /// The defaults: public servers, no tokens.
    #[must_use]
    pub fn new(base: impl Into<PathBuf>) -> Self {
        Self {
            base: base.into(),
            blake3: None,
            github_api: "https://api.github.com".into(),
            github_token: None,
            hub_endpoint: "https://huggingface.co".into(),
            hub_token: None,
            hub_cache: hub::default_cache(None, None),
            hub_offline: false,
            max_wait: Duration::from_secs(65 * 60),
            retry_pause: Duration::from_millis(500),
        }
    }

    /// The defaults, with what the environment says: `GITHUB_API_URL`, `HF_ENDPOINT`, `HF_TOKEN`,
    /// `HF_HUB_CACHE`, `HF_HOME`, `HF_HUB_OFFLINE`. A GitHub token is not among them: whoever
    /// runs a pipeline names its variable.
    #[must_use]
    pub fn from_env(base: impl Into<PathBuf>) -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let mut options = Self::new(base);
        if let Some(api) = variable("GITHUB_API_URL") {
            options.github_api = api;
        }
        if let Some(endpoint) = variable("HF_ENDPOINT") {
            options.hub_endpoint = endpoint;
        }
        options.hub_cache = hub::default_cache(variable("HF_HUB_CACHE"), variable("HF_HOME"));
        options.hub_token = variable("HF_TOKEN")
            .or_else(|| hf_hub::Cache::new(options.hub_cache.clone()).token())
            .map(Secret::new);
        options.hub_offline = variable("HF_HUB_OFFLINE").is_some_and(|value| {
            matches!(value.to_lowercase().as_str(), "1" | "true" | "yes" | "on")
        });
        options
    }
}

/// Where a local file came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The address, without secrets; of a local file its path.
    pub url: String,
    /// The commit of a hub's file.
    pub revision: Option<String>,
    /// The file's size.
    pub bytes: u64,
    /// The BLAKE3 digest, hexadecimal; not computed for files that were local all along.
    pub blake3: Option<String>,
}

/// A source brought to local files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The files, in order.
    pub files: Vec<LocalFile>,
    /// Where each of them came from.
    pub provenance: Vec<Provenance>,
}

/// Brings a source to local files. What comes over the network is kept in `folder` (hub files in
/// the hub's cache); what an interrupted call left there is used by the next.
///
/// # Errors
/// Where there is no such thing, a server cannot be reached or refuses, a digest differs from the
/// pinned one, or the caller asks to stop.
pub fn fetch(
    source: &Source,
    options: &FetchOptions,
    folder: &Path,
    watch: &Watch<'_>,
) -> Result<Fetched> {
    match source {
        Source::Local { pattern } => local::find(pattern, &options.base),
        Source::Http { url } => download::fetch(url, options, folder, watch),
        Source::Hub(address) => hub::fetch(address, options, watch),
        Source::Github(address) => github::fetch(address, options, folder, watch),
    }
}
