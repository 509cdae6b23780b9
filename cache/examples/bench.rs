//! Times the store: `cargo run --release -p cache --example bench [FOLDER]`. FOLDER lies on the disk to measure.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cache::{Cache, Digest, Key, Lookup};

const ROUNDS: usize = 5;

fn key(name: &str, index: usize) -> Key {
    Key(Digest::of(format!("{name} {index}").as_bytes()))
}

/// One trivial step: a table of 20 lines and a metric, with a manifest and a provenance of usual length.
fn publish(cache: &Cache, name: &str, index: usize) -> Result<(), Box<dyn Error + Send + Sync>> {
    let staging = cache.stage()?;
    let table = staging.path().join("table");
    let metric = staging.path().join("metric");
    fs::write(&table, format!("{name},{index}\n").repeat(20))?;
    fs::write(&metric, format!("{{\"micro_f1\":0.{index}}}"))?;
    let manifest = format!(
        "{{\"op\":\"{name}\",\"version\":1,\"parameters\":\"{}\"}}",
        "x".repeat(500)
    );
    let provenance = format!("{{\"seconds\":0.{index},\"host\":\"bench\"}}");
    let outputs: Vec<(String, PathBuf)> = vec![("table".into(), table), ("metric".into(), metric)];
    let lock = cache
        .try_lock(&key(name, index))?
        .ok_or("another process holds the lock")?;
    cache.publish(key(name, index), outputs, manifest, provenance)?;
    drop(lock);
    Ok(())
}

fn publish_by(
    cache: &Cache,
    threads: usize,
    name: &str,
    count: usize,
) -> Result<Duration, Box<dyn Error>> {
    let start = Instant::now();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                scope.spawn(move || {
                    (thread..count)
                        .step_by(threads)
                        .try_for_each(|i| publish(cache, name, i))
                })
            })
            .collect();
        workers.into_iter().try_for_each(|worker| {
            worker
                .join()
                .map_err(|_| "a worker panicked")?
                .map_err(|e| e.to_string())
        })
    })?;
    Ok(start.elapsed())
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times
        .get(times.len() / 2)
        .map_or(0.0, Duration::as_secs_f64)
}

fn open_and_look_up(
    root: &Path,
    name: &str,
    count: usize,
) -> Result<(Duration, Duration), Box<dyn Error>> {
    let start = Instant::now();
    let cache = Cache::open(root)?;
    let opened = start.elapsed();
    for index in 0..count {
        if !matches!(cache.lookup(&key(name, index)), Lookup::Hit(_)) {
            return Err(format!("{name} {index} is no hit").into());
        }
    }
    Ok((opened, start.elapsed() - opened))
}

fn main() -> Result<(), Box<dyn Error>> {
    let home = match std::env::args_os().nth(1) {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir_in(".")?,
    };
    for threads in [1, 2, 4] {
        let mut times = Vec::new();
        for round in 0..ROUNDS {
            let cache = Cache::open(&home.path().join(format!("publish-{threads}-{round}")))?;
            times.push(publish_by(&cache, threads, "step", 1000)?);
        }
        println!(
            "publish 1,000 actions of two small files, {threads} threads: {:.0} ms",
            median(times) * 1e3
        );
    }

    for count in [1_000, 10_000] {
        let root = home.path().join(format!("lookup-{count}"));
        publish_by(&Cache::open(&root)?, 8, "step", count)?;
        let log = fs::metadata(root.join("actions.log"))?.len();
        let times = (0..ROUNDS)
            .map(|_| open_and_look_up(&root, "step", count))
            .collect::<Result<Vec<_>, _>>()?;
        let (opened, looked_up): (Vec<_>, Vec<_>) = times.into_iter().unzip();
        println!(
            "{count} actions ({} bytes of log each): open {:.2} ms, look all up {:.2} ms",
            log / count as u64,
            median(opened) * 1e3,
            median(looked_up) * 1e3
        );
    }

    let cache = Cache::open(&home.path().join("files"))?;
    let large = home.path().join("large");
    fs::write(&large, vec![7; 1 << 30])?;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        // A new change time, so that the digest is not remembered.
        fs::rename(&large, home.path().join("renamed"))?;
        fs::rename(home.path().join("renamed"), &large)?;
        let start = Instant::now();
        cache.digest_file(&large)?;
        times.push(start.elapsed());
    }
    println!(
        "hash 1 GiB: {:.0} MB/s",
        f64::from(1 << 30) / 1e6 / median(times)
    );
    let folder = home.path().join("many");
    fs::create_dir(&folder)?;
    for index in 0..5000 {
        fs::write(folder.join(index.to_string()), format!("{index}"))?;
    }
    std::thread::sleep(Duration::from_secs(3));
    let start = Instant::now();
    cache.digest_path(&folder)?;
    let first = start.elapsed();
    let mut again = Vec::new();
    for _ in 0..ROUNDS {
        let cache = Cache::open(&home.path().join("files"))?;
        let start = Instant::now();
        cache.digest_path(&folder)?;
        again.push(start.elapsed());
    }
    println!(
        "digest 5,000 files: first {:.1} ms, again {:.1} ms",
        first.as_secs_f64() * 1e3,
        median(again) * 1e3
    );
    Ok(())
}
