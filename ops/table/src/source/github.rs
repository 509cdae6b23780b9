//! The issues of a repository through GitHub's REST API (version 2022-11-28), page by page.
//!
//! Each page becomes a file of JSON lines as soon as it is there, and a small state file says
//! which address comes next; so an interrupted fetch goes on with the page it lacks.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use ureq::Body;
use ureq::http::Response;

use super::address::GithubAddress;
use super::files::{digest, write_json, write_whole};
use super::http::{Client, failed, header, same_server};
use super::retry::{Failure, jitter, with_retries};
use super::{FetchOptions, Fetched, Provenance};
use crate::error::{Result, TableError};
use crate::read::LocalFile;
use crate::watch::{Progress, Watch};

const API_VERSION: &str = "2022-11-28";
/// GitHub asks for at least a minute's pause where it names none.
const SECONDARY_PAUSE: Duration = Duration::from_secs(60);

/// How far a fetch has come.
#[derive(Serialize, Deserialize)]
struct State {
    /// The first page's address, which tells one query from another.
    first: String,
    /// The address of the page that comes next; none where all are there.
    next: Option<String>,
    pages: usize,
    issues: u64,
}

/// What an answer asks for.
enum Answer {
    Page { body: Vec<u8>, next: Option<String> },
    Wait { pause: Duration, why: String },
}

/// Fetches all pages into `folder`. A folder in which a fetch of the same address was interrupted
/// is gone on with; one in which it was completed is taken as it is.
pub(super) fn fetch(
    address: &GithubAddress,
    options: &FetchOptions,
    folder: &Path,
    watch: &Watch<'_>,
) -> Result<Fetched> {
    let first = first_url(address, options);
    let tag = blake3::hash(first.as_bytes()).to_hex();
    let folder = folder.join(format!("github-{}", &tag[..16]));
    std::fs::create_dir_all(&folder).map_err(TableError::io("create", &folder))?;
    let state_path = folder.join("state.json");
    let mut state = held_state(&state_path, &first).unwrap_or_else(|| State {
        next: Some(first.clone()),
        first,
        pages: 0,
        issues: 0,
    });
    let client = Client::new();
    let mut waited = Duration::ZERO;
    while let Some(url) = state.next.clone() {
        match with_retries(&url, options, watch, || ask(&client, &url, options))? {
            Answer::Wait { pause, why } => {
                let pause = pause + jitter(Duration::from_secs(1));
                if waited + pause > options.max_wait {
                    let hint = if options.github_token.is_some() {
                        "try again then: the pages there are will be kept"
                    } else {
                        "a token raises the limit from 60 to 5,000 requests an hour; the pages there are will be kept"
                    };
                    return Err(failed(
                        &url,
                        format!("{why}: it lasts {} more seconds; {hint}", pause.as_secs()),
                    ));
                }
                (watch.note)(&format!(
                    "{why}: waiting {} seconds",
                    pause.as_secs().max(1)
                ));
                watch.sleep(pause)?;
                waited += pause;
            }
            Answer::Page { body, next } => {
                let (lines, issues) = lines(&url, &body)?;
                write_whole(&page_path(&folder, state.pages), &lines)?;
                state.pages += 1;
                state.issues += issues;
                state.next = next;
                write_json(&state_path, &state)?;
                (watch.progress)(Progress {
                    bytes: 0,
                    rows: state.issues,
                });
            }
        }
    }
    collect(&folder, &state, watch)
}

fn first_url(address: &GithubAddress, options: &FetchOptions) -> String {
    let has = |key: &str| {
        address
            .query
            .split('&')
            .any(|pair| pair.split('=').next() == Some(key))
    };
    let mut query = address.query.clone();
    // Oldest first: an issue that is opened meanwhile then comes last and shifts no page.
    for (key, value) in [
        ("state", "all"),
        ("sort", "created"),
        ("direction", "asc"),
        ("per_page", "100"),
    ] {
        if !has(key) {
            if !query.is_empty() {
                query.push('&');
            }
            query.push_str(key);
            query.push('=');
            query.push_str(value);
        }
    }
    format!(
        "{}/repos/{}/issues?{query}",
        options.github_api.trim_end_matches('/'),
        address.repository
    )
}

fn held_state(path: &Path, first: &str) -> Option<State> {
    let state: State = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    let folder = path.parent()?;
    let whole = (0..state.pages).all(|page| page_path(folder, page).is_file());
    (state.first == first && whole).then_some(state)
}

fn page_path(folder: &Path, page: usize) -> std::path::PathBuf {
    folder.join(format!("page-{:05}.jsonl", page + 1))
}

