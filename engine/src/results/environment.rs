//! Where a run took place: versions, machine, commit.

use std::path::Path;

/// Names and values for the report.
pub fn environment(root: &Path, engine: &str) -> Vec<(String, String)> {
    let mut known = vec![("engine".to_owned(), engine.to_owned())];
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            known.push((name.to_owned(), value));
        }
    };
    add(
        "system",
        Some(format!(
            "{} {}",
            std::env::consts::OS,
            std::env::consts::ARCH
        )),
    );
    add("kernel", read_line("/proc/sys/kernel/osrelease"));
    add("processor", processor());
    add(
        "cores",
        std::thread::available_parallelism()
            .ok()
            .map(|cores| cores.to_string()),
    );
    add("memory", memory());
    add("commit", commit(root));
    known
}

fn read_line(path: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    text.lines().next().map(|line| line.trim().to_owned())
}

fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, name)| name.trim().to_owned())
}

fn memory() -> Option<String> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(crate::report::number::bytes(kibibytes * 1024))
}

/// The commit that is checked out in the project's root.
fn commit(root: &Path) -> Option<String> {
    let git = root.join(".git");
    let head = std::fs::read_to_string(git.join("HEAD")).ok()?;
    let Some(reference) = head.trim().strip_prefix("ref: ") else {
        return Some(head.trim().to_owned());
    };
    if let Ok(commit) = std::fs::read_to_string(git.join(reference)) {
        return Some(commit.trim().to_owned());
    }
    let packed = std::fs::read_to_string(git.join("packed-refs")).ok()?;
    let line = packed.lines().find(|line| line.ends_with(reference))?;
    line.split_whitespace().next().map(str::to_owned)
}
