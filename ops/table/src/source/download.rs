//! Files from web addresses: downloads that resume, and are not repeated while the server's file is the same.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use ureq::Body;
use ureq::http::Response;

use super::files::{digest, write_json};
use super::http::{Client, failed, header, server};
use super::retry::{Failure, with_retries};
use super::{FetchOptions, Fetched, Provenance};
use crate::error::{Result, TableError};
use crate::read::LocalFile;
use crate::watch::{Progress, Watch};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_harmless() {
        assert_eq!(file_name("https://a.org/x/data.csv.gz?y=1"), "data.csv.gz");
        assert_eq!(file_name("https://a.org"), "download");
        assert_eq!(file_name("https://a.org/..%2f..%2fx"), "_2f.._2fx");
    }
}
