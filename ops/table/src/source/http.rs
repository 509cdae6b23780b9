//! Requests over HTTP: which servers may be asked, retries, and downloads that resume.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use ureq::http::Response;
use ureq::{Agent, Body};

use super::address::{host, is_loopback};
use super::{FetchOptions, Fetched, Provenance, Secret};
use crate::error::{Result, TableError};
use crate::read::LocalFile;
use crate::watch::{Progress, Watch};

/// How often a request is made before a passing fault counts as lasting.
const TRIES: u32 = 3;
const MOST_REDIRECTS: u32 = 10;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a server may be silent.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest page of an API that is taken into memory.
const MOST_BODY_BYTES: u64 = 256 << 20;
const USER_AGENT: &str = concat!("table/", env!("CARGO_PKG_VERSION"));

/// A request's failure: one that may pass, or one that will not.
pub(super) enum Failure {
    Passing(String),
    Lasting(TableError),
}

impl From<TableError> for Failure {
    fn from(error: TableError) -> Self {
        Self::Lasting(error)
    }
}

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
fn server(url: &str) -> &str {
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

/// Makes a request up to three times, with growing pauses, while its faults may pass.
pub(super) fn with_retries<T>(
    url: &str,
    options: &FetchOptions,
    watch: &Watch<'_>,
    mut request: impl FnMut() -> Result<T, Failure>,
) -> Result<T> {
    let mut pause = options.retry_pause;
    for attempt in 1.. {
        watch.check()?;
        match request() {
            Ok(value) => return Ok(value),
            Err(Failure::Lasting(error)) => return Err(error),
            Err(Failure::Passing(reason)) if attempt >= TRIES => {
                return Err(failed(
                    url,
                    format!("{reason}; tried {TRIES} times, try again later"),
                ));
            }
            Err(Failure::Passing(reason)) => {
                (watch.note)(&format!("{url}: {reason}; trying again"));
                watch.sleep(pause + jitter(pause))?;
                pause *= 2;
            }
        }
    }
    Err(failed(url, "no request was made"))
}

/// A random share of a pause, so that clients that failed together do not return together.
pub(super) fn jitter(pause: Duration) -> Duration {
    let nanos = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |now| now.subsec_nanos());
    pause.mul_f64(f64::from(nanos % 1_000_000) / 2_000_000.0)
}

/// What tells whether a file on a server is still the one that a download began with.
#[derive(Default, Serialize, Deserialize)]
struct Validator {
    url: String,
    /// A strong ETag, or the date of the last change.
    value: Option<String>,
    is_etag: bool,
}

/// Downloads a web address into `folder`, or takes what an earlier call left there if the server
/// says that it is unchanged or the pinned digest says so.
pub(super) fn fetch(
    url: &str,
    options: &FetchOptions,
    folder: &Path,
    watch: &Watch<'_>,
) -> Result<Fetched> {
    let name = file_name(url);
    let tag = blake3::hash(url.as_bytes()).to_hex();
    let path = folder.join(format!("{}-{name}", &tag[..16]));
    std::fs::create_dir_all(folder).map_err(TableError::io("create", folder))?;
    let pinned = options.blake3.as_deref().map(str::to_lowercase);
    let held = if path.exists() {
        Some(digest(&path, watch)?)
    } else {
        None
    };
    let found = match (held, &pinned) {
        (Some(held), Some(pinned)) if held == *pinned => held,
        _ => {
            let client = Client::new();
            with_retries(url, options, watch, || download(&client, url, &path, watch))?;
            digest(&path, watch)?
        }
    };
    if let Some(expected) = pinned
        && found != expected
    {
        // Another time the server may have the right one again.
        std::fs::remove_file(&path).map_err(TableError::io("remove", &path))?;
        return Err(TableError::Pin {
            url: url.to_owned(),
            expected,
            found,
        });
    }
    let bytes = std::fs::metadata(&path)
        .map_err(TableError::io("read", &path))?
        .len();
    Ok(Fetched {
        files: vec![LocalFile { path, name }],
        provenance: vec![Provenance {
            url: url.to_owned(),
            revision: None,
            bytes,
            blake3: Some(found),
        }],
    })
}

/// The last part of an address's path, made fit for a file's name.
fn file_name(url: &str) -> String {
    let path = url[server(url).len()..]
        .split(['?', '#'])
        .next()
        .unwrap_or("");
    let last = path.rsplit('/').next().unwrap_or("");
    let name: String = last
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') {
                c
            } else {
                '_'
            }
        })
        .collect();
    let name = name.trim_start_matches('.');
    if name.is_empty() {
        return "download".into();
    }
    // The end holds the extensions.
    name[name.len().saturating_sub(120)..].to_owned()
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn read_validator(path: &Path, url: &str) -> Option<Validator> {
    let text = std::fs::read(path).ok()?;
    let validator: Validator = serde_json::from_slice(&text).ok()?;
    (validator.url == url).then_some(validator)
}

