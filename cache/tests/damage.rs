//! Blobs and logs that are not what was written.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::fs;
use std::path::Path;

use cache::{Absence, Cache, Lookup};
use common::{assert_clean, blob_of, damage, key, publish, publish_folder};
use proptest::prelude::*;

#[test]
fn a_truncated_blob_is_missing_and_is_mended_by_publishing_again() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(home.path()).unwrap();
    let content = vec![3; 50_000];
    let action = publish(&cache, "a", &[("out", &content)]);
    let path = damage(&cache, &content, &content[..49_999]);
    let why = Absence::Size {
        path,
        expected: 50_000,
        found: 49_999,
    };
    assert!(
        why.to_string().contains("has 49999 bytes instead of 50000"),
        "{why}"
    );
    assert_eq!(
        cache.lookup(&key("a")),
        Lookup::Missing {
            action,
            port: "out".into(),
            why
        }
    );
    let action = publish(&cache, "a", &[("out", &content)]);
    assert_eq!(cache.lookup(&key("a")), Lookup::Hit(action));
    assert_clean(&cache);
}

#[test]
fn a_folder_in_a_blobs_place_is_missing() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(home.path()).unwrap();
    publish(&cache, "a", &[("out", b"x")]);
    let path = cache.blob_path(&blob_of(b"x"));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(matches!(
        cache.lookup(&key("a")),
        Lookup::Missing {
            why: Absence::Unreadable { .. },
            ..
        }
    ));
}

#[test]
fn verification_moves_a_flipped_blob_away_and_its_action_is_computed_again() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(home.path()).unwrap();
    let content = vec![3; 400_000];
    let mut flipped = content.clone();
    flipped[200_000] ^= 1;
    publish(&cache, "a", &[("out", &content), ("other", b"fine")]);
    damage(&cache, &content, &flipped);
    assert!(
        matches!(cache.lookup(&key("a")), Lookup::Hit(_)),
        "a look-up does not read"
    );

    let read_only = Cache::open_read_only(home.path())
        .unwrap()
        .verify(&|_| ())
        .unwrap();
    assert_eq!(read_only.corrupt[0].moved_to, None);

    let seen = std::sync::Mutex::new(Vec::new());
    let report = cache
        .verify(&|progress| seen.lock().unwrap().push(progress))
        .unwrap();
    assert!(!report.is_clean());
    assert_eq!(report.corrupt.len(), 1);
    assert_eq!(report.corrupt[0].digest, blob_of(&content).digest);
    assert_eq!(
        fs::read(report.corrupt[0].moved_to.as_ref().unwrap()).unwrap(),
        flipped
    );
    assert_eq!(report.missing.len(), 1);
    assert_eq!(
        (report.missing[0].key, report.missing[0].port.as_str()),
        (key("a"), "out")
    );
    let last = seen
        .into_inner()
        .unwrap()
        .into_iter()
        .max_by_key(|progress| progress.done)
        .unwrap();
    assert_eq!((last.done, last.total), (400_004, 400_004));

    assert!(matches!(cache.lookup(&key("a")), Lookup::Missing { .. }));
    publish(&cache, "a", &[("out", &content), ("other", b"fine")]);
    assert_clean(&cache);
}

#[test]
fn a_reader_that_finds_an_artifact_damaged_can_have_it_quarantined() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(home.path()).unwrap();
    let action = publish_folder(&cache, "a", &[("good", b"good"), ("bad", b"bad")]);
    let artifact = action.output("folder").unwrap();
    assert!(cache.quarantine(artifact).unwrap().is_empty());
    damage(&cache, b"bad", b"BAD");
    let corrupt = cache.quarantine(artifact).unwrap();
    assert_eq!(corrupt.len(), 1);
    assert_eq!(corrupt[0].digest, blob_of(b"bad").digest);
    assert!(matches!(cache.lookup(&key("a")), Lookup::Missing { .. }));
}

#[test]
fn verification_names_files_that_are_no_blobs() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(home.path()).unwrap();
    publish(&cache, "a", &[("out", b"x")]);
    let shard = cache.blob_path(&blob_of(b"x")).parent().unwrap().to_owned();
    fs::write(home.path().join("blobs/notes.txt"), "x").unwrap();
    fs::write(shard.join("zz"), "x").unwrap();
    let report = cache.verify(&|_| ()).unwrap();
    assert_eq!(report.strangers.len(), 2, "{report:?}");
    assert_eq!(report.blobs, 1);
}

