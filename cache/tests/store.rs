//! Opening, views, copies, collection, and stores that can't be written to.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, SystemTime};

use cache::{Artifact, Cache, CacheError, GcOptions, Lookup};
use common::{
    assert_clean, blob_of, child, child_root, damage, key, names, publish, publish_folder,
    write_files,
};

const FILES: [(&str, &[u8]); 3] = [
    ("config.json", b"{}"),
    ("model.safetensors", &[1; 5000]),
    ("onnx/model", b"o"),
];

fn read_folder(folder: &std::path::Path) -> Vec<Vec<u8>> {
    FILES
        .iter()
        .map(|(path, _)| fs::read(folder.join(path)).unwrap())
        .collect()
}

fn contents() -> Vec<Vec<u8>> {
    FILES.iter().map(|(_, content)| content.to_vec()).collect()
}

#[test]
fn a_store_of_another_format_is_refused_by_number() {
    let home = tempfile::tempdir().unwrap();
    drop(Cache::open(home.path()).unwrap());
    fs::write(home.path().join("VERSION"), "99\n").unwrap();
    let error = Cache::open(home.path()).unwrap_err();
    assert!(
        matches!(&error, CacheError::Format { found, .. } if found == "99"),
        "{error}"
    );
    assert!(
        error.to_string().contains(home.path().to_str().unwrap()),
        "{error}"
    );
}

#[test]
fn a_folder_with_other_things_in_it_is_refused_and_left_alone() {
    let home = tempfile::tempdir().unwrap();
    write_files(home.path(), &[("thesis.tex", b"years of work")]);
    let error = Cache::open(home.path()).unwrap_err();
    assert!(error.to_string().contains("thesis.tex"), "{error}");
    assert_eq!(names(home.path()), ["thesis.tex"]);
}

#[test]
fn an_interrupted_beginning_is_begun_again() {
    let home = tempfile::tempdir().unwrap();
    drop(Cache::open(home.path()).unwrap());
    fs::remove_file(home.path().join("VERSION")).unwrap();
    fs::remove_dir(home.path().join("views")).unwrap();
    publish(&Cache::open(home.path()).unwrap(), "a", &[("out", b"x")]);
}

#[test]
fn a_file_where_the_store_should_be_is_an_error_that_names_it() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    fs::write(&file, "x").unwrap();
    for root in [file.clone(), file.join("below")] {
        let error = Cache::open(&root).unwrap_err();
        assert!(
            error.to_string().contains(root.to_str().unwrap()),
            "{error}"
        );
    }
}

#[test]
fn a_view_is_a_folder_of_the_same_files_and_is_made_once() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(home.path()).unwrap();
    let action = publish_folder(&cache, "a", &FILES);
    let artifact = action.output("folder").unwrap();
    let view = cache.artifact_path(artifact).unwrap();
    assert!(view.starts_with(cache.root().join("views")));
    assert_eq!(read_folder(&view), contents());
    assert_eq!(cache.artifact_path(artifact).unwrap(), view);
    assert_eq!(names(&cache.root().join("views")).len(), 1);
}

#[test]
fn a_damaged_view_is_made_anew() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(home.path()).unwrap();
    let action = publish_folder(&cache, "a", &FILES);
    let artifact = action.output("folder").unwrap();
    let view = cache.artifact_path(artifact).unwrap();
    let damages: [&dyn Fn(); 5] = [
        &|| fs::remove_file(view.join("config.json")).unwrap(),
        &|| fs::write(view.join("extra"), "x").unwrap(),
        &|| {
            fs::remove_file(view.join("config.json")).unwrap();
            fs::write(view.join("config.json"), "[]").unwrap();
        },
        &|| fs::remove_dir_all(&view).unwrap(),
        &|| {
            fs::remove_dir_all(&view).unwrap();
            fs::write(&view, "a file").unwrap();
        },
    ];
    for (index, damage) in damages.iter().enumerate() {
        damage();
        assert_eq!(
            cache.artifact_path(artifact).unwrap(),
            view,
            "damage {index}"
        );
        assert_eq!(read_folder(&view), contents(), "damage {index}");
        assert_eq!(names(&view).len(), 3, "damage {index}");
    }
    assert_clean(&cache);
}

