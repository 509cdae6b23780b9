//! Downloads from a local server that behaves as servers do.

#![allow(clippy::unwrap_used)]

mod server;

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use server::{Request, Server, reply};
use table::source::{FetchOptions, Fetched, Source, fetch};
use table::{TableError, Watch};

fn options() -> FetchOptions {
    FetchOptions {
        retry_pause: Duration::from_millis(10),
        ..FetchOptions::new(".")
    }
}

fn get(url: &str, options: &FetchOptions, folder: &Path) -> Result<Fetched, TableError> {
    fetch(&Source::parse(url)?, options, folder, &Watch::nobody())
}

fn content() -> Vec<u8> {
    (0..300_000u32)
        .flat_map(|i| (i % 251).to_le_bytes())
        .collect()
}

fn held(fetched: &Fetched) -> Vec<u8> {
    std::fs::read(&fetched.files[0].path).unwrap()
}

#[test]
fn a_file_comes_with_its_size_and_digest() {
    let server = Server::start(|_, _| reply(200, content()));
    let folder = tempfile::tempdir().unwrap();
    let url = format!("{}/data/rows.jsonl.gz?x=1", server.url);
    let fetched = get(&url, &options(), folder.path()).unwrap();
    assert_eq!(held(&fetched), content());
    assert_eq!(fetched.files[0].name, "rows.jsonl.gz");
    let provenance = &fetched.provenance[0];
    assert_eq!(provenance.url, url);
    assert_eq!(provenance.bytes, content().len() as u64);
    let digest = blake3::hash(&content()).to_hex().to_string();
    assert_eq!(provenance.blake3.as_deref(), Some(digest.as_str()));
}

#[test]
fn what_the_server_says_is_unchanged_is_not_sent_again() {
    let server = Server::start(|request, _| match request.header("if-none-match") {
        Some("\"v1\"") => reply(304, ""),
        _ => reply(200, content()).header("etag", "\"v1\""),
    });
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let fetched = get(&format!("{}/a", server.url), &options(), folder.path()).unwrap();
        assert_eq!(held(&fetched), content());
    }
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_pinned_file_that_is_there_needs_no_server() {
    let server = Server::start(|_, _| reply(200, content()));
    let url = format!("{}/a", server.url);
    let folder = tempfile::tempdir().unwrap();
    let mut pinned = options();
    pinned.blake3 = Some(blake3::hash(&content()).to_hex().to_uppercase());
    get(&url, &pinned, folder.path()).unwrap();
    drop(server);
    get(&url, &pinned, folder.path()).unwrap();
}

#[test]
fn another_content_than_the_pinned_one_is_an_error_that_shows_both() {
    let server = Server::start(|_, _| reply(200, "other"));
    let folder = tempfile::tempdir().unwrap();
    let mut pinned = options();
    pinned.blake3 = Some("00".repeat(32));
    let error = get(&format!("{}/a", server.url), &pinned, folder.path()).unwrap_err();
    let message = error.to_string();
    assert!(message.contains(&"00".repeat(32)), "{message}");
    assert!(
        message.contains(blake3::hash(b"other").to_hex().as_str()),
        "{message}"
    );
}

fn ranged(request: &Request) -> server::Reply {
    let content = content();
    match (request.range_start(), request.header("if-range")) {
        (Some(start), Some("\"v1\"")) => reply(206, &content[start..])
            .header("etag", "\"v1\"")
            .header(
                "content-range",
                format!("bytes {start}-{}/{}", content.len() - 1, content.len()),
            ),
        _ => reply(200, content).header("etag", "\"v1\""),
    }
}

#[test]
fn a_download_that_breaks_off_goes_on_where_it_was() {
    let server = Server::start(|request, number| {
        let mut reply = ranged(request);
        if number < 2 {
            reply.break_after = Some(400_000);
        }
        reply
    });
    let folder = tempfile::tempdir().unwrap();
    let fetched = get(&format!("{}/a", server.url), &options(), folder.path()).unwrap();
    assert_eq!(held(&fetched), content());
    let starts: Vec<_> = server.requests().iter().map(Request::range_start).collect();
    assert_eq!(starts, [None, Some(400_000), Some(800_000)]);
}

