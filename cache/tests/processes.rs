//! Several processes, some of them killed, some without space.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use cache::{Cache, CacheError, Lookup};
use common::{
    assert_clean, assert_success, child, child_root, key, names, publish, publish_folder,
};
use proptest::prelude::*;

fn content(step: usize) -> Vec<u8> {
    // Of many sizes, so that some are inline and some are synced on their own.
    format!("step {step} ")
        .repeat(1 + step * 37 % 1500)
        .into_bytes()
}

#[test]
fn child_publishes_until_killed() {
    let Some(root) = child_root() else { return };
    println!("\nstarted");
    let cache = Cache::open(&root).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let cache = &cache;
            scope.spawn(move || {
                for step in (thread..400).step_by(3) {
                    let name = format!("step {step}");
                    let lock = cache.lock(&key(&name), &|| false).unwrap();
                    cache.refresh().unwrap();
                    if matches!(cache.lookup(&key(&name)), Lookup::Hit(_)) {
                        continue;
                    }
                    if step % 5 == 0 {
                        publish_folder(cache, &name, &[("a", &content(step)), ("b/c", b"same")]);
                    } else {
                        publish(
                            cache,
                            &name,
                            &[("out", &content(step)), ("name", name.as_bytes())],
                        );
                    }
                    println!("published {step}");
                    drop(lock);
                }
            });
        }
    });
}

#[test]
fn a_killed_publisher_leaves_whole_actions_only_and_nothing_locked() {
    let home = tempfile::tempdir().unwrap();
    let mut random = 12_345_u64;
    for round in 0..40 {
        let mut publisher = child("child_publishes_until_killed", home.path())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let mut said = BufReader::new(publisher.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok);
        assert!(said.any(|line| line == "started"));
        std::thread::sleep(Duration::from_micros((random >> 33) % 40_000));
        publisher.kill().unwrap();
        let reported: Vec<usize> = said
            .filter_map(|line| line.strip_prefix("published ")?.parse().ok())
            .collect();
        publisher.wait().unwrap();

        let cache = Cache::open(home.path()).unwrap();
        assert!(names(&home.path().join("tmp")).is_empty(), "round {round}");
        assert_eq!(
            names(&home.path().join("locks")),
            ["store"],
            "round {round}"
        );
        let report = cache.verify(&|_| ()).unwrap();
        assert!(report.is_clean(), "round {round}: {report:?}");
        for step in reported {
            let found = cache.lookup(&key(&format!("step {step}")));
            assert!(
                matches!(found, Lookup::Hit(_)),
                "round {round}, step {step}: {found:?}"
            );
        }
        for action in cache.actions() {
            for output in &action.outputs {
                assert!(cache.artifact_path(&output.artifact).unwrap().exists());
            }
        }
    }
    assert_success(
        child("child_publishes_until_killed", home.path())
            .spawn()
            .unwrap(),
    );
    let cache = Cache::open(home.path()).unwrap();
    assert_eq!(cache.actions().len(), 400);
    let report = cache.verify(&|_| ()).unwrap();
    assert!(report.is_clean() && report.torn_bytes == 0, "{report:?}");
}