#[test]
fn a_view_follows_a_blob_that_was_computed_again() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(home.path()).unwrap();
    let action = publish_folder(&cache, "a", &FILES);
    let artifact = action.output("folder").unwrap();
    let view = cache.artifact_path(artifact).unwrap();
    damage(&cache, b"{}", b"XX");
    cache.quarantine(artifact).unwrap();
    assert!(cache.artifact_path(artifact).is_err());
    publish_folder(&cache, "a", &FILES);
    assert_eq!(cache.artifact_path(artifact).unwrap(), view);
    assert_eq!(read_folder(&view), contents());
}

#[test]
fn many_threads_that_want_a_view_get_one() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(home.path()).unwrap();
    for round in 0..10 {
        let name = round.to_string();
        let action = publish_folder(&cache, &name, &[("a", b"same"), ("b", name.as_bytes())]);
        let artifact = action.output("folder").unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    assert_eq!(
                        fs::read(cache.artifact_path(artifact).unwrap().join("a")).unwrap(),
                        b"same"
                    )
                });
            }
        });
    }
}

#[test]
fn a_copy_is_the_users_to_change() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(&home.path().join("store")).unwrap();
    let file = publish(&cache, "file", &[("out", b"blob")]);
    let folder = publish_folder(&cache, "folder", &FILES);
    let to = home.path().join("new/place/out.txt");
    for _ in 0..2 {
        cache.materialize(file.output("out").unwrap(), &to).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"blob");
        fs::write(&to, "changed").unwrap();
    }
    let to_folder = home.path().join("model");
    cache
        .materialize(folder.output("folder").unwrap(), &to_folder)
        .unwrap();
    assert_eq!(read_folder(&to_folder), contents());
    fs::write(to_folder.join("config.json"), "changed").unwrap();
    let error = cache
        .materialize(folder.output("folder").unwrap(), &to_folder)
        .unwrap_err();
    assert!(matches!(error, CacheError::Exists { .. }), "{error}");
    assert_eq!(fs::read(to_folder.join("config.json")).unwrap(), b"changed");
    assert_eq!(names(home.path()), ["model", "new", "store"]);
    assert_clean(&cache);
}

fn assert_only_reads(cache: &Cache) {
    assert!(cache.is_read_only());
    assert!(matches!(cache.lookup(&key("file")), Lookup::Hit(_)));
    let Lookup::Hit(folder) = cache.lookup(&key("folder")) else {
        panic!("no hit")
    };
    let view = cache
        .artifact_path(folder.output("folder").unwrap())
        .unwrap();
    assert_eq!(read_folder(&view), contents());
    assert_eq!(
        cache
            .artifact_path(folder.output("folder").unwrap())
            .unwrap(),
        view
    );
    let refusals = [
        cache
            .publish(key("new"), vec![], String::new(), String::new())
            .unwrap_err(),
        cache.stage().unwrap_err(),
        cache.forget(&key("file")).unwrap_err(),
        cache.lock(&key("new"), &|| false).unwrap_err(),
        cache.gc(&GcOptions::default()).unwrap_err(),
    ];
    for error in refusals {
        assert!(matches!(error, CacheError::ReadOnly { .. }), "{error}");
        assert!(
            error.to_string().contains(cache.root().to_str().unwrap()),
            "{error}"
        );
    }
    assert_eq!(cache.stats().unwrap().actions, 2);
    assert_clean(cache);
    cache.refresh().unwrap();
    cache.digest_file(&cache.root().join("VERSION")).unwrap();
    cache
        .gc(&GcOptions {
            dry_run: true,
            ..GcOptions::default()
        })
        .unwrap();
}

