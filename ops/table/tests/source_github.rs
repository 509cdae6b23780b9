//! GitHub's issues from a local server that pages, limits and fails as the REST API does.

#![allow(clippy::unwrap_used)]

mod server;

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use server::{Reply, Request, Server, reply};
use table::read::{Format, ReadOptions, read_table};
use table::source::{FetchOptions, Fetched, Secret, Source, fetch};
use table::{TableError, Watch};

const TOKEN: &str = "ghp_very_secret";

fn options(server: &Server) -> FetchOptions {
    FetchOptions {
        github_api: server.url.clone(),
        github_token: Some(Secret::new(TOKEN)),
        retry_pause: Duration::from_millis(10),
        max_wait: Duration::from_secs(20),
        ..FetchOptions::new(".")
    }
}

fn get(server: &Server, folder: &Path) -> Result<Fetched, TableError> {
    let source = Source::parse("github://ann/reader/issues?labels=bug").unwrap();
    fetch(&source, &options(server), folder, &Watch::nobody())
}

/// One of three pages of two issues each.
fn page(request: &Request) -> Reply {
    let number: usize = request
        .target
        .split(['?', '&'])
        .find_map(|pair| pair.strip_prefix("page="))
        .map_or(1, |page| page.parse().unwrap());
    let issues: Vec<String> = (0..2)
        .map(|i| {
            let n = number * 2 - 1 + i;
            format!("{{\"number\": {n}, \"title\": \"t{n}\", \"body\": null, \"labels\": []}}")
        })
        .collect();
    let reply = reply(200, format!("[\n{}\n]", issues.join(",\n")));
    if number == 3 {
        return reply;
    }
    let host = request.header("host").unwrap();
    let next = format!(
        "http://{host}/repositories/1/issues?per_page=100&page={}",
        number + 1
    );
    reply.header(
        "link",
        format!("<{next}>; rel=\"next\", <{next}9>; rel=\"last\""),
    )
}

fn numbers(fetched: &Fetched) -> Vec<i64> {
    let options = ReadOptions::new(Format::GithubIssues);
    let (table, _) = read_table(&fetched.files, &options).unwrap();
    table.int_column("number").unwrap().values().to_vec()
}

#[test]
fn all_pages_are_fetched_with_token_and_query() {
    let server = Server::start(|request, _| page(request));
    let folder = tempfile::tempdir().unwrap();
    let fetched = get(&server, folder.path()).unwrap();
    assert_eq!(numbers(&fetched), [1, 2, 3, 4, 5, 6]);
    assert_eq!(fetched.files.len(), 3);
    let requests = server.requests();
    assert_eq!(
        requests[0].target,
        "/repos/ann/reader/issues?labels=bug&state=all&sort=created&direction=asc&per_page=100"
    );
    for request in &requests {
        assert_eq!(
            request.header("authorization"),
            Some("Bearer ghp_very_secret")
        );
        assert_eq!(request.header("x-github-api-version"), Some("2022-11-28"));
    }
    assert!(!format!("{:?} {fetched:?}", options(&server)).contains(TOKEN));
}