/// One attempt at a download: goes on where an earlier one broke off if the server agrees.
fn download(client: &Client, url: &str, path: &Path, watch: &Watch<'_>) -> Result<(), Failure> {
    let part = beside(path, ".part");
    let part_validator = beside(path, ".part.json");
    let done_validator = beside(path, ".json");
    let mut start = std::fs::metadata(&part).map_or(0, |metadata| metadata.len());
    let held = read_validator(&part_validator, url);
    let condition = held.as_ref().and_then(|held| held.value.clone());
    if condition.is_none() {
        start = 0;
    }
    let range = format!("bytes={start}-");
    let mut headers: Vec<(&str, &str)> = Vec::new();
    let done = if path.exists() {
        read_validator(&done_validator, url)
    } else {
        None
    };
    if let (true, Some(condition)) = (start > 0, &condition) {
        headers.push(("range", &range));
        headers.push(("if-range", condition));
    } else if let Some(Validator {
        value: Some(value),
        is_etag,
        ..
    }) = &done
    {
        headers.push((
            if *is_etag {
                "if-none-match"
            } else {
                "if-modified-since"
            },
            value,
        ));
    }
    let response = client.get(url, &headers, None)?;
    match response.status().as_u16() {
        304 if done.is_some() => return Ok(()),
        206 if start > 0 && range_start(&response) == Some(start) => {}
        200 => start = 0,
        206 | 416 => {
            if start > 0 {
                std::fs::remove_file(&part).map_err(TableError::io("remove", &part))?;
            }
            return Err(Failure::Passing(
                "the server no longer has the range asked for".into(),
            ));
        }
        status => return Err(refusal(url, status, &response)),
    }
    let etag = header(&response, "etag").filter(|etag| !etag.starts_with("W/"));
    let validator = Validator {
        url: url.to_owned(),
        value: etag
            .or(header(&response, "last-modified"))
            .map(str::to_owned),
        is_etag: etag.is_some(),
    };
    let expected = header(&response, "content-length")
        .and_then(|length| length.parse::<u64>().ok())
        .map(|length| start + length);
    write_json(&part_validator, &validator)?;
    let mut file = OpenOptions::new()
        .create(true)
        .append(start > 0)
        .write(true)
        .truncate(start == 0)
        .open(&part)
        .map_err(TableError::io("create", &part))?;
    let written = copy(response, &mut file, &part, start, watch)?;
    if let Some(expected) = expected
        && written != expected
    {
        return Err(Failure::Passing(format!(
            "the download broke off after {written} of {expected} bytes"
        )));
    }
    file.sync_all().map_err(TableError::io("write", &part))?;
    std::fs::rename(&part, path).map_err(TableError::io("rename", &part))?;
    std::fs::rename(&part_validator, &done_validator)
        .map_err(TableError::io("rename", &part_validator))?;
    Ok(())
}

/// Writes an answer's body behind the first `start` bytes; gives the file's length.
fn copy(
    response: Response<Body>,
    file: &mut File,
    path: &Path,
    start: u64,
    watch: &Watch<'_>,
) -> Result<u64, Failure> {
    let mut reader = response.into_body().into_reader();
    let mut buffer = vec![0; 256 << 10];
    let mut written = start;
    file.seek(std::io::SeekFrom::End(0))
        .map_err(TableError::io("write", path))?;
    loop {
        watch.check()?;
        let read = match reader.read(&mut buffer) {
            Ok(0) => return Ok(written),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => {
                return Err(Failure::Passing(format!(
                    "the download broke off after {written} bytes: {error}"
                )));
            }
        };
        file.write_all(&buffer[..read])
            .map_err(TableError::io("write", path))?;
        written += read as u64;
        (watch.progress)(Progress {
            bytes: written,
            rows: 0,
        });
    }
}

/// The first byte of the part that an answer says to be.
fn range_start(response: &Response<Body>) -> Option<u64> {
    let range = header(response, "content-range")?.strip_prefix("bytes ")?;
    range.split('-').next()?.parse().ok()
}

/// What a status that is no success means.
fn refusal(url: &str, status: u16, response: &Response<Body>) -> Failure {
    let text = response.status().canonical_reason().unwrap_or("");
    match status {
        408 | 425 | 429 | 500..=599 => {
            Failure::Passing(format!("the server answers {status} {text}"))
        }
        401 | 403 => Failure::Lasting(failed(
            url,
            format!(
                "the server answers {status} {text}: it wants to know who asks; download the file by hand and give its path"
            ),
        )),
        404 | 410 => Failure::Lasting(failed(
            url,
            format!("the server answers {status} {text}: check the address"),
        )),
        _ => Failure::Lasting(failed(url, format!("the server answers {status} {text}"))),
    }
}

/// Writes JSON so that a reader sees the old content or the new.
pub(super) fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_vec(value).map_err(|error| TableError::Options {
        message: format!("cannot write {}: {error}", path.display()),
    })?;
    write_whole(path, &text)
}

/// Writes a file so that a reader sees the old content or the new.
pub(super) fn write_whole(path: &Path, content: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)
        .map_err(TableError::io("create a file in", folder))?;
    file.write_all(content)
        .and_then(|()| file.as_file().sync_all())
        .map_err(TableError::io("write", path))?;
    file.persist(path)
        .map_err(|error| TableError::io("write", path)(error.error))?;
    Ok(())
}

/// The BLAKE3 digest of a file, hexadecimal.
pub(super) fn digest(path: &Path, watch: &Watch<'_>) -> Result<String> {
    let mut file = File::open(path).map_err(TableError::io("open", path))?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        watch.check()?;
        let read = file
            .read(&mut buffer)
            .map_err(TableError::io("read", path))?;
        if read == 0 {
            return Ok(hasher.finalize().to_hex().to_string());
        }
        hasher.update(&buffer[..read]);
    }
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

    #[test]
    fn file_names_are_harmless() {
        assert_eq!(file_name("https://a.org/x/data.csv.gz?y=1"), "data.csv.gz");
        assert_eq!(file_name("https://a.org"), "download");
        assert_eq!(file_name("https://a.org/..%2f..%2fx"), "_2f.._2fx");
    }
}
