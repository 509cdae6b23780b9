//! Publishing and looking up.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::Arc;

use cache::{Absence, Artifact, Cache, CacheError, Lookup};
use common::{assert_clean, blob_of, key, names, publish, publish_folder, write_files};

#[test]
fn what_was_published_is_found_in_this_cache_and_in_the_next() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(home.path()).unwrap();
    assert_eq!(cache.lookup(&key("a")), Lookup::Miss);
    let large = vec![5; 300_000];
    let action = publish(
        &cache,
        "a",
        &[("small", b"x"), ("large", &large), ("empty", b"")],
    );
    assert_eq!(action.manifest, "{\"name\":\"a\"}");
    assert_eq!(
        action.output("large"),
        Some(&Artifact::File(blob_of(&large)))
    );
    assert_eq!(cache.lookup(&key("a")), Lookup::Hit(action.clone()));
    let again = Cache::open(home.path()).unwrap();
    assert_eq!(again.lookup(&key("a")), Lookup::Hit(action.clone()));
    assert_eq!(again.actions(), [action]);
    assert_eq!(fs::read(again.blob_path(&blob_of(&large))).unwrap(), large);
    assert_clean(&again);
}

#[test]
fn an_action_without_outputs_is_a_hit() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(home.path()).unwrap();
    let action = publish(&cache, "none", &[]);
    assert_eq!(cache.lookup(&key("none")), Lookup::Hit(action));
}

#[test]
fn the_newest_record_of_a_key_counts() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(home.path()).unwrap();
    publish(&cache, "a", &[("out", b"old")]);
    let newest = publish(&cache, "a", &[("out", b"new")]);
    assert_eq!(cache.lookup(&key("a")), Lookup::Hit(newest.clone()));
    assert_eq!(
        Cache::open(home.path()).unwrap().lookup(&key("a")),
        Lookup::Hit(newest)
    );
}

#[test]
fn a_forgotten_action_is_a_miss_until_it_is_published_again() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(home.path()).unwrap();
    publish(&cache, "a", &[("out", b"x")]);
    cache.forget(&key("a")).unwrap();
    assert_eq!(cache.lookup(&key("a")), Lookup::Miss);
    assert_eq!(
        Cache::open(home.path()).unwrap().lookup(&key("a")),
        Lookup::Miss
    );
    let action = publish(&cache, "a", &[("out", b"x")]);
    assert_eq!(cache.lookup(&key("a")), Lookup::Hit(action));
}

#[test]
fn equal_bytes_are_kept_once_and_write_protected() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(home.path()).unwrap();
    publish(&cache, "a", &[("one", b"same"), ("two", b"same")]);
    publish(&cache, "b", &[("one", b"same")]);
    let stats = cache.stats().unwrap();
    assert_eq!((stats.actions, stats.blobs, stats.bytes), (2, 1, 4));
    let mode = fs::metadata(cache.blob_path(&blob_of(b"same")))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o444);
}

#[test]
fn a_folder_is_listed_by_relative_path_whatever_the_order_of_creation() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(home.path()).unwrap();
    let forth: [(&str, &[u8]); 4] = [("a/x", b"1"), ("a.b", b"2"), ("a/y/z", b"3"), ("é", b"4")];
    let mut back = forth;
    back.reverse();
    let one = publish_folder(&cache, "forth", &forth);
    let two = publish_folder(&cache, "back", &back);
    assert_eq!(one.outputs, two.outputs);
    let Some(Artifact::Folder(listing)) = one.output("folder") else {
        panic!("no folder")
    };
    let paths: Vec<_> = listing.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["a.b", "a/x", "a/y/z", "é"]);
}

#[test]
fn a_file_outside_the_staging_folder_is_copied_and_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(&home.path().join("store")).unwrap();
    let users = home.path().join("users.txt");
    fs::write(&users, "mine").unwrap();
    // A hard link to it in the staging folder is the user's file as well.
    let staging = cache.stage().unwrap();
    let linked = staging.path().join("linked");
    fs::hard_link(&users, &linked).unwrap();
    for (name, path) in [("outside", &users), ("linked", &linked)] {
        cache
            .publish(
                key(name),
                vec![("out".into(), path.clone())],
                String::new(),
                String::new(),
            )
            .unwrap();
    }
    fs::write(&users, "changed").unwrap();
    assert!(!fs::metadata(&users).unwrap().permissions().readonly());
    assert_clean(&cache);
    assert_eq!(
        fs::read(cache.blob_path(&blob_of(b"mine"))).unwrap(),
        b"mine"
    );
}

