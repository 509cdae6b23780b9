//! Models of a local server that answers as the Hugging Face hub does.

#![allow(clippy::unwrap_used)]

#[path = "../../table/tests/server/mod.rs"]
mod server;

use std::cell::RefCell;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hub::{HubError, Model, Needs, Options, Progress, Token, Watch, resolve};
use server::{Reply, Request, Server, reply};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const TOKEN: &str = "hf_very_secret";
const CONFIG: &str = "{\"model_type\": \"bert\"}\n";
/// `git hash-object` of `CONFIG`.
const CONFIG_GIT: &str = "dc1fb7b6703fe03317c1a080b523bf475f3d4818";
const TOKENIZER: &str = "{}\n";
const TOKENIZER_GIT: &str = "0967ef424bce6791893e9a57bb952f80fd536e93";

/// 10,000 bytes in place of weights.
fn weights() -> Vec<u8> {
    (0..10_000_u32).map(|place| (place % 251) as u8).collect()
}

/// `sha256sum` of `weights()`.
const WEIGHTS_SHA: &str = "0cd0bf930677960951dda8588edcb6b293c0c3b26ef3ba72cddff4ddfc6822c7";

fn options(server: &Server, cache: &Path) -> Options {
    Options {
        endpoint: server.url.clone(),
        token: Some(Token::new(TOKEN)),
        retry_pause: Duration::from_millis(5),
        ..Options::new(cache)
    }
}

fn get(name: &str, options: &Options) -> Result<Model, HubError> {
    resolve(name, Path::new("/no/such/base"), Needs::ALL, options, &())
}

fn listing(files: &[&str]) -> Reply {
    let siblings: Vec<String> = files
        .iter()
        .map(|file| format!("{{\"rfilename\": {file:?}}}"))
        .collect();
    let body = format!(
        "{{\"sha\": \"{COMMIT}\", \"siblings\": [{}]}}",
        siblings.join(",")
    );
    reply(200, body)
}

/// A small file: the hub itself has it.
fn small(content: &str, git: &str) -> Reply {
    reply(200, content)
        .header("etag", format!("\"{git}\""))
        .header("x-repo-commit", COMMIT)
}

/// A large file: the hub says what it is, and sends on to where it is stored.
fn stored(bytes: usize, sha: &str, location: &str) -> Reply {
    reply(302, "")
        .header("location", location)
        .header("x-linked-etag", format!("\"{sha}\""))
        .header("x-linked-size", bytes.to_string())
        .header("x-repo-commit", COMMIT)
}

fn part(request: &Request, content: &[u8]) -> Reply {
    match request.range_start() {
        None => reply(200, content),
        Some(start) if start >= content.len() => reply(416, ""),
        Some(start) => reply(206, &content[start..]).header(
            "content-range",
            format!("bytes {start}-{}/{}", content.len() - 1, content.len()),
        ),
    }
}

const FILES: [&str; 6] = [
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "pytorch_model.bin",
    "README.md",
    "../evil",
];

/// The repository `ann/bert`, whose weights are stored by the same server.
fn bert(request: &Request) -> Reply {
    let target = request.target.as_str();
    let resolved = format!("/ann/bert/resolve/{COMMIT}/");
    if target.starts_with("/api/models/ann/bert/revision/") {
        return listing(&FILES);
    }
    match target.strip_prefix(&resolved) {
        Some("config.json") => small(CONFIG, CONFIG_GIT),
        Some("tokenizer.json") => small(TOKENIZER, TOKENIZER_GIT),
        Some("model.safetensors") => stored(10_000, WEIGHTS_SHA, "/stored/weights"),
        _ if target == "/stored/weights" => part(request, &weights()),
        _ => reply(404, "{\"error\": \"none\"}").header("x-error-code", "RepoNotFound"),
    }
}

fn ranges(server: &Server) -> Vec<Option<usize>> {
    let requests = server.requests();
    let stored = requests
        .iter()
        .filter(|request| request.target.starts_with("/stored/"));
    stored.map(Request::range_start).collect()
}

#[derive(Default)]
struct Heard {
    notes: RefCell<Vec<String>>,
    progress: RefCell<Vec<(String, u64, Option<u64>)>>,
    stop_after: Option<u64>,
}

