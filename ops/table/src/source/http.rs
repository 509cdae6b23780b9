//! Requests over HTTP: which servers may be asked, and what they may be told.

use std::time::Duration;

use ureq::http::Response;
use ureq::{Agent, Body};

use super::Secret;
use super::address::{host, is_loopback};
use super::retry::Failure;
use crate::error::{Result, TableError};

const MOST_REDIRECTS: u32 = 10;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a server may be silent.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest page of an API that is taken into memory.
const MOST_BODY_BYTES: u64 = 256 << 20;
const USER_AGENT: &str = concat!("table/", env!("CARGO_PKG_VERSION"));

/// Asks servers, follows redirects, and never sends a token to another server than it is for.
pub(super) struct Client {
    agent: Agent,
    local_agent: Agent,
}

impl Client {
    pub(super) fn new() -> Self {
        let config = || {
            Agent::config_builder()
                .http_status_as_error(false)
                .max_redirects(0)
                .max_redirects_will_error(false)
                .user_agent(USER_AGENT)
                // Bytes are counted, resumed and hashed as they lie on the server.
                .accept_encoding("identity")
                .timeout_connect(Some(CONNECT_TIMEOUT))
                .timeout_recv_response(Some(SILENCE_TIMEOUT))
                .timeout_per_read(Some(SILENCE_TIMEOUT))
        };
        Self {
            agent: config().build().into(),
            local_agent: config().proxy(None).build().into(),
        }
    }

    /// The answer to a request, redirects followed, whatever its status.
    pub(super) fn get(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        token: Option<&Secret>,
    ) -> Result<Response<Body>, Failure> {
        let mut at = url.to_owned();
        for _ in 0..=MOST_REDIRECTS {
            check_allowed(&at, url)?;
            let agent = if is_loopback(host_of(&at)) {
                &self.local_agent
            } else {
                &self.agent
            };
            let mut request = agent.get(&at);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            if let Some(token) = token
                && same_server(&at, url)
            {
                request = request.header("authorization", format!("Bearer {}", token.reveal()));
            }
            let response = request.call().map_err(|error| passing(&error, url))?;
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(response);
            }
            let location = header(&response, "location")
                .ok_or_else(|| failed(url, "the server redirects to nowhere"))?;
            at = resolve(&at, location);
        }
        Err(failed(url, "the server redirects in circles").into())
    }

    /// The whole body of an answer.
    pub(super) fn body(response: Response<Body>) -> Result<Vec<u8>, Failure> {
        response
            .into_body()
            .into_with_config()
            .limit(MOST_BODY_BYTES)
            .read_to_vec()
            .map_err(|error| Failure::Passing(format!("the answer broke off: {error}")))
    }
}

/// A header's value, if it is text.
pub(super) fn header<'a>(response: &'a Response<Body>, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

pub(super) fn failed(url: &str, reason: impl Into<String>) -> TableError {
    TableError::Fetch {
        url: url.to_owned(),
        reason: reason.into(),
    }
}

fn passing(error: &ureq::Error, url: &str) -> Failure {
    match error {
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
            Failure::Lasting(failed(url, format!("it is no web address ({error})")))
        }
        ureq::Error::Timeout(_) => Failure::Passing("the server does not answer in time".into()),
        ureq::Error::HostNotFound => Failure::Passing(
            "the server's name is unknown; check the address and the network".into(),
        ),
        other => Failure::Passing(other.to_string()),
    }
}

fn host_of(url: &str) -> &str {
    host(url.split_once("://").map_or("", |(_, rest)| rest))
}

/// Scheme, host and port of an address.
pub(super) fn server(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..]
        .find(['/', '?', '#'])
        .map_or(url.len(), |at| start + at);
    &url[..end]
}

pub(super) fn same_server(one: &str, other: &str) -> bool {
    server(one).eq_ignore_ascii_case(server(other))
}

/// Plain HTTP is for servers on this machine only, also behind redirects.
fn check_allowed(url: &str, asked: &str) -> Result<()> {
    if url.starts_with("https://") || (url.starts_with("http://") && is_loopback(host_of(url))) {
        return Ok(());
    }
    Err(failed(
        asked,
        "the server redirects to an address that is not https",
    ))
}

/// An address relative to another.
fn resolve(base: &str, location: &str) -> String {
    if location.contains("://") {
        return location.to_owned();
    }
    if let Some(rest) = location.strip_prefix("//") {
        let scheme = base.split("://").next().unwrap_or("https");
        return format!("{scheme}://{rest}");
    }
    let server = server(base);
    if location.starts_with('/') {
        return format!("{server}{location}");
    }
    let path = base[server.len()..].split(['?', '#']).next().unwrap_or("");
    let folder = path.rfind('/').map_or("/", |slash| &path[..=slash]);
    format!("{server}{folder}{location}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_resolved_against_each_other() {
        let base = "https://a.org/x/y?q=1";
        for (location, expected) in [
            ("https://b.org/z", "https://b.org/z"),
            ("//b.org/z", "https://b.org/z"),
            ("/z", "https://a.org/z"),
            ("z", "https://a.org/x/z"),
        ] {
            assert_eq!(resolve(base, location), expected);
        }
        assert_eq!(resolve("https://a.org", "z"), "https://a.org/z");
    }
}
