//! What a kill, a second engine, a damaged cache or a full disk may do to a run: nothing that the next run does not
//! put right.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use cache::Cache;
use engine::run::History;

/// How often a run is killed. The moments are spread evenly over the time that a whole run takes, and shuffled.
const KILLS: u32 = 200;

const PIPELINE: &str = r#"
[pipeline]
name = "faults"
seed = 7

[vars]
rows = 400

[steps.rows]
op = "command"
command = "seq ${vars.rows} | awk '{ printf \"{\\\"id\\\": %d, \\\"text\\\": \\\"row %d of some text\\\", \\\"labels\\\": [\\\"l%d\\\"]}\\n\", $1, $1, $1 % 3 }' > $OUTPUT_rows"
outputs = { rows = "file" }

[steps.part]
op = "command"
input = "rows"
command = "awk -v k=${matrix.k} 'NR % 8 == k' $INPUT > $OUTPUT_part"
outputs = { part = "file" }
matrix = { k = [0, 1, 2, 3, 4, 5, 6, 7] }

[steps.counted]
op = "command"
input = "part"
command = "wc -c < $INPUT"
matrix = "part"

[steps.all]
op = "command"
input = { parts = "part", counts = "counted" }
command = "cat $INPUT_parts $INPUT_counts > $OUTPUT_all; mkdir $OUTPUT_folder; cp $OUTPUT_all $OUTPUT_folder/copy; echo 1 > $OUTPUT_folder/config.json"
outputs = { all = "file", folder = "model" }
"#;

struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    fn new() -> Project {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(".engine")).unwrap();
        fs::write(folder.path().join("faults.toml"), PIPELINE).unwrap();
        Project { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_engine"));
        command
            .current_dir(self.path())
            .args(["run", "faults.toml"])
            .env_remove("ENGINE_CACHE");
        command
    }

    fn run(&self) -> Output {
        self.command().output().unwrap()
    }

    fn start(&self) -> Child {
        self.command()
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn succeed(&self) {
        let output = self.run();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    fn cache(&self) -> Cache {
        Cache::open(&self.cache_folder()).unwrap()
    }

    fn cache_folder(&self) -> PathBuf {
        self.path().join(".engine/cache")
    }

    /// The digest of every output, from the newest run.
    fn digests(&self) -> BTreeMap<String, String> {
        let history = History::of_project(self.path());
        let run = history.read(&history.ids()[0]).unwrap();
        let outputs = run.steps.iter().flat_map(|step| {
            step.outputs.iter().map(|output| {
                (
                    format!("{}.{}", step.name, output.port),
                    output.digest.to_string(),
                )
            })
        });
        outputs.collect()
    }

    fn assert_clean(&self) {
        let report = self.cache().verify(&|_| {}).unwrap();
        assert!(report.is_clean(), "{report:?}");
    }

    fn blobs(&self) -> Vec<PathBuf> {
        let mut blobs = Vec::new();
        for shard in fs::read_dir(self.cache_folder().join("blobs")).unwrap() {
            let shard = shard.unwrap().path();
            blobs.extend(
                fs::read_dir(shard)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        }
        blobs.sort();
        blobs
    }
}

fn expected() -> (BTreeMap<String, String>, Duration) {
    let project = Project::new();
    let began = Instant::now();
    project.succeed();
    let took = began.elapsed();
    let digests = project.digests();
    assert_eq!(digests.len(), 1 + 8 + 8 + 2);
    (digests, took)
}

#[test]
fn a_run_killed_at_any_moment_is_completed_by_the_next_with_the_same_digests() {
    let (digests, took) = expected();
    for kill in 0..KILLS {
        let project = Project::new();
        let mut child = project.start();
        // 7 has no common factor with 200, so every moment comes once, early and late ones mixed.
        std::thread::sleep(took * (kill * 7 % KILLS) / KILLS);
        child.kill().unwrap();
        child.wait().unwrap();
        project.succeed();
        assert_eq!(project.digests(), digests, "after kill {kill}");
        project.assert_clean();
    }
}

#[test]
fn two_engines_on_one_cache_give_what_one_gives() {
    let (digests, _) = expected();
    let project = Project::new();
    let mut first = project.start();
    let mut second = project.start();
    assert!(first.wait().unwrap().success());
    assert!(second.wait().unwrap().success());
    let history = History::of_project(project.path());
    let ran: usize = history
        .ids()
        .iter()
        .map(|id| {
            let run = history.read(id).unwrap();
            run.steps
                .iter()
                .filter(|step| step.outcome == engine::run::history::Outcome::Ran)
                .count()
        })
        .sum();
    assert_eq!(
        ran, 18,
        "each of the 18 instances is computed once, by one of the two"
    );
    assert_eq!(project.digests(), digests);
    project.assert_clean();
}

#[test]
fn a_damaged_blob_is_never_read_but_computed_again() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 3] = [
        ("flipped", |path| {
            let mut bytes = fs::read(path).unwrap();
            if let Some(byte) = bytes.last_mut() {
                *byte ^= 1;
            }
            overwrite(path, &bytes);
        }),
        ("truncated", |path| {
            let bytes = fs::read(path).unwrap();
            overwrite(path, &bytes[..bytes.len() / 2]);
        }),
        ("deleted", |path| fs::remove_file(path).unwrap()),
    ];
    for (word, damage) in damages {
        let project = Project::new();
        project.succeed();
        let digests = project.digests();
        project.blobs().iter().for_each(|blob| damage(blob));
        // The steps that read something damaged must run: change only the last one.
        let pipeline = PIPELINE.replace("echo 1 >", "echo 2 >");
        fs::write(project.path().join("faults.toml"), pipeline).unwrap();
        project.succeed();
        fs::write(project.path().join("faults.toml"), PIPELINE).unwrap();
        let verified = project.cache().verify(&|_| {}).unwrap();
        assert!(
            verified.corrupt.is_empty() || word != "deleted",
            "{word}: {verified:?}"
        );
        project.succeed();
        assert_eq!(project.digests(), digests, "{word}");
        project.assert_clean();
    }
}