impl Watch for Heard {
    fn progress(&self, progress: &Progress<'_>) {
        let Progress { file, bytes, total } = *progress;
        self.progress.borrow_mut().push((file.into(), bytes, total));
    }

    fn note(&self, text: &str) {
        self.notes.borrow_mut().push(text.into());
    }

    fn cancelled(&self) -> bool {
        let progress = self.progress.borrow();
        progress
            .iter()
            .any(|(_, bytes, _)| self.stop_after.is_some_and(|stop| *bytes >= stop))
    }
}

fn assert_whole(model: &Model) {
    let read = |name: &str| std::fs::read(model.file(name).unwrap()).unwrap();
    assert_eq!(read("config.json"), CONFIG.as_bytes());
    assert_eq!(read("tokenizer.json"), TOKENIZER.as_bytes());
    assert_eq!(read("model.safetensors"), weights());
}

#[test]
fn a_model_is_brought_once_pinned_to_its_commit() {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::start(|request, _| bert(request));
    let mut options = options(&server, cache.path());
    let model = get("ann/bert", &options).unwrap();
    assert_whole(&model);
    assert_eq!(model.commit.as_deref(), Some(COMMIT));
    assert_eq!(model.pinned(), format!("hf://ann/bert@{COMMIT}"));
    let names: Vec<(&str, u64)> = model
        .files
        .iter()
        .map(|file| (file.name.as_str(), file.bytes))
        .collect();
    assert_eq!(
        names,
        [
            ("config.json", 23),
            ("model.safetensors", 10_000),
            ("tokenizer.json", 3)
        ]
    );
    let asked = server.requests().len();
    assert!(
        server
            .requests()
            .iter()
            .all(|request| { request.header("authorization") == Some(&format!("Bearer {TOKEN}")) })
    );

    // The branch may have moved: one question. The commit cannot: none.
    assert_eq!(
        get("hf://ann/bert@main", &options).unwrap().files,
        model.files
    );
    assert_eq!(server.requests().len(), asked + 1);
    assert_eq!(get(&model.pinned(), &options).unwrap().files, model.files);
    assert_eq!(server.requests().len(), asked + 1);

    options.offline = true;
    drop(server);
    assert_whole(&get("ann/bert", &options).unwrap());
}

