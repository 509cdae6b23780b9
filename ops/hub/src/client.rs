//! The hub's HTTP API: what a revision holds, what a file is, and its bytes.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;
use ureq::config::RedirectAuthHeaders;
use ureq::http::Response;
use ureq::{Agent, Body};

use crate::error::{HubError, Result};
use crate::name::{is_commit, is_inside};
use crate::options::{Options, Token};
use crate::retry::Failure;

/// One repository of the hub.
pub(crate) struct Client {
    agent: Agent,
    /// For answers that say more than the place that they send on to.
    direct: Agent,
    pub(crate) endpoint: String,
    pub(crate) repository: String,
    pub(crate) revision: String,
    /// Repository and revision, for messages.
    pub(crate) model: String,
    pub(crate) token: Option<Token>,
    /// The commit that the cache has, for messages.
    pub(crate) cached: Option<String>,
}

/// What a revision holds.
pub(crate) struct Listing {
    pub(crate) commit: String,
    pub(crate) files: BTreeSet<String>,
}

/// What the hub says of a file.
#[derive(Clone, Debug)]
pub(crate) struct Metadata {
    pub(crate) etag: String,
    pub(crate) bytes: Option<u64>,
}

impl Client {
    pub(crate) fn new(
        options: &Options,
        repository: &str,
        revision: &str,
        cached: Option<String>,
    ) -> Result<Self> {
        let config = || {
            Agent::config_builder()
                .http_status_as_error(false)
                .redirect_auth_headers(RedirectAuthHeaders::SameHost)
                .user_agent(concat!("engine/", env!("CARGO_PKG_VERSION")))
                .timeout_connect(Some(Duration::from_secs(10)))
                .timeout_recv_response(Some(Duration::from_secs(30)))
                .timeout_per_read(Some(Duration::from_secs(30)))
        };
        Ok(Self {
            agent: config().build().into(),
            direct: config().max_redirects(0).build().into(),
            endpoint: options.checked_endpoint()?.to_owned(),
            repository: repository.to_owned(),
            revision: revision.to_owned(),
            model: format!("{repository}@{revision}"),
            token: options.token.clone(),
            cached,
        })
    }

    /// What the revision holds.
    pub(crate) fn listing(&self) -> Result<Listing, Failure> {
        #[derive(Deserialize)]
        struct Answer {
            sha: String,
            #[serde(default)]
            siblings: Vec<Sibling>,
        }
        #[derive(Deserialize)]
        struct Sibling {
            rfilename: String,
        }
        let url = format!(
            "{}/api/models/{}/revision/{}",
            self.endpoint,
            self.repository,
            self.revision.replace('/', "%2F")
        );
        let mut response = self.accepted(self.get(&self.agent, &url, None)?, None)?;
        let answer: Answer = response.body_mut().read_json().map_err(|error| {
            Failure::Passing(format!("the hub's answer cannot be understood: {error}"))
        })?;
        if !is_commit(&answer.sha) {
            return Err(HubError::model(
                &self.model,
                format!(
                    "{} names no commit for the revision; is HF_ENDPOINT a hub?",
                    self.endpoint
                ),
            )
            .into());
        }
        let names = answer.siblings.into_iter().map(|sibling| sibling.rfilename);
        Ok(Listing {
            commit: answer.sha,
            files: names.filter(|name| is_inside(name)).collect(),
        })
    }

    /// What a file of a commit is. Of large files the hub says it before it sends on to where they are stored.
    pub(crate) fn metadata(&self, commit: &str, file: &str) -> Result<Metadata, Failure> {
        let mut url = self.file_url(commit, file);
        for _ in 0..5 {
            let request = self.direct.head(&url).header("accept-encoding", "identity");
            let request = match &self.token {
                Some(token) => {
                    request.header("authorization", format!("Bearer {}", token.reveal()))
                }
                None => request,
            };
            let response = request.call().map_err(|error| self.unreachable(&error))?;
            let header = |name: &str| response.headers().get(name).and_then(|v| v.to_str().ok());
            if response.status().as_u16() >= 400 {
                self.accepted(response, Some(file))?;
                break;
            }
            let is_redirect = response.status().is_redirection();
            let etag = header("x-linked-etag").or(header("etag").filter(|_| !is_redirect));
            if let Some(etag) = etag {
                let bytes =
                    header("x-linked-size").or(header("content-length").filter(|_| !is_redirect));
                return Ok(Metadata {
                    etag: self.checked_etag(etag, file)?,
                    bytes: bytes.and_then(|bytes| bytes.parse().ok()),
                });
            }
            // A repository that was renamed: the hub sends on to its new name.
            match header("location").and_then(|to| self.on_the_hub(to)) {
                Some(next) if is_redirect => url = next,
                _ => break,
            }
        }
        Err(HubError::model(
            &self.model,
            format!(
                "{} says no ETag of `{file}`; is HF_ENDPOINT a hub?",
                self.endpoint
            ),
        )
        .into())
    }

    /// The bytes of a file from `start` on.
    pub(crate) fn bytes(
        &self,
        commit: &str,
        file: &str,
        start: u64,
    ) -> Result<Response<Body>, Failure> {
        let range = (start > 0).then(|| format!("bytes={start}-"));
        self.get(&self.agent, &self.file_url(commit, file), range.as_deref())
    }

    /// A response whose status is a success; any other's meaning.
    pub(crate) fn accepted(
        &self,
        mut response: Response<Body>,
        file: Option<&str>,
    ) -> Result<Response<Body>, Failure> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let code = response.headers().get("x-error-code");
        let code = code
            .and_then(|code| code.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let body = response.body_mut().read_to_string().unwrap_or_default();
        Err(self.refusal(status.as_u16(), &code, &body, file))
    }

    fn get(
        &self,
        agent: &Agent,
        url: &str,
        range: Option<&str>,
    ) -> Result<Response<Body>, Failure> {
        let mut request = agent.get(url).header("accept-encoding", "identity");
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {}", token.reveal()));
        }
        if let Some(range) = range {
            request = request.header("range", range);
        }
        request.call().map_err(|error| self.unreachable(&error))
    }

    fn file_url(&self, commit: &str, file: &str) -> String {
        let escaped: String = file
            .bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                    char::from(byte).to_string()
                }
                other => format!("%{other:02X}"),
            })
            .collect();
        format!(
            "{}/{}/resolve/{commit}/{escaped}",
            self.endpoint, self.repository
        )
    }

    /// Where a redirect leads that stays on the hub; the token goes nowhere else.
    fn on_the_hub(&self, location: &str) -> Option<String> {
        let scheme = self.endpoint.find("://")? + 3;
        let origin = match self.endpoint[scheme..].find('/') {
            Some(path) => &self.endpoint[..scheme + path],
            None => &self.endpoint,
        };
        if location.starts_with('/') && !location.starts_with("//") {
            return Some(format!("{origin}{location}"));
        }
        let rest = location.strip_prefix(origin)?;
        rest.starts_with('/').then(|| location.to_owned())
    }

    /// An ETag as it names a file of the cache.
    fn checked_etag(&self, etag: &str, file: &str) -> Result<String, Failure> {
        let name = etag.trim_start_matches("W/").trim_matches('"');
        let is_name = !name.is_empty()
            && name.len() <= 128
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if is_name {
            return Ok(name.to_owned());
        }
        Err(HubError::model(
            &self.model,
            format!(
                "the ETag {etag:?} of `{file}` is none that a cache can keep; is HF_ENDPOINT a hub?"
            ),
        )
        .into())
    }
}