#[test]
fn a_store_opened_for_reading_only_has_hits_and_refuses_the_rest() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(home.path()).unwrap();
    publish(&cache, "file", &[("out", b"x")]);
    publish_folder(&cache, "folder", &FILES);
    drop(cache);
    let before = names(home.path());
    assert_only_reads(&Cache::open_read_only(home.path()).unwrap());
    assert_eq!(names(home.path()), before);
    assert!(Cache::open_read_only(&home.path().join("absent")).is_err());
}

#[test]
fn child_opens_a_store_it_has_no_right_to_write_to() {
    let Some(root) = child_root() else { return };
    assert_only_reads(&Cache::open(&root).unwrap());
    println!("\nread");
}

#[test]
fn a_folder_without_the_right_to_write_is_opened_for_reading() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("store");
    let cache = Cache::open(&root).unwrap();
    publish(&cache, "file", &[("out", b"x")]);
    publish_folder(&cache, "folder", &FILES);
    drop(cache);
    let set_modes = |folder: u32, file: u32| {
        let find = |kind, mode: u32| {
            let done = Command::new("find")
                .arg(home.path())
                .args(["-type", kind, "-exec", "chmod"])
                .arg(format!("{mode:o}"))
                .args(["{}", "+"])
                .status()
                .unwrap();
            assert!(done.success());
        };
        find("f", file);
        find("d", folder);
    };
    set_modes(0o555, 0o444);
    // Root may write anywhere: it becomes nobody, if there is a program for that.
    let is_root = File::options()
        .append(true)
        .open(root.join("actions.log"))
        .is_ok();
    let inner = child("child_opens_a_store_it_has_no_right_to_write_to", &root);
    let mut command = if is_root {
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(inner.get_program());
        command
    } else {
        Command::new(inner.get_program())
    };
    let output = command
        .args(inner.get_args())
        .env("CACHE_TEST_ROOT", &root)
        .output();
    set_modes(0o755, 0o644);
    match output {
        Ok(output) if String::from_utf8_lossy(&output.stdout).contains("\nread\n") => {}
        Ok(output) if !is_root || String::from_utf8_lossy(&output.stdout).contains("panicked") => {
            panic!("{output:?}");
        }
        skipped => eprintln!("skipped: no way to give up root's rights here: {skipped:?}"),
    }
}

fn collect(cache: &Cache, max_bytes: u64) -> cache::GcReport {
    cache
        .gc(&GcOptions {
            max_bytes: Some(max_bytes),
            ..GcOptions::default()
        })
        .unwrap()
}

#[test]
fn collection_removes_records_blobs_views_and_leftovers_for_every_open_cache() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(home.path()).unwrap();
    let other = Cache::open(home.path()).unwrap();
    let kept = publish(&cache, "kept", &[("out", b"12345"), ("shared", b"s")]);
    let folder = publish_folder(&cache, "gone", &[("a", b"123456789"), ("b", b"s")]);
    let view = cache
        .artifact_path(folder.output("folder").unwrap())
        .unwrap();
    other.refresh().unwrap();
    // Used last: its blobs' times say so.
    let later = SystemTime::now() + Duration::from_secs(100);
    for content in [&b"12345"[..], b"s"] {
        File::open(cache.blob_path(&blob_of(content)))
            .unwrap()
            .set_modified(later)
            .unwrap();
    }
    write_files(
        home.path(),
        &[
            ("tmp/dead/file", b"x"),
            ("tmp/dead.lock", b""),
            ("corrupt/old", b"x"),
        ],
    );

    let options = GcOptions {
        max_bytes: Some(6),
        dry_run: true,
        ..GcOptions::default()
    };
    let planned = cache.gc(&options).unwrap();
    assert!(
        matches!(cache.lookup(&key("gone")), Lookup::Hit(_)),
        "a dry run removes nothing"
    );
    let report = collect(&cache, 6);
    assert_eq!(report, planned);
    assert_eq!(report.removed, [key("gone")]);
    assert_eq!(
        (report.kept, report.blobs_removed, report.bytes_removed),
        (1, 1, 9)
    );
    assert_eq!((report.blobs_kept, report.bytes_kept), (2, 6));

    assert_eq!(cache.lookup(&key("gone")), Lookup::Miss);
    assert_eq!(cache.lookup(&key("kept")), Lookup::Hit(kept.clone()));
    assert!(!view.exists());
    assert!(names(&home.path().join("corrupt")).is_empty());
    assert_eq!(
        names(&home.path().join("tmp"))
            .iter()
            .filter(|name| name.starts_with("dead"))
            .count(),
        0
    );
    // Another open cache notices the new log, when it refreshes and when it publishes.
    let late = publish(&other, "late", &[("out", b"late")]);
    assert_eq!(other.lookup(&key("gone")), Lookup::Miss);
    cache.refresh().unwrap();
    assert_eq!(cache.lookup(&key("late")), Lookup::Hit(late));
    assert_eq!(
        Cache::open(home.path()).unwrap().lookup(&key("kept")),
        Lookup::Hit(kept)
    );
    assert_clean(&cache);
}