#[test]
fn the_python_library_finds_what_we_brought() {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::start(|request, _| bert(request));
    let model = get("ann/bert", &options(&server, cache.path())).unwrap();
    let script = "import sys; from huggingface_hub import hf_hub_download\n\
        for name in ['config.json', 'model.safetensors']: print(hf_hub_download('ann/bert', name, cache_dir=sys.argv[1], local_files_only=True))";
    let python = Command::new("python3")
        .args(["-c", script])
        .arg(cache.path())
        .output()
        .ok()
        .filter(|output| !String::from_utf8_lossy(&output.stderr).contains("ModuleNotFoundError"));
    let Some(output) = python else {
        eprintln!("ignored: no huggingface_hub for the python in PATH");
        return;
    };
    let found: Vec<String> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    let ours = ["config.json", "model.safetensors"]
        .map(|name| model.folder.join(name).to_str().unwrap().to_owned());
    assert_eq!(found, ours, "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_download_that_breaks_off_goes_on_from_there() {
    let cache = tempfile::tempdir().unwrap();
    let tries = AtomicUsize::new(0);
    let server = Server::start(move |request, _| {
        let mut reply = bert(request);
        if request.target == "/stored/weights" && tries.fetch_add(1, Ordering::SeqCst) < 6 {
            reply.break_after = Some(1_000);
        }
        reply
    });
    let heard = Heard::default();
    let options = options(&server, cache.path());
    let model = resolve("ann/bert", Path::new("."), Needs::ALL, &options, &heard).unwrap();
    assert_whole(&model);
    // More failures than tries, but each came further.
    let starts = [
        None,
        Some(1000),
        Some(2000),
        Some(3000),
        Some(4000),
        Some(5000),
        Some(6000),
    ];
    assert_eq!(ranges(&server), starts);
    assert!(heard.notes.borrow()[0].contains("broke off after 1000 bytes"));
    let last = heard.progress.borrow().last().cloned().unwrap();
    assert_eq!(last, ("model.safetensors".into(), 10_000, Some(10_000)));
}

#[test]
fn what_a_killed_download_left_is_taken_up() {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::start(|request, _| bert(request));
    let blobs = cache.path().join("models--ann--bert/blobs");
    std::fs::create_dir_all(&blobs).unwrap();
    let unfinished = blobs.join(format!("{WEIGHTS_SHA}.incomplete"));
    std::fs::write(&unfinished, &weights()[..7_000]).unwrap();
    assert_whole(&get("ann/bert", &options(&server, cache.path())).unwrap());
    assert_eq!(ranges(&server), [Some(7_000)]);
    assert!(!unfinished.exists());
}

#[test]
fn a_server_without_ranges_and_a_part_that_is_too_long_begin_anew() {
    for left in [7_000, 12_000] {
        let cache = tempfile::tempdir().unwrap();
        let server = Server::start(|request, _| match request.target.as_str() {
            "/stored/weights" => reply(200, weights()),
            _ => bert(request),
        });
        let blobs = cache.path().join("models--ann--bert/blobs");
        std::fs::create_dir_all(&blobs).unwrap();
        std::fs::write(
            blobs.join(format!("{WEIGHTS_SHA}.incomplete")),
            vec![9; left],
        )
        .unwrap();
        assert_whole(&get("ann/bert", &options(&server, cache.path())).unwrap());
    }
}

#[test]
fn a_damaged_file_is_fetched_again_and_never_used() {
    for damaged in [1, 2] {
        let cache = tempfile::tempdir().unwrap();
        let tries = AtomicUsize::new(0);
        let server = Server::start(move |request, _| {
            let is_weights = request.target == "/stored/weights";
            if is_weights && tries.fetch_add(1, Ordering::SeqCst) < damaged {
                return reply(200, vec![7; 10_000]);
            }
            bert(request)
        });
        let result = get("ann/bert", &options(&server, cache.path()));
        if damaged == 1 {
            assert_whole(&result.unwrap());
        } else {
            let error = result.unwrap_err().to_string();
            assert!(
                error.contains("`model.safetensors` came damaged twice"),
                "{error}"
            );
            let blobs = cache.path().join("models--ann--bert/blobs");
            assert!(!blobs.join(WEIGHTS_SHA).exists());
        }
    }
}

#[test]
fn shards_are_those_that_the_index_names() {
    let cache = tempfile::tempdir().unwrap();
    let index = "{\"weight_map\": {\"a\": \"m-1.safetensors\", \"b\": \"m-2.safetensors\", \"c\": \"m-1.safetensors\"}}";
    let server = Server::start(move |request, _| {
        let target = request.target.as_str();
        if target.starts_with("/api/") {
            return listing(&[
                "config.json",
                "tokenizer.json",
                "model.safetensors.index.json",
                "m-1.safetensors",
                "m-2.safetensors",
                "m-3.safetensors",
            ]);
        }
        match target.rsplit('/').next() {
            Some("model.safetensors.index.json") => small(index, "mirror-1"),
            Some("m-1.safetensors") => small("one", "mirror-2"),
            Some("m-2.safetensors") => small("two", "mirror-3"),
            _ => bert(request),
        }
    });
    let model = get("ann/bert@v1", &options(&server, cache.path())).unwrap();
    let names: Vec<&str> = model.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "config.json",
            "m-1.safetensors",
            "m-2.safetensors",
            "model.safetensors.index.json",
            "tokenizer.json"
        ]
    );
    assert_eq!(
        std::fs::read(model.file("m-2.safetensors").unwrap()).unwrap(),
        b"two"
    );
}