#[test]
fn a_torn_journal_is_read_up_to_the_tear_and_the_run_is_called_killed() {
    let project = Project::new();
    project.succeed();
    let history = History::of_project(project.path());
    let id = history.ids()[0].clone();
    let journal = history.folder(&id).journal();
    let bytes = fs::read(&journal).unwrap();
    let whole = history.read(&id).unwrap();
    for length in (0..bytes.len()).step_by(97) {
        fs::write(&journal, &bytes[..length]).unwrap();
        if let Some(run) = history.read(&id) {
            assert!(run.steps.len() <= whole.steps.len());
            assert_eq!(run.status_name(), "killed", "at {length}");
        }
    }
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    fs::write(&journal, &flipped).unwrap();
    assert_eq!(history.read(&id).unwrap().status_name(), "killed");
    project.succeed();
}

#[test]
fn a_full_disk_is_an_error_that_leaves_nothing_half_written() {
    let project = Project::new();
    let pipeline = PIPELINE.replace("rows = 400", "rows = 40000");
    fs::write(project.path().join("faults.toml"), &pipeline).unwrap();
    let limited = Command::new("sh")
        .current_dir(project.path())
        .arg("-c")
        .arg("ulimit -f 64; trap '' XFSZ; exec \"$0\" run faults.toml")
        .arg(env!("CARGO_BIN_EXE_engine"))
        .env_remove("ENGINE_CACHE")
        .output()
        .unwrap();
    assert_eq!(
        limited.status.code(),
        Some(1),
        "{}",
        String::from_utf8_lossy(&limited.stderr)
    );
    project.assert_clean();
    project.succeed();
    project.assert_clean();
}

#[test]
fn a_read_only_cache_answers_hits_and_refuses_new_work_with_advice() {
    let project = Project::new();
    project.succeed();
    let elsewhere = Project::new();
    let cache = project.cache_folder();
    set_writable(&cache, false);
    let as_nobody = |folder: &Path| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command.arg(env!("CARGO_BIN_EXE_engine"));
        command
            .current_dir(folder)
            .args(["plan", "faults.toml", "--cache"])
            .arg(&cache);
        command.output()
    };
    if rustix::process::geteuid().is_root() {
        // Root may write anywhere, so only another user can find a cache read-only.
        match as_nobody(elsewhere.path()) {
            Ok(output) if !output.status.success() && output.stdout.is_empty() => {
                eprintln!(
                    "skipped: cannot run as another user here: {}",
                    String::from_utf8_lossy(&output.stderr)
                );
            }
            Ok(output) => {
                let text = String::from_utf8_lossy(&output.stdout);
                assert!(text.contains("18 cached"), "{text}");
            }
            Err(error) => eprintln!("skipped: cannot run as another user here: {error}"),
        }
    } else {
        let mut command = elsewhere.command();
        let output = command.arg("--cache").arg(&cache).output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let changed = PIPELINE.replace("echo 1 >", "echo 3 >");
        fs::write(elsewhere.path().join("faults.toml"), changed).unwrap();
        let output = elsewhere
            .command()
            .arg("--cache")
            .arg(&cache)
            .output()
            .unwrap();
        assert!(!output.status.success());
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(
            text.contains("read-only") && text.contains("--cache"),
            "{text}"
        );
    }
    set_writable(&cache, true);
}

#[test]
fn ctrl_c_stops_the_run_with_code_130_and_the_next_run_goes_on() {
    let project = Project::new();
    let slow = PIPELINE.replace("wc -c < $INPUT", "sleep 0.3; wc -c < $INPUT");
    fs::write(project.path().join("faults.toml"), &slow).unwrap();
    let mut child = project.start();
    std::thread::sleep(Duration::from_millis(700));
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let began = Instant::now();
    let status = child.wait().unwrap();
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(status.code(), Some(130));
    let history = History::of_project(project.path());
    assert_eq!(
        history.read(&history.ids()[0]).unwrap().status_name(),
        "interrupted"
    );
    project.assert_clean();
    project.succeed();
    let run = history.read(&history.ids()[0]).unwrap();
    let cached = run
        .steps
        .iter()
        .filter(|step| step.outcome == engine::run::history::Outcome::Cached)
        .count();
    assert!(
        cached > 0,
        "what was finished before the interruption is not computed again"
    );
}

fn overwrite(path: &Path, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(path, bytes).unwrap();
}

fn set_writable(folder: &Path, writable: bool) {
    use std::os::unix::fs::PermissionsExt;
    let (folder_mode, file_mode) = if writable {
        (0o755, 0o644)
    } else {
        (0o555, 0o444)
    };
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            set_writable(&path, writable);
        } else {
            fs::set_permissions(&path, fs::Permissions::from_mode(file_mode)).unwrap();
        }
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(folder_mode)).unwrap();
}
