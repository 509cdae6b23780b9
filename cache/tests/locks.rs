//! One at a time on a key.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use cache::{Cache, CacheError};
use common::{child, child_root, key, names};

#[test]
fn two_threads_exclude_each_other_and_two_keys_do_not() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(home.path()).unwrap();
    let held = cache.try_lock(&key("a")).unwrap().unwrap();
    assert_eq!((held.key(), held.waited()), (key("a"), false));
    assert!(cache.try_lock(&key("a")).unwrap().is_none());
    assert!(cache.try_lock(&key("b")).unwrap().is_some());
    drop(held);
    assert!(cache.try_lock(&key("a")).unwrap().is_some());
}

#[test]
fn lock_files_go_with_their_locks() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(home.path()).unwrap();
    let locks: Vec<_> = (0..10)
        .map(|i| cache.lock(&key(&i.to_string()), &|| false).unwrap())
        .collect();
    assert_eq!(names(&home.path().join("locks")).len(), 11);
    // Opening collects only what nobody holds.
    std::fs::write(home.path().join("locks/left.lock"), "").unwrap();
    Cache::open(home.path()).unwrap();
    assert_eq!(names(&home.path().join("locks")).len(), 11);
    drop(locks);
    assert_eq!(names(&home.path().join("locks")), ["store"]);
}

#[test]
fn many_threads_hold_a_lock_in_turn_and_each_that_waited_knows() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(home.path()).unwrap();
    let (inside, waited) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let lock = cache.lock(&key("a"), &|| false).unwrap();
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    std::thread::sleep(Duration::from_micros(200));
                    assert_eq!(inside.fetch_sub(1, Ordering::SeqCst), 1);
                    waited.fetch_add(usize::from(lock.waited()), Ordering::SeqCst);
                }
            });
        }
    });
    assert!(waited.into_inner() > 0);
    assert_eq!(names(&home.path().join("locks")), ["store"]);
}

#[test]
fn waiting_ends_when_it_is_cancelled() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(home.path()).unwrap();
    let _held = cache.try_lock(&key("a")).unwrap().unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| cache.lock(&key("a"), &|| stop.load(Ordering::SeqCst)));
        std::thread::sleep(Duration::from_millis(20));
        assert!(!waiting.is_finished());
        stop.store(true, Ordering::SeqCst);
        let error = waiting.join().unwrap().unwrap_err();
        assert!(matches!(error, CacheError::Cancelled { .. }), "{error}");
    });
}

#[test]
fn child_holds_a_lock() {
    let Some(root) = child_root() else { return };
    let cache = Cache::open(&root).unwrap();
    let _held = cache.try_lock(&key("a")).unwrap().unwrap();
    println!("\nheld");
    std::thread::sleep(Duration::from_secs(600));
}

#[test]
fn another_process_is_waited_for_and_its_death_frees_the_lock() {
    use std::io::BufRead;
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(home.path()).unwrap();
    let mut holder = child("child_holds_a_lock", home.path()).spawn().unwrap();
    let mut said = std::io::BufReader::new(holder.stdout.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap() == "held"));
    assert!(cache.try_lock(&key("a")).unwrap().is_none());
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| cache.lock(&key("a"), &|| false).unwrap().waited());
        std::thread::sleep(Duration::from_millis(20));
        holder.kill().unwrap();
        holder.wait().unwrap();
        assert!(waiting.join().unwrap());
    });
    assert_eq!(names(&home.path().join("locks")), ["store"]);
}