#[test]
fn a_download_that_was_stopped_goes_on_in_the_next_call() {
    let server = Server::start(|request, _| ranged(request));
    let folder = tempfile::tempdir().unwrap();
    let source = Source::parse(&format!("{}/a", server.url)).unwrap();
    let some = Cell::new(false);
    let watch = Watch {
        progress: &|_| some.set(true),
        cancelled: &|| some.get(),
        ..Watch::nobody()
    };
    let stopped = fetch(&source, &options(), folder.path(), &watch);
    assert!(matches!(stopped, Err(TableError::Cancelled)));
    let fetched = fetch(&source, &options(), folder.path(), &Watch::nobody()).unwrap();
    assert_eq!(held(&fetched), content());
    assert!(server.requests()[1].range_start().unwrap() > 0);
}

#[test]
fn a_file_that_changed_meanwhile_is_fetched_from_the_start() {
    let changed = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&changed);
    let server = Server::start(move |_, _| {
        if seen.swap(true, Ordering::SeqCst) {
            reply(200, "new content").header("etag", "\"v2\"")
        } else {
            let mut broken = reply(200, content()).header("etag", "\"v1\"");
            broken.break_after = Some(1_000);
            broken
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let fetched = get(&format!("{}/a", server.url), &options(), folder.path()).unwrap();
    assert_eq!(held(&fetched), b"new content");
}

#[test]
fn a_body_shorter_than_stated_is_no_download() {
    let server = Server::start(|_, _| {
        let mut short = reply(200, "abc");
        short.stated_length = Some(10);
        short
    });
    let folder = tempfile::tempdir().unwrap();
    let error = get(&format!("{}/a", server.url), &options(), folder.path()).unwrap_err();
    assert!(error.to_string().contains("broke off"), "{error}");
    assert!(error.to_string().contains("3 times"), "{error}");
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_server_in_trouble_is_asked_again() {
    let server = Server::start(|_, number| match number {
        0 => reply(500, ""),
        1 => reply(503, ""),
        _ => reply(200, "ok"),
    });
    let folder = tempfile::tempdir().unwrap();
    let fetched = get(&format!("{}/a", server.url), &options(), folder.path()).unwrap();
    assert_eq!(held(&fetched), b"ok");
}

#[test]
fn redirects_are_followed_but_not_to_plain_http_elsewhere() {
    let server = Server::start(|request, _| match request.target.as_str() {
        "/a" => reply(302, "").header("location", "/b"),
        "/b" => reply(200, "there"),
        "/out" => reply(302, "").header("location", "http://example.org/x"),
        _ => reply(302, "").header("location", "/loop"),
    });
    let folder = tempfile::tempdir().unwrap();
    let fetched = get(&format!("{}/a", server.url), &options(), folder.path()).unwrap();
    assert_eq!(held(&fetched), b"there");
    for (path, reason) in [("out", "not https"), ("loop", "in circles")] {
        let error = get(&format!("{}/{path}", server.url), &options(), folder.path()).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn refusals_are_not_asked_again_and_say_what_to_do() {
    for (status, advice) in [(404, "check the address"), (403, "by hand"), (400, "400")] {
        let server = Server::start(move |_, _| reply(status, "no"));
        let folder = tempfile::tempdir().unwrap();
        let error = get(&format!("{}/a", server.url), &options(), folder.path()).unwrap_err();
        assert!(error.to_string().contains(advice), "{error}");
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn a_server_that_is_not_there_is_said_so() {
    let url = {
        let server = Server::start(|_, _| reply(200, ""));
        server.url.clone()
    };
    let folder = tempfile::tempdir().unwrap();
    let error = get(&format!("{url}/a"), &options(), folder.path()).unwrap_err();
    assert!(error.to_string().contains("tried 3 times"), "{error}");
}