#[test]
fn a_fetch_that_was_stopped_goes_on_with_the_page_it_lacks() {
    let server = Server::start(|request, _| page(request));
    let folder = tempfile::tempdir().unwrap();
    let source = Source::parse("github://ann/reader/issues?labels=bug").unwrap();
    let rows = Cell::new(0);
    let watch = Watch {
        progress: &|progress| rows.set(progress.rows),
        cancelled: &|| rows.get() >= 4,
        ..Watch::nobody()
    };
    let stopped = fetch(&source, &options(&server), folder.path(), &watch);
    assert!(matches!(stopped, Err(TableError::Cancelled)));
    let fetched = get(&server, folder.path()).unwrap();
    assert_eq!(numbers(&fetched), [1, 2, 3, 4, 5, 6]);
    assert_eq!(server.requests().len(), 3);
    // What is complete needs no server.
    assert_eq!(get(&server, folder.path()).unwrap(), fetched);
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_used_up_rate_limit_is_waited_for_and_reported() {
    for use_retry_after in [false, true] {
        let server = Server::start(move |request, number| {
            if number != 1 {
                return page(request);
            }
            let refusal = reply(403, "{\"message\": \"API rate limit exceeded\"}");
            if use_retry_after {
                return refusal.header("retry-after", "1");
            }
            let now = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap()
                .as_secs();
            refusal
                .header("x-ratelimit-remaining", "0")
                .header("x-ratelimit-reset", (now + 1).to_string())
        });
        let folder = tempfile::tempdir().unwrap();
        let notes = RefCell::new(Vec::new());
        let watch = Watch {
            note: &|note| notes.borrow_mut().push(note.to_owned()),
            ..Watch::nobody()
        };
        let source = Source::parse("github://ann/reader/issues").unwrap();
        let fetched = fetch(&source, &options(&server), folder.path(), &watch).unwrap();
        assert_eq!(numbers(&fetched), [1, 2, 3, 4, 5, 6]);
        assert_eq!(server.requests().len(), 4);
        assert!(notes.borrow()[0].contains("rate limit"), "{notes:?}");
    }
}

#[test]
fn a_rate_limit_past_the_longest_wait_is_an_error_with_advice() {
    let server = Server::start(|_, _| {
        reply(403, "{}")
            .header("x-ratelimit-remaining", "0")
            .header("x-ratelimit-reset", "99999999999")
    });
    let folder = tempfile::tempdir().unwrap();
    let error = get(&server, folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("rate limit") && error.contains("kept"),
        "{error}"
    );
}

#[test]
fn waiting_for_a_secondary_limit_can_be_stopped() {
    let server = Server::start(|_, _| {
        reply(
            403,
            "{\"message\": \"You have exceeded a secondary rate limit.\"}",
        )
    });
    let folder = tempfile::tempdir().unwrap();
    let waits = Cell::new(false);
    let watch = Watch {
        note: &|_| waits.set(true),
        cancelled: &|| waits.get(),
        ..Watch::nobody()
    };
    let source = Source::parse("github://ann/reader/issues").unwrap();
    let patient = FetchOptions {
        max_wait: Duration::from_secs(300),
        ..options(&server)
    };
    let stopped = fetch(&source, &patient, folder.path(), &watch);
    assert!(matches!(stopped, Err(TableError::Cancelled)));
}

#[test]
fn a_page_that_breaks_off_or_fails_is_asked_for_again() {
    let server = Server::start(|request, number| match number {
        1 => reply(500, "{\"message\": \"Server Error\"}"),
        3 => {
            let mut broken = page(request);
            broken.break_after = Some(30);
            broken
        }
        _ => page(request),
    });
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(
        numbers(&get(&server, folder.path()).unwrap()),
        [1, 2, 3, 4, 5, 6]
    );
}

#[test]
fn refusals_say_what_to_do_and_never_show_the_token() {
    for (status, advice) in [
        (401, "does not accept the token"),
        (403, "GitHub answers 403"),
        (404, "no such repository"),
        (410, "turned off"),
        (422, "does not understand the query"),
    ] {
        let server = Server::start(move |_, _| reply(status, "{\"message\": \"Sorry.\"}"));
        let folder = tempfile::tempdir().unwrap();
        let error = get(&server, folder.path()).unwrap_err();
        let message = format!("{error} {error:?}");
        assert!(
            message.contains(advice) && message.contains("Sorry."),
            "{message}"
        );
        assert!(!message.contains(TOKEN));
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn the_token_is_not_carried_to_another_server() {
    let other = Server::start(|_, _| reply(200, "[]"));
    let other_url = other.url.clone();
    let server = Server::start(move |request, _| {
        if request.target.contains("moved") {
            reply(301, "").header("location", format!("{other_url}/issues"))
        } else {
            page(request).header("link", format!("<{other_url}/2>; rel=\"next\""))
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let moved = Source::parse("github://ann/moved/issues").unwrap();
    fetch(&moved, &options(&server), folder.path(), &Watch::nobody()).unwrap();
    assert_eq!(other.requests()[0].header("authorization"), None);
}
