//! Times the store: `cargo run --release -p cache --example bench [FOLDER]`. FOLDER lies on the disk to measure.

use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cache::{Cache, Digest, Key};

const ROUNDS: usize = 5;

/// Time on a processor of this thread so far: on a machine that others use as well it says more than a clock.
fn on_processor() -> Duration {
    let schedule = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(
        schedule
            .split(' ')
            .next()
            .and_then(|nanos| nanos.parse().ok())
            .unwrap_or(0),
    )
}

/// What durability costs at least: as many bytes appended to one file, and synced a thousand times.
fn floor(folder: &Path) -> Result<Duration, Box<dyn Error>> {
    let mut file = fs::File::create(folder.join("floor"))?;
    let start = Instant::now();
    for _ in 0..1000 {
        file.write_all(&[7; 1000])?;
        file.sync_data()?;
    }
    Ok(start.elapsed())
}

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

/// Wall and processor time of opening, of recalling every action, and of checking every blob.
fn open_and_look_up(
    root: &Path,
    name: &str,
    count: usize,
) -> Result<[(Duration, Duration); 3], Box<dyn Error>> {
    let keys: Vec<Key> = (0..count).map(|index| key(name, index)).collect();
    let clocks = || (Instant::now(), on_processor());
    let since = |(wall, busy): (Instant, Duration)| (wall.elapsed(), on_processor() - busy);
    let start = clocks();
    let cache = Cache::open(root)?;
    let opened = since(start);
    let start = clocks();
    let actions = keys
        .iter()
        .map(|key| cache.recall(key))
        .collect::<Option<Vec<_>>>()
        .ok_or("an action is unknown")?;
    let recalled = since(start);
    let start = clocks();
    if actions.iter().any(|action| cache.check(action).is_err()) {
        return Err("a blob is missing".into());
    }
    Ok([opened, recalled, since(start)])
}

fn main() -> Result<(), Box<dyn Error>> {
    let home = match std::env::args_os().nth(1) {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir_in(".")?,
    };
    let mut times: [Vec<Duration>; 4] = Default::default();
    for round in 0..ROUNDS {
        times[0].push(floor(home.path())?);
        for (times, threads) in times[1..].iter_mut().zip([1, 2, 4]) {
            let cache = Cache::open(&home.path().join(format!("publish-{threads}-{round}")))?;
            times.push(publish_by(&cache, threads, "step", 1000)?);
        }
    }
    let labels = [
        "1,000 appends, each synced",
        "publish 1,000 actions",
        "... by 2 threads",
        "... by 4 threads",
    ];
    for (label, times) in labels.iter().zip(times) {
        println!("{label}: {:.0} ms", median(times) * 1e3);
    }

    for count in [1_000, 10_000] {
        let root = home.path().join(format!("lookup-{count}"));
        publish_by(&Cache::open(&root)?, 8, "step", count)?;
        let times = (0..ROUNDS)
            .map(|_| open_and_look_up(&root, "step", count))
            .collect::<Result<Vec<_>, _>>()?;
        for (index, what) in ["open", "recall", "check"].iter().enumerate() {
            let wall = median(times.iter().map(|parts| parts[index].0).collect());
            let busy = median(times.iter().map(|parts| parts[index].1).collect());
            println!(
                "{count} actions of two blobs, {what}: {:.2} ms ({:.2} ms on the processor)",
                wall * 1e3,
                busy * 1e3
            );
        }
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
