//! `load` over the network, in the real binary, from a server on this machine that answers as GitHub and others do.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code, reason = "a part of what the pipelines here need")]
mod project;
#[path = "../../ops/table/tests/server/mod.rs"]
mod server;

use std::path::Path;

use project::Project;
use server::{Reply, Request, Server, reply};

const TOKEN: &str = "ghp_very_secret_indeed";

const GITHUB: &str = r#"
[pipeline]
name = "issues"
env  = ["GITHUB_TOKEN"]

[steps.issues]
op     = "load"
source = "github://ann/reader/issues"
token  = "${env.GITHUB_TOKEN}"
"#;

/// One of three pages of two issues each.
fn page(request: &Request) -> Reply {
    let number = page_number(request);
    let issue = |n: usize| {
        format!("{{\"number\": {n}, \"title\": \"t{n}\", \"body\": null, \"labels\": []}}")
    };
    let issues = [issue(number * 2 - 1), issue(number * 2)].join(",");
    let reply = reply(200, format!("[{issues}]"));
    if number == 3 {
        return reply;
    }
    let host = request.header("host").unwrap();
    let next = format!(
        "http://{host}/repositories/1/issues?per_page=100&page={}",
        number + 1
    );
    reply.header("link", format!("<{next}>; rel=\"next\""))
}

fn page_number(request: &Request) -> usize {
    let mut pairs = request.target.split(['?', '&']);
    let page = pairs.find_map(|pair| pair.strip_prefix("page="));
    page.map_or(1, |page| page.parse().unwrap())
}

fn holds(folder: &Path, secret: &str) -> bool {
    std::fs::read_dir(folder).unwrap().flatten().any(|entry| {
        if entry.path().is_dir() {
            return holds(&entry.path(), secret);
        }
        let content = std::fs::read(entry.path()).unwrap_or_default();
        content
            .windows(secret.len())
            .any(|bytes| bytes == secret.as_bytes())
    })
}

#[test]
fn issues_come_from_github_with_a_token_that_is_kept_nowhere_and_may_rotate() {
    let server = Server::start(|request, _| page(request));
    let project = Project::new(GITHUB);
    let env = |token| {
        [
            ("GITHUB_API_URL", server.url.as_str()),
            ("GITHUB_TOKEN", token),
        ]
    };
    let said = project.engine_in(&env(TOKEN), "run", &[]);
    assert_eq!(said.code, 0, "{}", said.text);
    let issues = project.table("issues.table");
    assert_eq!(
        issues.int_column("number").unwrap().values().to_vec(),
        [1, 2, 3, 4, 5, 6]
    );
    for request in server.requests() {
        assert_eq!(
            request.header("authorization"),
            Some(format!("Bearer {TOKEN}").as_str())
        );
    }
    assert!(!said.text.contains(TOKEN) && !holds(project.root(), TOKEN));

    let said = project.engine_in(&env("ghp_another_one"), "run", &[]);
    assert!(said.text.contains("nothing to do"), "{}", said.text);
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_fetch_that_failed_goes_on_with_the_page_it_lacks() {
    let server = Server::start(|request, number| match number {
        1 => reply(404, "{\"message\": \"Not Found\"}"),
        _ => page(request),
    });
    let project = Project::new(GITHUB);
    let env = [
        ("GITHUB_API_URL", server.url.as_str()),
        ("GITHUB_TOKEN", TOKEN),
    ];
    let said = project.engine_in(&env, "run", &[]);
    assert_eq!(said.code, 1, "{}", said.text);
    assert!(
        said.text.contains("cannot fetch") && !said.text.contains(TOKEN),
        "{}",
        said.text
    );
    let said = project.engine_in(&env, "run", &[]);
    assert_eq!(said.code, 0, "{}", said.text);
    assert_eq!(project.table("issues.table").num_rows(), 6);
    let pages: Vec<usize> = server.requests().iter().map(page_number).collect();
    assert_eq!(pages, [1, 2, 2, 3]);
}

#[test]
fn a_file_on_the_web_must_have_the_pinned_digest() {
    let content = "n,label\n1,bug\n2,docs\n";
    let server = Server::start(move |_, _| reply(200, content));
    let pipeline = |pin: &str| {
        let url = format!("{}/rows.csv?download=true", server.url);
        format!(
            "[pipeline]\nname = \"web\"\n[steps.rows]\nop = \"load\"\nsource = \"{url}\"\nblake3 = \"{pin}\"\n"
        )
    };
    let project = Project::new(&pipeline(&"0".repeat(64)));
    let said = project.engine("run", &[]);
    assert_eq!(said.code, 1, "{}", said.text);
    assert!(said.text.contains("is pinned"), "{}", said.text);
    let digest = blake3::hash(content.as_bytes()).to_hex();
    project.write("pipeline.toml", &pipeline(&digest));
    project.run();
    assert_eq!(project.table("rows.table").num_rows(), 2);
    assert!(project.notes("rows")[1].contains(digest.as_str()));
}

#[test]
fn addresses_and_tokens_that_make_no_sense_are_found_before_anything_runs() {
    let project = Project::new(
        r#"
[pipeline]
name = "wrong"

[steps.a]
op     = "load"
source = "github://ann/reader"

[steps.b]
op     = "load"
source = "https://example.org/download"

[steps.c]
op     = "load"
source = "https://example.org/rows.csv"
token  = "not for everyone"

[steps.d]
op     = "load"
source = "hf://datasets/ann/issues/train.parquet"
blake3 = "beef"
"#,
    );
    let said = project.engine("run", &[]);
    assert_eq!(said.code, 2);
    for expected in [
        "github://OWNER/REPO/issues",
        "the address tells no format",
        "take a token",
        "pin a commit",
        "64 hexadecimal digits",
    ] {
        assert!(said.text.contains(expected), "{expected}\n{}", said.text);
    }
}