#[test]
fn processes_that_want_the_same_keys_compute_each_once() {
    let home = tempfile::tempdir().unwrap();
    let children: Vec<_> = (0..3)
        .map(|_| {
            child("child_publishes_until_killed", home.path())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut published = 0;
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        published += String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter(|line| line.contains("published "))
            .count();
    }
    assert_eq!(published, 400);
    let cache = Cache::open(home.path()).unwrap();
    assert_eq!(cache.actions().len(), 400);
    assert_clean(&cache);
}

#[test]
fn child_collects_garbage_again_and_again() {
    let Some(root) = child_root() else { return };
    let cache = Cache::open(&root).unwrap();
    let options = cache::GcOptions {
        grace: Duration::from_secs(3600),
        max_bytes: Some(0),
        ..Default::default()
    };
    for _ in 0..30 {
        cache.gc(&options).unwrap();
    }
}

#[test]
fn collection_in_one_process_takes_nothing_from_publishers_in_another() {
    let home = tempfile::tempdir().unwrap();
    let collector = child("child_collects_garbage_again_and_again", home.path())
        .spawn()
        .unwrap();
    let publisher = child("child_publishes_until_killed", home.path())
        .spawn()
        .unwrap();
    assert_success(publisher);
    assert_success(collector);
    let cache = Cache::open(home.path()).unwrap();
    assert_eq!(cache.actions().len(), 400);
    assert_clean(&cache);
}

#[test]
fn child_publishes_outputs_of_growing_size() {
    let Some(root) = child_root() else { return };
    match fill(&root) {
        Ok(()) => println!("no error"),
        Err(error) => println!("error: {error}"),
    }
}

fn fill(root: &Path) -> Result<(), CacheError> {
    let cache = Cache::open(root)?;
    for step in 0..40 {
        let staging = cache.stage()?;
        let path = staging.path().join("out");
        if std::fs::write(&path, vec![b'x'; 1 + 100 * step]).is_err() {
            break;
        }
        cache.publish(
            key(&step.to_string()),
            vec![("out".into(), path)],
            "m".repeat(300),
            String::new(),
        )?;
    }
    Ok(())
}

/// Runs the filling child under a limit of `kib` for the size of a file, the nearest thing to a full disk that needs
/// no rights. The signal that goes with it is ignored, as a program must that wants the error instead.
fn fill_with_limit(root: &Path, kib: u64) -> String {
    let inner = child("child_publishes_outputs_of_growing_size", root);
    let script = format!("trap '' XFSZ; ulimit -f {kib}; exec \"$0\" \"$@\"");
    // bash counts the limit in KiB, a POSIX shell in 512-byte blocks.
    let output = Command::new("bash")
        .args(["-c", &script])
        .arg(inner.get_program())
        .args(inner.get_args())
        .env("CACHE_TEST_ROOT", root)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_full_disk_is_an_error_with_path_and_advice_and_what_was_published_stays() {
    for kib in [1, 2, 3, 5, 9] {
        let home = tempfile::tempdir().unwrap();
        let said = fill_with_limit(home.path(), kib);
        assert!(
            said.contains("error: cannot append to "),
            "{kib} KiB: {said}"
        );
        assert!(
            said.contains("actions.log") && said.contains("ulimit -f"),
            "{kib} KiB: {said}"
        );
        let cache = Cache::open(home.path()).unwrap();
        let report = cache.verify(&|_| ()).unwrap();
        assert!(
            report.is_clean() && report.torn_bytes == 0,
            "{kib} KiB: {report:?}"
        );
        let before = cache.actions().len();
        assert!(before < 40);
        assert!(fill(home.path()).is_ok());
        cache.refresh().unwrap();
        assert_eq!(cache.actions().len(), 40);
        assert_clean(&cache);
    }
}

#[test]
fn opening_an_empty_folder_by_many_at_once_makes_one_store() {
    for _ in 0..10 {
        let home = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for thread in 0..6 {
                let root = home.path();
                scope.spawn(move || {
                    let cache = Cache::open(root).unwrap();
                    publish(&cache, &thread.to_string(), &[("out", &[thread])]);
                });
            }
        });
        let cache = Cache::open(home.path()).unwrap();
        assert_eq!(cache.actions().len(), 6);
        assert_clean(&cache);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn files_of_any_content_come_back(contents in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9000), 1..5)) {
        let home = tempfile::tempdir().unwrap();
        let cache = Cache::open(home.path()).unwrap();
        let files: Vec<_> = contents.iter().enumerate().map(|(i, c)| (i.to_string(), c)).collect();
        let files: Vec<_> = files.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
        let action = publish(&cache, "a", &files);
        for (name, content) in files {
            let path = cache.artifact_path(action.output(name).unwrap()).unwrap();
            prop_assert_eq!(fs::read(path).unwrap(), content);
        }
    }
}