/// Asks for one page.
fn ask(client: &Client, url: &str, options: &FetchOptions) -> Result<Answer, Failure> {
    let headers = [
        ("accept", "application/vnd.github+json"),
        ("x-github-api-version", API_VERSION),
    ];
    let response = client.get(url, &headers, options.github_token.as_ref())?;
    let status = response.status().as_u16();
    if status == 200 {
        let next = header(&response, "link")
            .and_then(next_link)
            .map(str::to_owned);
        if let Some(next) = &next
            && !same_server(next, url)
        {
            return Err(failed(url, "the next page is on another server").into());
        }
        let body = Client::body(response)?;
        return Ok(Answer::Page { body, next });
    }
    let limit = rate_limit(&response);
    let message = Client::body(response)
        .ok()
        .and_then(|body| serde_json::from_slice::<Value>(&body).ok())
        .and_then(|body| body.get("message")?.as_str().map(str::to_owned))
        .unwrap_or_default();
    if let (403 | 429, Some(pause)) = (status, limit.or_else(|| secondary_limit(&message))) {
        return Ok(Answer::Wait {
            pause,
            why: "GitHub's rate limit is used up".into(),
        });
    }
    Err(refusal(url, status, &message, options))
}

/// The wait that the headers of a refusal ask for.
fn rate_limit(response: &Response<Body>) -> Option<Duration> {
    let number = |name: &str| header(response, name)?.trim().parse::<u64>().ok();
    if let Some(seconds) = number("retry-after") {
        return Some(Duration::from_secs(seconds));
    }
    if number("x-ratelimit-remaining") != Some(0) {
        return None;
    }
    let reset = number("x-ratelimit-reset")?;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |now| now.as_secs());
    Some(Duration::from_secs(reset.saturating_sub(now)) + Duration::from_millis(200))
}

fn secondary_limit(message: &str) -> Option<Duration> {
    let message = message.to_lowercase();
    (message.contains("secondary rate limit") || message.contains("abuse detection"))
        .then_some(SECONDARY_PAUSE)
}

fn refusal(url: &str, status: u16, message: &str, options: &FetchOptions) -> Failure {
    let said = if message.is_empty() {
        String::new()
    } else {
        format!(" (GitHub says: {message})")
    };
    let reason = match status {
        500..=599 => return Failure::Passing(format!("GitHub answers {status}{said}")),
        401 => format!("GitHub does not accept the token{said}"),
        404 if options.github_token.is_some() => {
            format!("there is no such repository, or the token may not see it{said}")
        }
        404 => format!("there is no such repository; a private one needs a token{said}"),
        410 => format!("the repository has its issues turned off{said}"),
        422 => format!("GitHub does not understand the query{said}"),
        _ => format!("GitHub answers {status}{said}"),
    };
    Failure::Lasting(failed(url, reason))
}

/// The address of the next page in a `Link` header (RFC 8288).
fn next_link(link: &str) -> Option<&str> {
    link.split(',').find_map(|part| {
        let (target, parameters) = part.split_once('>')?;
        let is_next = parameters
            .split(';')
            .any(|parameter| matches!(parameter.trim(), "rel=\"next\"" | "rel=next"));
        is_next.then(|| target.trim().trim_start_matches('<'))
    })
}

/// A page, an array of issues, as JSON lines, and how many there are.
fn lines(url: &str, body: &[u8]) -> Result<(Vec<u8>, u64)> {
    let issues: Vec<Value> = serde_json::from_slice(body).map_err(|error| {
        failed(
            url,
            format!("the answer is no list of issues ({error}); is the API's address right?"),
        )
    })?;
    let mut lines = Vec::with_capacity(body.len());
    for issue in &issues {
        serde_json::to_writer(&mut lines, issue).map_err(|error| failed(url, error.to_string()))?;
        lines.push(b'\n');
    }
    Ok((lines, issues.len() as u64))
}

fn collect(folder: &Path, state: &State, watch: &Watch<'_>) -> Result<Fetched> {
    let mut fetched = Fetched {
        files: Vec::with_capacity(state.pages),
        provenance: Vec::with_capacity(state.pages),
    };
    for page in 0..state.pages {
        let path = page_path(folder, page);
        let bytes = std::fs::metadata(&path)
            .map_err(TableError::io("read", &path))?
            .len();
        fetched.provenance.push(Provenance {
            url: state.first.clone(),
            revision: None,
            bytes,
            blake3: Some(digest(&path, watch)?),
        });
        fetched.files.push(LocalFile {
            name: format!("page-{:05}.jsonl", page + 1),
            path,
        });
    }
    Ok(fetched)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_in_the_link_header() {
        let link = "<https://a.org/x?page=1>; rel=\"prev\", <https://a.org/x?page=3&y=1>; rel=\"next\", <https://a.org/x?page=9>; rel=\"last\"";
        assert_eq!(next_link(link), Some("https://a.org/x?page=3&y=1"));
        assert_eq!(next_link("<https://a.org/x?page=1>; rel=\"prev\""), None);
    }
}