/// A store with three actions, and its log.
fn three_actions(root: &Path) -> Vec<u8> {
    let cache = Cache::open(root).unwrap();
    for name in ["first", "second", "third"] {
        publish(&cache, name, &[("out", name.as_bytes())]);
    }
    fs::read(root.join("actions.log")).unwrap()
}

#[test]
fn a_log_torn_at_any_byte_of_its_last_record_loses_only_that_and_can_be_appended_to() {
    let home = tempfile::tempdir().unwrap();
    let log = three_actions(home.path());
    let path = home.path().join("actions.log");
    let last = log.len() - log.len() / 3;
    let start = (last - 20..=last)
        .find(|at| log[*at..].starts_with(b"\x8aaction"))
        .unwrap_or_else(|| {
            (0..log.len())
                .rev()
                .find(|at| log[*at..].starts_with(b"\x8aaction"))
                .unwrap()
        });
    for len in start..log.len() {
        fs::write(&path, &log[..len]).unwrap();
        let cache = Cache::open(home.path()).unwrap();
        assert!(
            matches!(cache.lookup(&key("second")), Lookup::Hit(_)),
            "{len}"
        );
        assert_eq!(cache.lookup(&key("third")), Lookup::Miss, "{len}");
        let report = cache.verify(&|_| ()).unwrap();
        assert!(report.is_clean(), "{report:?}");
        assert_eq!(report.torn_bytes, (len - start) as u64);
        let action = publish(&cache, "third", &[("out", b"third")]);
        let again = Cache::open(home.path()).unwrap();
        assert_eq!(again.lookup(&key("third")), Lookup::Hit(action), "{len}");
        assert_eq!(again.actions().len(), 3, "{len}");
        assert_eq!(again.verify(&|_| ()).unwrap().torn_bytes, 0);
    }
}

#[test]
fn a_byte_flipped_anywhere_in_the_log_loses_one_record_and_no_more() {
    let home = tempfile::tempdir().unwrap();
    let log = three_actions(home.path());
    let names = ["first", "second", "third"];
    for at in 0..log.len() {
        let mut damaged = log.clone();
        damaged[at] ^= 0x10;
        fs::write(home.path().join("actions.log"), &damaged).unwrap();
        let cache = Cache::open_read_only(home.path()).unwrap();
        let hits = names
            .iter()
            .filter(|name| matches!(cache.lookup(&key(name)), Lookup::Hit(_)))
            .count();
        assert!(hits >= 2, "byte {at}: {hits} hits");
        if hits == 2 && at < log.len() / 2 {
            let report = cache.verify(&|_| ()).unwrap();
            assert!(!report.is_clean(), "byte {at}: {report:?}");
        }
    }
}

#[test]
fn collection_drops_what_is_damaged_in_the_log() {
    let home = tempfile::tempdir().unwrap();
    let mut log = three_actions(home.path());
    log[90] ^= 1;
    fs::write(home.path().join("actions.log"), &log).unwrap();
    let cache = Cache::open(home.path()).unwrap();
    assert_eq!(cache.verify(&|_| ()).unwrap().damaged_records, 1);
    cache
        .gc(&cache::GcOptions {
            grace: std::time::Duration::from_secs(3600),
            ..Default::default()
        })
        .unwrap();
    assert_clean(&cache);
    assert_eq!(cache.actions().len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_log_of_random_bytes_opens_and_can_be_appended_to(
        mut noise in prop::collection::vec(any::<u8>(), 0..3000),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
    ) {
        let home = tempfile::tempdir().unwrap();
        let log = three_actions(home.path());
        noise.extend_from_slice(&log);
        for (at, byte) in cuts {
            let at = at.index(noise.len());
            noise[at] = byte;
        }
        for name in ["actions.log", "files.log"] {
            fs::write(home.path().join(name), &noise).unwrap();
        }
        let cache = Cache::open(home.path()).unwrap();
        let known = cache.actions().len();
        prop_assert!(known <= 3);
        cache.verify(&|_| ()).unwrap();
        cache.digest_file(Path::new("Cargo.toml")).unwrap();
        publish(&cache, "new", &[("out", b"new")]);
        prop_assert_eq!(Cache::open(home.path()).unwrap().actions().len(), known + 1);
    }
}
