//! Datasets of a local server that answers as the Hugging Face hub does.

#![allow(clippy::unwrap_used)]

mod server;

use std::path::Path;
use std::time::Duration;

use server::{Reply, Request, Server, reply};
use table::source::{FetchOptions, Fetched, Secret, Source, fetch};
use table::{TableError, Watch};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const TOKEN: &str = "hf_very_secret";

fn options(server: &Server, cache: &Path) -> FetchOptions {
    FetchOptions {
        hub_endpoint: server.url.clone(),
        hub_token: Some(Secret::new(TOKEN)),
        hub_cache: cache.to_owned(),
        retry_pause: Duration::from_millis(10),
        ..FetchOptions::new(".")
    }
}

fn get(address: &str, options: &FetchOptions) -> Result<Fetched, TableError> {
    let unused = options.hub_cache.join("unused");
    fetch(&Source::parse(address)?, options, &unused, &Watch::nobody())
}

fn file(request: &Request, content: &str) -> Reply {
    let start = request.range_start().unwrap_or(0);
    let end = if request.header("range") == Some("bytes=0-0") {
        1
    } else {
        content.len()
    };
    reply(206, &content.as_bytes()[start..end])
        .header("x-repo-commit", COMMIT)
        .header(
            "etag",
            format!("\"{}\"", blake3::hash(content.as_bytes()).to_hex()),
        )
        .header(
            "content-range",
            format!("bytes {start}-{}/{}", end - 1, content.len()),
        )
}

fn hub(request: &Request) -> Reply {
    let resolved = format!("/datasets/ann/issues/resolve/{COMMIT}/");
    let target = request.target.as_str();
    if target.starts_with("/api/datasets/ann/issues/revision/") {
        let files = [
            "data/b.csv",
            "data/a.csv",
            "data/deep/c.csv",
            "README.md",
            "../evil",
            "/etc/evil",
        ];
        let siblings: Vec<String> = files
            .iter()
            .map(|file| format!("{{\"rfilename\":\"{file}\"}}"))
            .collect();
        return reply(
            200,
            format!(
                "{{\"sha\":\"{COMMIT}\",\"siblings\":[{}]}}",
                siblings.join(",")
            ),
        );
    }
    match target.strip_prefix(resolved.as_str()) {
        Some(name) => file(request, &format!("content of {name}\n")),
        None => reply(404, "{\"error\":\"nothing here\"}"),
    }
}

#[test]
fn a_glob_gives_its_files_in_order_and_the_commit() {
    let server = Server::start(|request, _| hub(request));
    let cache = tempfile::tempdir().unwrap();
    let options = options(&server, cache.path());
    let fetched = get("hf://datasets/ann/issues/data/*.csv@v1", &options).unwrap();
    let names: Vec<&str> = fetched
        .files
        .iter()
        .map(|file| file.name.as_str())
        .collect();
    assert_eq!(names, ["data/a.csv", "data/b.csv"]);
    for (local, provenance) in fetched.files.iter().zip(&fetched.provenance) {
        let content = std::fs::read_to_string(&local.path).unwrap();
        assert_eq!(content, format!("content of {}\n", local.name));
        assert_eq!(provenance.revision.as_deref(), Some(COMMIT));
        assert_eq!(
            provenance.url,
            format!("hf://datasets/ann/issues/{}@{COMMIT}", local.name)
        );
        assert_eq!(
            provenance.blake3.as_deref(),
            Some(blake3::hash(content.as_bytes()).to_hex().as_str())
        );
    }
    let asked = &server.requests()[0];
    assert_eq!(asked.target, "/api/datasets/ann/issues/revision/v1");
    assert_eq!(asked.header("authorization"), Some("Bearer hf_very_secret"));
    let everything = get("hf://datasets/ann/issues/**/*.csv@v1", &options).unwrap();
    assert_eq!(everything.files.len(), 3);
}

