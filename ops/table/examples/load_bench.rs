//! Measures how fast JSON lines become Parquet.
//!
//! `cargo run --release -p table --example load_bench -- [github|generic] [MEGABYTES] [THREADS]`
//!
//! The input is made once, in the folder for temporary files; `tests/bench/load_peers.py` reads
//! the same files.

use std::error::Error;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use table::Watch;
use table::read::{Format, LocalFile, ReadOptions, read_to_parquet};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let kind = arguments.next().unwrap_or_else(|| "github".into());
    let megabytes: u64 = arguments.next().map_or(Ok(1_000), |text| text.parse())?;
    let threads: usize = arguments.next().map_or(Ok(2), |text| text.parse())?;
    let format = match kind.as_str() {
        "github" => Format::GithubIssues,
        "generic" => Format::Jsonl,
        other => return Err(format!("there are github and generic, not {other}").into()),
    };
    let folder = std::env::temp_dir().join("table-load-bench");
    std::fs::create_dir_all(&folder)?;
    let input = folder.join(format!("{kind}-{megabytes}.jsonl"));
    if !input.exists() {
        make(&input, &kind, megabytes * 1_000_000)?;
    }
    let options = ReadOptions {
        threads,
        ..ReadOptions::new(format)
    };
    let output = folder.join(format!("{kind}-{megabytes}.parquet"));
    let start = Instant::now();
    let (written, report) = read_to_parquet(
        &[LocalFile::new(input)],
        &options,
        &output,
        &Watch::nobody(),
    )?;
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{kind}: {} rows, {:.0} MB in, {:.0} MB out, {seconds:.2} s, {:.0} MB/s, peak {} MB, {threads} threads",
        report.rows,
        report.bytes as f64 / 1e6,
        written.bytes as f64 / 1e6,
        report.bytes as f64 / 1e6 / seconds,
        peak_megabytes().unwrap_or(0),
    );
    Ok(())
}

/// The most memory that the process has held, as Linux tells it.
fn peak_megabytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024 / 1_000_000)
}

/// A generator of numbers (xorshift64*, Vigna 2016), so that the input is always the same.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % end
    }

    /// Words that look like prose with a skewed vocabulary, some of it escaped as GitHub escapes it.
    fn prose(&mut self, words: u64, out: &mut String) {
        for word in 0..words {
            if word > 0 {
                out.push_str(match self.below(24) {
                    0 => r"\r\n",
                    1 => r"\n\n",
                    _ => " ",
                });
            }
            let (a, b) = (self.below(3_000), self.below(3_000));
            let mut number = a * b / 3_000;
            let length = 2 + self.below(7);
            for _ in 0..length {
                out.push(char::from(b'a' + (number % 26) as u8));
                number = number / 26 + 7 * length;
            }
            match self.below(60) {
                0 => out.push_str(r#"\""#),
                1 => out.push('é'),
                2 => out.push_str(r"\/"),
                _ => {}
            }
        }
    }
}

fn make(path: &Path, kind: &str, bytes: u64) -> Result<(), Box<dyn Error>> {
    let temporary: PathBuf = path.with_extension("tmp");
    let mut file = BufWriter::new(File::create(&temporary)?);
    let mut random = Random(42);
    let mut written = 0;
    let mut row = String::new();
    let mut number = 0;
    while written < bytes {
        number += 1;
        row.clear();
        if kind == "github" {
            github_row(number, &mut random, &mut row)?;
        } else {
            generic_row(number, &mut random, &mut row)?;
        }
        row.push('\n');
        file.write_all(row.as_bytes())?;
        written += row.len() as u64;
    }
    file.flush()?;
    std::fs::rename(temporary, path)?;
    Ok(())
}

fn generic_row(number: u64, random: &mut Random, row: &mut String) -> std::fmt::Result {
    write!(row, "{{\"id\":{number},\"text\":\"")?;
    let words = 10 + random.below(60);
    random.prose(words, row);
    write!(
        row,
        "\",\"labels\":[\"topic{}\",\"topic{}\"],\"score\":0.{},\"checked\":{},\"created\":\"2025-0{}-1{}T09:00:00Z\"}}",
        random.below(40),
        random.below(40),
        random.below(100_000),
        random.below(2) == 0,
        1 + random.below(9),
        random.below(10),
    )
}

