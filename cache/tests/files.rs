//! Digests of files and folders outside the store.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use cache::{Cache, CacheError, Digest};
use common::{publish, publish_folder, write_files};

#[test]
fn a_file_is_remembered_once_it_has_been_left_alone_for_two_seconds() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(&home.path().join("store")).unwrap();
    let log = home.path().join("store/files.log");
    let file = home.path().join("file");
    fs::write(&file, "content").unwrap();
    assert_eq!(cache.digest_file(&file).unwrap(), Digest::of(b"content"));
    assert_eq!(fs::metadata(&log).unwrap().len(), 0, "too young");
    std::thread::sleep(Duration::from_millis(2050));
    assert_eq!(cache.digest_file(&file).unwrap(), Digest::of(b"content"));
    let len = fs::metadata(&log).unwrap().len();
    assert!(len > 0);
    cache.digest_file(&file).unwrap();
    assert_eq!(fs::metadata(&log).unwrap().len(), len, "asked for again");
    fs::write(&file, "changed").unwrap();
    assert_eq!(cache.digest_file(&file).unwrap(), Digest::of(b"changed"));
}

#[test]
fn a_path_has_the_digest_of_the_artifact_it_would_be() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(&home.path().join("store")).unwrap();
    let files: [(&str, &[u8]); 3] = [("b", b"2"), ("a/x", b"1"), ("a.txt", b"3")];
    let outside = home.path().join("outside");
    write_files(&outside, &files);
    let artifact = publish_folder(&cache, "folder", &files);
    assert_eq!(
        cache.digest_path(&outside).unwrap(),
        artifact.output("folder").unwrap().digest()
    );
    let artifact = publish(&cache, "file", &[("out", b"2")]);
    assert_eq!(
        cache.digest_path(&outside.join("b")).unwrap(),
        artifact.output("out").unwrap().digest()
    );
    fs::rename(outside.join("b"), outside.join("c")).unwrap();
    assert_ne!(
        cache.digest_path(&outside).unwrap(),
        artifact.output("out").unwrap().digest()
    );
}

#[test]
fn links_are_followed_and_a_loop_of_them_is_an_error() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(&home.path().join("store")).unwrap();
    let plain = home.path().join("plain");
    write_files(&plain, &[("deep/file", b"x"), ("other", b"x")]);
    let linked = home.path().join("linked");
    fs::create_dir(&linked).unwrap();
    symlink(plain.join("deep"), linked.join("deep")).unwrap();
    symlink(plain.join("deep/file"), linked.join("other")).unwrap();
    assert_eq!(
        cache.digest_path(&plain).unwrap(),
        cache.digest_path(&linked).unwrap()
    );
    symlink("..", plain.join("deep/up")).unwrap();
    let error = cache.digest_path(&plain).unwrap_err();
    assert!(
        matches!(&error, CacheError::Loop { path } if path.ends_with("deep/up")),
        "{error}"
    );
}

#[test]
fn a_path_that_is_gone_or_no_file_is_an_error_that_names_it() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(&home.path().join("store")).unwrap();
    for path in ["gone", "/dev/null"] {
        let error = cache.digest_path(&home.path().join(path)).unwrap_err();
        assert!(error.to_string().contains(path), "{error}");
    }
    let error = cache.digest_file(home.path()).unwrap_err();
    assert!(matches!(error, CacheError::NotAFile { .. }), "{error}");
}

#[test]
fn large_files_have_the_same_digest_as_their_bytes_at_every_border_of_the_reader() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(&home.path().join("store")).unwrap();
    let file = home.path().join("file");
    for len in [
        0,
        1,
        4096,
        4097,
        (256 << 10) - 1,
        256 << 10,
        (256 << 10) + 1,
        (1 << 20) - 1,
        1 << 20,
        (3 << 20) + 5,
    ] {
        let bytes: Vec<u8> = (0..len).map(|at: u32| (at % 251) as u8).collect();
        fs::write(&file, &bytes).unwrap();
        assert_eq!(
            cache.digest_file(&file).unwrap(),
            Digest::of(&bytes),
            "{len} bytes"
        );
    }
}