#[test]
fn a_link_a_pipe_and_a_name_that_is_no_text_are_refused_with_the_path() {
    use std::os::unix::ffi::OsStrExt;
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(home.path()).unwrap();
    let staging = cache.stage().unwrap();
    let link = staging.path().join("link");
    symlink("/etc/passwd", &link).unwrap();
    let socket = staging.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let folder = staging.path().join("folder");
    write_files(&folder, &[("x", b"x")]);
    fs::write(folder.join(std::ffi::OsStr::from_bytes(b"\xff")), "x").unwrap();
    for path in [&link, &socket, &folder] {
        let error = cache
            .publish(
                key("bad"),
                vec![("out".into(), path.clone())],
                String::new(),
                String::new(),
            )
            .unwrap_err();
        assert!(
            error.to_string().contains(path.to_str().unwrap()),
            "{error}"
        );
        assert!(
            matches!(error, CacheError::NotAFile { .. } | CacheError::Name { .. }),
            "{error}"
        );
    }
    let gone = staging.path().join("gone");
    let error = cache
        .publish(
            key("bad"),
            vec![("out".into(), gone)],
            String::new(),
            String::new(),
        )
        .unwrap_err();
    assert!(error.to_string().contains("gone"), "{error}");
    assert_eq!(cache.lookup(&key("bad")), Lookup::Miss);
}

#[test]
fn two_outputs_of_one_name_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(home.path()).unwrap();
    let staging = cache.stage().unwrap();
    let path = staging.path().join("x");
    fs::write(&path, "x").unwrap();
    let outputs = vec![("out".into(), path.clone()), ("out".into(), path)];
    let error = cache
        .publish(key("a"), outputs, String::new(), String::new())
        .unwrap_err();
    assert!(matches!(error, CacheError::TwoOutputs { .. }), "{error}");
}

#[test]
fn a_staging_folder_vanishes_with_all_that_is_in_it() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(home.path()).unwrap();
    let staging = cache.stage().unwrap();
    write_files(staging.path(), &[("deep/down/file", b"x")]);
    let path = staging.path().to_owned();
    drop(staging);
    assert!(!path.exists());
    drop(cache);
    assert!(names(&home.path().join("tmp")).is_empty());
}

#[test]
fn an_open_cache_keeps_its_staging_folders_when_another_opens_and_collects() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(home.path()).unwrap();
    let staging = cache.stage().unwrap();
    let other = Cache::open(home.path()).unwrap();
    other.gc(&cache::GcOptions::default()).unwrap();
    assert!(staging.path().is_dir());
}

#[test]
fn another_cache_on_the_same_folder_sees_new_actions_after_a_refresh() {
    let home = tempfile::tempdir().unwrap();
    let one = Cache::open(home.path()).unwrap();
    let two = Cache::open(home.path()).unwrap();
    let first = publish(&one, "first", &[("out", b"1")]);
    let second = publish(&two, "second", &[("out", b"2")]);
    // Publishing takes in what is there.
    assert_eq!(two.lookup(&key("first")), Lookup::Hit(first));
    assert_eq!(one.lookup(&key("second")), Lookup::Miss);
    one.refresh().unwrap();
    assert_eq!(one.lookup(&key("second")), Lookup::Hit(second));
}

#[test]
fn threads_that_publish_at_once_all_find_everything() {
    let home = tempfile::tempdir().unwrap();
    let cache = Arc::new(Cache::open(home.path()).unwrap());
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let cache = Arc::clone(&cache);
            scope.spawn(move || {
                for step in 0..20 {
                    let name = format!("{thread} {step}");
                    let action = publish(
                        &cache,
                        &name,
                        &[("own", name.as_bytes()), ("shared", &[step])],
                    );
                    assert_eq!(cache.lookup(&key(&name)), Lookup::Hit(action));
                }
            });
        }
    });
    assert_eq!(Cache::open(home.path()).unwrap().actions().len(), 160);
    assert_clean(&cache);
}

#[test]
fn a_missing_blob_is_named_with_its_port() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(home.path()).unwrap();
    let action = publish(&cache, "a", &[("kept", b"kept"), ("lost", b"lost")]);
    let path = cache.blob_path(&blob_of(b"lost"));
    fs::remove_file(&path).unwrap();
    let expected = Lookup::Missing {
        action,
        port: "lost".into(),
        why: Absence::Gone { path },
    };
    assert_eq!(cache.lookup(&key("a")), expected);
    // Publishing again mends it.
    let action = publish(&cache, "a", &[("kept", b"kept"), ("lost", b"lost")]);
    assert_eq!(cache.lookup(&key("a")), Lookup::Hit(action));
}