fn github_row(number: u64, random: &mut Random, row: &mut String) -> std::fmt::Result {
    let api = r"https:\/\/api.github.com\/repos\/quern\/quern\/issues\/";
    write!(
        row,
        "{{\"url\":\"{api}{number}\",\"repository_url\":\"https:\\/\\/api.github.com\\/repos\\/quern\\/quern\",\"labels_url\":\"{api}{number}\\/labels{{\\/name}}\",\"comments_url\":\"{api}{number}\\/comments\",\"events_url\":\"{api}{number}\\/events\",\"html_url\":\"https:\\/\\/github.com\\/quern\\/quern\\/issues\\/{number}\",\"id\":{},\"node_id\":\"I_kwDODunzps6r4Y{number}\",\"number\":{number},\"title\":\"",
        2_000_000_000 + number
    )?;
    let words = 4 + random.below(10);
    random.prose(words, row);
    row.push_str("\",");
    user("user", random.below(900), row)?;
    row.push_str(",\"labels\":[");
    for label in 0..random.below(4) {
        if label > 0 {
            row.push(',');
        }
        let id = random.below(12);
        write!(
            row,
            "{{\"id\":19358922{id},\"node_id\":\"MDU6TGFiZWwxOTM1ODkyODcx\",\"url\":\"https:\\/\\/api.github.com\\/repos\\/quern\\/quern\\/labels\\/l{id}\",\"name\":\"label {id}\",\"color\":\"a2eeef\",\"default\":true,\"description\":\"New feature or request\"}}"
        )?;
    }
    write!(
        row,
        "],\"state\":\"closed\",\"locked\":false,\"assignee\":null,\"assignees\":[],\"milestone\":null,\"comments\":{},\"created_at\":\"2025-02-27T08:11:36Z\",\"updated_at\":\"2025-02-28T08:11:36Z\",\"closed_at\":{},\"author_association\":\"NONE\",\"sub_issues_summary\":{{\"total\":0,\"completed\":0,\"percent_completed\":0}},\"active_lock_reason\":null,\"draft\":false,\"pull_request\":",
        random.below(30),
        if random.below(9) == 0 {
            "null"
        } else {
            "\"2025-03-01T10:00:00Z\""
        },
    )?;
    if random.below(5) < 3 {
        write!(row, "{{\"url\":\"{api}{number}\",\"merged_at\":null}}")?;
    } else {
        row.push_str("null");
    }
    row.push_str(",\"body\":\"");
    let words = 10 + random.below(40) * random.below(20);
    random.prose(words, row);
    row.push_str("\",");
    user("closed_by", random.below(900), row)?;
    write!(
        row,
        ",\"reactions\":{{\"url\":\"{api}{number}\\/reactions\",\"total_count\":0,\"+1\":0,\"-1\":0,\"laugh\":0,\"hooray\":0,\"confused\":0,\"heart\":0,\"rocket\":0,\"eyes\":0}},\"timeline_url\":\"{api}{number}\\/timeline\",\"performed_via_github_app\":null,\"state_reason\":\"completed\"}}"
    )
}

fn user(key: &str, id: u64, row: &mut String) -> std::fmt::Result {
    let api = format!(r"https:\/\/api.github.com\/users\/user{id}");
    write!(
        row,
        "\"{key}\":{{\"login\":\"user{id}\",\"id\":{id},\"node_id\":\"MDQ6VXNlcjg4ODIyMzM=\",\"avatar_url\":\"https:\\/\\/avatars.githubusercontent.com\\/u\\/{id}?v=4\",\"gravatar_id\":\"\",\"url\":\"{api}\",\"html_url\":\"https:\\/\\/github.com\\/user{id}\""
    )?;
    for part in [
        "followers",
        "following",
        "gists",
        "starred",
        "subscriptions",
        "orgs",
        "repos",
        "events",
        "received_events",
    ] {
        write!(row, ",\"{part}_url\":\"{api}\\/{part}\"")?;
    }
    row.push_str(",\"type\":\"User\",\"user_view_type\":\"public\",\"site_admin\":false}");
    Ok(())
}