#[test]
fn an_index_that_leaves_the_folder_or_names_what_is_not_there_is_refused() {
    for (shard, says) in [
        ("../../evil", "outside the model's folder"),
        ("m-9.safetensors", "which the repository does not have"),
    ] {
        let cache = tempfile::tempdir().unwrap();
        let index = format!("{{\"weight_map\": {{\"a\": {shard:?}}}}}");
        let server = Server::start(move |request, _| match request.target.as_str() {
            target if target.starts_with("/api/") => listing(&[
                "config.json",
                "tokenizer.json",
                "model.safetensors.index.json",
            ]),
            target if target.ends_with("index.json") => small(&index, "mirror"),
            _ => bert(request),
        });
        let error = get("ann/bert", &options(&server, cache.path()))
            .unwrap_err()
            .to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn a_renamed_repository_is_followed_on_the_hub() {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::start(|request, _| {
        let target = request.target.as_str();
        if let Some(rest) = target.strip_prefix("/old-bert/") {
            return reply(307, "").header("location", format!("/ann/bert/{rest}"));
        }
        if target.starts_with("/api/models/old-bert/") {
            return reply(307, "").header("location", "/api/models/ann/bert/revision/main");
        }
        bert(request)
    });
    assert_whole(&get("old-bert", &options(&server, cache.path())).unwrap());
}

#[test]
fn the_token_goes_to_the_hub_and_to_nobody_else() {
    let cache = tempfile::tempdir().unwrap();
    let storage = Server::start(|request, _| part(request, &weights()));
    let elsewhere = storage.url.replace("127.0.0.1", "localhost") + "/stored/weights";
    let server = Server::start(move |request, _| {
        if request.target.ends_with("/model.safetensors") {
            return stored(10_000, WEIGHTS_SHA, &elsewhere);
        }
        bert(request)
    });
    assert_whole(&get("ann/bert", &options(&server, cache.path())).unwrap());
    assert_eq!(storage.requests().len(), 1);
    assert_eq!(storage.requests()[0].header("authorization"), None);
}

#[test]
fn a_busy_hub_is_asked_again() {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::start(|request, number| match number {
        0 => reply(503, ""),
        1 => reply(429, "{\"error\": \"slow down\"}"),
        _ => bert(request),
    });
    let heard = Heard::default();
    let options = options(&server, cache.path());
    let model = resolve("ann/bert", Path::new("."), Needs::ALL, &options, &heard).unwrap();
    assert_whole(&model);
    assert!(heard.notes.borrow()[1].contains("the hub says: slow down"));
}

/// What the error of a hub says that always answers in one way.
fn refused(status: u16, code: &'static str, body: &'static str) -> String {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::start(move |_, _| reply(status, body).header("x-error-code", code));
    get("ann/bert@v9", &options(&server, cache.path()))
        .unwrap_err()
        .to_string()
}

#[test]
fn refusals_say_what_to_do() {
    let gated = refused(
        403,
        "GatedRepo",
        "{\"error\": \"Access to it is restricted\"}",
    );
    assert!(
        gated.contains("accept its terms on http://127.0.0.1"),
        "{gated}"
    );
    assert!(gated.contains("set HF_TOKEN"), "{gated}");
    assert!(
        gated.contains("(the hub says: Access to it is restricted)"),
        "{gated}"
    );
    let none = refused(404, "RepoNotFound", "");
    assert!(
        none.contains("there is no such model; check owner, name and spelling"),
        "{none}"
    );
    let hidden = refused(401, "", "Unauthorized");
    assert!(hidden.contains("private or gated"), "{hidden}");
    let revision = refused(404, "RevisionNotFound", "");
    assert!(revision.contains("it has no revision `v9`"), "{revision}");
    let no_hub = refused(200, "", "<html>");
    assert!(no_hub.contains("cannot be understood"), "{no_hub}");
    for message in [&gated, &none, &hidden, &revision, &no_hub] {
        assert!(message.starts_with("model ann/bert@v9: "), "{message}");
        assert!(!message.contains(TOKEN));
    }
}

/// What the error of a repository with these files says.
fn lacking(files: &'static [&'static str]) -> String {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::start(move |_, _| listing(files));
    get("ann/bert", &options(&server, cache.path()))
        .unwrap_err()
        .to_string()
}

#[test]
fn a_repository_that_lacks_a_file_is_explained() {
    let bin = lacking(&["config.json", "tokenizer.json", "pytorch_model.bin"]);
    assert!(
        bin.contains("it has no model.safetensors: it has only pytorch_model.bin"),
        "{bin}"
    );
    assert!(bin.contains("save_pretrained"), "{bin}");
    let vocabulary = lacking(&["config.json", "vocab.txt", "model.safetensors"]);
    assert!(
        vocabulary.contains("it has no tokenizer.json, only vocab.txt"),
        "{vocabulary}"
    );
    let bare = lacking(&["model.safetensors", "README.md"]);
    assert!(bare.contains("it has no config.json"), "{bare}");
    let moved = lacking(&["config.json", "tokenizer.json", "onnx/model.safetensors"]);
    assert!(
        moved.contains("of safetensors it has onnx/model.safetensors"),
        "{moved}"
    );
}

#[test]
fn without_network_the_cache_is_named() {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::start(|request, _| bert(request));
    let mut options = options(&server, cache.path());
    get("ann/bert", &options).unwrap();
    drop(server);
    let error = get("ann/bert", &options).unwrap_err().to_string();
    assert!(error.contains("cannot be reached"), "{error}");
    assert!(
        error.contains(&format!(
            "HF_HUB_OFFLINE=1 takes commit {COMMIT} of it from the cache"
        )),
        "{error}"
    );
    let other = get("ann/other", &options).unwrap_err().to_string();
    assert!(other.contains("check the network"), "{other}");

    options.offline = true;
    let other = get("ann/other", &options).unwrap_err().to_string();
    assert!(
        other.contains("has nothing of this revision; fetch it once while online"),
        "{other}"
    );
    std::fs::remove_file(cache.path().join(format!(
        "models--ann--bert/snapshots/{COMMIT}/model.safetensors"
    )))
    .unwrap();
    let part = get("ann/bert", &options).unwrap_err().to_string();
    assert!(part.contains("has not all of it"), "{part}");
}

#[test]
fn a_stopped_download_keeps_what_it_has() {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::start(|request, _| bert(request));
    let heard = Heard {
        stop_after: Some(1_000),
        ..Heard::default()
    };
    let options = options(&server, cache.path());
    let error = resolve("ann/bert", Path::new("."), Needs::ALL, &options, &heard).unwrap_err();
    assert!(matches!(error, HubError::Cancelled { .. }));
    let left = cache
        .path()
        .join(format!("models--ann--bert/blobs/{WEIGHTS_SHA}.incomplete"));
    assert!(left.metadata().unwrap().len() >= 1_000);
    assert_whole(&get("ann/bert", &options).unwrap());
}

#[test]
fn an_etag_that_is_no_name_is_refused() {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::start(|request, _| {
        if request.target.starts_with("/api/") {
            return listing(&FILES);
        }
        reply(200, CONFIG).header("etag", "\"../../evil\"")
    });
    let error = get("ann/bert", &options(&server, cache.path()))
        .unwrap_err()
        .to_string();
    assert!(error.contains("is none that a cache can keep"), "{error}");
}

#[test]
fn a_folder_is_checked_as_a_repository_is() {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("mine");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("config.json"), CONFIG).unwrap();
    std::fs::write(folder.join("tokenizer.json"), TOKENIZER).unwrap();
    let get = |needs| {
        resolve(
            "mine",
            base.path(),
            needs,
            &Options::new("/no/such/cache"),
            &(),
        )
    };
    let error = get(Needs::ALL).unwrap_err().to_string();
    assert!(error.contains("it has no model.safetensors"), "{error}");
    assert_eq!(get(Needs::TOKENIZER).unwrap().files.len(), 2);
    std::fs::write(
        folder.join("model.safetensors.index.json"),
        "{\"weight_map\": {\"a\": \"m-1.safetensors\"}}",
    )
    .unwrap();
    let error = get(Needs::ALL).unwrap_err().to_string();
    assert!(
        error.contains("names `m-1.safetensors`, which is not in"),
        "{error}"
    );
    std::fs::write(folder.join("m-1.safetensors"), "one").unwrap();
    let model = get(Needs::ALL).unwrap();
    assert_eq!(model.commit, None);
    assert_eq!(model.pinned(), folder.display().to_string());
    assert_eq!(model.files.len(), 4);
}