#[test]
fn collection_keeps_what_is_pinned_or_young() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(home.path()).unwrap();
    publish(&cache, "pinned", &[("out", b"1")]);
    publish(&cache, "other", &[("out", b"2")]);
    let young = GcOptions {
        max_bytes: Some(0),
        grace: Duration::from_secs(60),
        ..GcOptions::default()
    };
    assert!(cache.gc(&young).unwrap().removed.is_empty());
    let pinned = GcOptions {
        max_bytes: Some(0),
        pinned: [key("pinned")].into(),
        ..GcOptions::default()
    };
    assert_eq!(cache.gc(&pinned).unwrap().removed, [key("other")]);
    assert_eq!(cache.stats().unwrap().bytes, 1);
}

#[test]
fn a_hit_renews_the_last_use_of_blobs_that_were_not_used_for_an_hour() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(home.path()).unwrap();
    publish(&cache, "a", &[("out", b"x")]);
    let path = cache.blob_path(&blob_of(b"x"));
    let age = || {
        fs::metadata(&path)
            .unwrap()
            .modified()
            .unwrap()
            .elapsed()
            .unwrap_or_default()
            .as_secs()
    };
    let set = |age| {
        File::open(&path)
            .unwrap()
            .set_modified(SystemTime::now() - Duration::from_secs(age))
            .unwrap()
    };
    set(3500);
    cache.lookup(&key("a"));
    assert!(age() >= 3500);
    set(7200);
    Cache::open_read_only(home.path())
        .unwrap()
        .lookup(&key("a"));
    assert!(age() >= 7200);
    assert_clean(&cache);
    assert!(age() >= 7200, "verification is no use");
    cache.lookup(&key("a"));
    assert!(age() < 3500);
}

#[test]
fn collection_keeps_small_blobs_of_this_boot_recoverable() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(home.path()).unwrap();
    let action = publish(&cache, "a", &[("out", b"small")]);
    let log = || fs::metadata(home.path().join("actions.log")).unwrap().len();
    let before = log();
    cache.gc(&GcOptions::default()).unwrap();
    assert_eq!(log(), before);
    assert_eq!(cache.lookup(&key("a")), Lookup::Hit(action));
}

#[test]
fn a_copy_of_a_store_is_a_store() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("one");
    let action = publish(&Cache::open(&root).unwrap(), "a", &[("out", b"x")]);
    assert!(
        Command::new("cp")
            .arg("-r")
            .arg(&root)
            .arg(home.path().join("two"))
            .status()
            .unwrap()
            .success()
    );
    let copy = Cache::open(&home.path().join("two")).unwrap();
    fs::remove_dir_all(&root).unwrap();
    assert_eq!(copy.lookup(&key("a")), Lookup::Hit(action.clone()));
    assert!(matches!(action.outputs[0].artifact, Artifact::File(_)));
    fs::set_permissions(
        copy.blob_path(&blob_of(b"x")),
        Permissions::from_mode(0o644),
    )
    .unwrap();
    assert_eq!(
        copy.lookup(&key("a")),
        Lookup::Hit(action),
        "a file's mode proves nothing"
    );
}