#[test]
fn what_the_cache_has_is_not_downloaded_again_and_is_there_offline() {
    let server = Server::start(|request, _| hub(request));
    let cache = tempfile::tempdir().unwrap();
    let mut options = options(&server, cache.path());
    let address = "hf://datasets/ann/issues/data/a.csv@v1";
    let first = get(address, &options).unwrap();
    let asked = server.requests().len();
    assert_eq!(get(address, &options).unwrap(), first);
    assert_eq!(server.requests().len(), asked + 1);
    drop(server);
    options.hub_offline = true;
    assert_eq!(get(address, &options).unwrap(), first);
    let by_commit = format!("hf://datasets/ann/issues/data/*.csv@{COMMIT}");
    assert_eq!(get(&by_commit, &options).unwrap(), first);
    for missing in [
        "hf://datasets/ann/issues/data/b.csv@v1",
        "hf://datasets/ann/issues/a.csv@v2",
    ] {
        let message = get(missing, &options).unwrap_err().to_string();
        assert!(
            message.contains("no file") || message.contains("OFFLINE"),
            "{message}"
        );
    }
}

#[test]
fn a_download_that_breaks_off_is_taken_up_again() {
    let server = Server::start(|request, number| {
        let mut reply = hub(request);
        if number == 3 {
            reply.break_after = Some(5);
        }
        reply
    });
    let cache = tempfile::tempdir().unwrap();
    let fetched = get(
        "hf://datasets/ann/issues/README.md",
        &options(&server, cache.path()),
    )
    .unwrap();
    assert_eq!(
        std::fs::read_to_string(&fetched.files[0].path).unwrap(),
        "content of README.md\n"
    );
}

#[test]
fn refusals_say_what_to_do_and_never_show_the_token() {
    for (status, code, advice) in [
        (401, "RepoNotFound", "there is no dataset ann/issues"),
        (404, "RepoNotFound", "there is no dataset ann/issues"),
        (404, "RevisionNotFound", "no revision `main`"),
        (401, "GatedRepo", "accept its terms"),
        (403, "GatedRepo", "accept its terms"),
        (403, "", "does not let"),
        (418, "", "answers 418"),
    ] {
        let server = Server::start(move |_, _| {
            reply(status, "{\"error\":\"As the hub puts it.\"}").header("x-error-code", code)
        });
        let cache = tempfile::tempdir().unwrap();
        let error = get(
            "hf://datasets/ann/issues/a.csv",
            &options(&server, cache.path()),
        )
        .unwrap_err();
        let message = format!("{error} {error:?}");
        assert!(message.contains(advice), "{message}");
        assert!(message.contains("As the hub puts it."), "{message}");
        assert!(!message.contains(TOKEN));
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn a_file_that_is_not_there_is_met_with_the_near_miss() {
    let server = Server::start(|request, _| hub(request));
    let cache = tempfile::tempdir().unwrap();
    let options = options(&server, cache.path());
    let message = get("hf://datasets/ann/issues/data/aa.csv", &options)
        .unwrap_err()
        .to_string();
    assert!(message.contains("did you mean `data/a.csv`"), "{message}");
    let message = get("hf://datasets/ann/issues/*.parquet", &options)
        .unwrap_err()
        .to_string();
    assert!(message.contains("it has 4 files"), "{message}");
}

#[test]
fn a_file_that_is_gated_though_the_listing_is_not_is_said_so() {
    let server = Server::start(|request, _| {
        if request.target.starts_with("/api/") {
            hub(request)
        } else {
            reply(403, "no").header("x-error-code", "GatedRepo")
        }
    });
    let cache = tempfile::tempdir().unwrap();
    let message = get(
        "hf://datasets/ann/issues/README.md",
        &options(&server, cache.path()),
    )
    .unwrap_err()
    .to_string();
    assert!(message.contains("does not let"), "{message}");
}

#[test]
fn a_hub_in_trouble_is_asked_again() {
    let server = Server::start(|request, number| {
        if number == 0 {
            reply(503, "busy")
        } else {
            hub(request)
        }
    });
    let cache = tempfile::tempdir().unwrap();
    get(
        "hf://datasets/ann/issues/README.md",
        &options(&server, cache.path()),
    )
    .unwrap();
}

#[test]
fn a_hub_elsewhere_must_be_asked_by_https() {
    let cache = tempfile::tempdir().unwrap();
    let options = FetchOptions {
        hub_endpoint: "http://example.org".into(),
        hub_cache: cache.path().to_owned(),
        ..FetchOptions::new(".")
    };
    let message = get("hf://datasets/ann/issues/README.md", &options)
        .unwrap_err()
        .to_string();
    assert!(message.contains("https://"), "{message}");
}
