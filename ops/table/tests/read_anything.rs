//! Whatever bytes a file holds, reading it ends, and with rows or with a message that says where and what to do.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use table::read::{Format, LoadReport, LocalFile, OnError, ReadOptions, read_table};
use table::{Table, TableError};

/// A reading that takes longer hangs: the longest here takes a fraction of a second.
const PATIENCE: Duration = Duration::from_secs(120);
const MOST_ROW_BYTES: usize = 1 << 16;

fn read_bytes(
    bytes: &[u8],
    format: Format,
    on_error: OnError,
) -> Result<(Table, LoadReport), TableError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, bytes).unwrap();
    let options = ReadOptions {
        on_error,
        max_row_bytes: MOST_ROW_BYTES,
        threads: 2,
        ..ReadOptions::new(format)
    };
    let (done, outcome) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        // Nobody waits for it any longer where this fails.
        done.send(read_table(&[LocalFile::new(path)], &options))
            .ok();
    });
    match outcome.recv_timeout(PATIENCE) {
        Ok(outcome) => outcome,
        Err(cause) => panic!(
            "{cause}: {format:?}, {on_error:?}, {}",
            bytes.escape_ascii()
        ),
    }
}

const FORMATS: [Format; 7] = [
    Format::Jsonl,
    Format::Csv,
    Format::Tsv,
    Format::Parquet,
    Format::Text,
    Format::GithubIssues,
    Format::JiraIssues,
];

fn read_every_way(bytes: &[u8]) {
    for format in FORMATS {
        for on_error in [OnError::Fail, OnError::Skip] {
            match read_bytes(bytes, format, on_error) {
                Ok((table, report)) => check_report(&table, &report, on_error),
                Err(error) => check_message(&error),
            }
        }
    }
}

/// What is in the file is a row, a bad row with its line and reason, or blank.
fn check_report(table: &Table, report: &LoadReport, on_error: OnError) {
    assert_eq!(table.num_rows() as u64, report.rows);
    if on_error == OnError::Fail {
        assert_eq!(report.bad_rows, 0);
    }
    let named = report.first_bad.len() as u64;
    assert_eq!(named, report.bad_rows.min(LoadReport::KEPT as u64));
    assert!(report.first_bad.is_sorted_by_key(|bad| bad.line));
    for bad in &report.first_bad {
        assert!(bad.line > 0 && is_sentence(&bad.reason), "{bad}");
    }
}

/// A message names the file, or the columns that do not go together, and says what is wrong in words.
fn check_message(error: &TableError) {
    let message = error.to_string();
    match error {
        TableError::BadRow { bad } => {
            assert!(bad.file.ends_with("file") && bad.line > 0, "{message}");
            assert!(is_sentence(&bad.reason), "{message}");
            assert!(message.contains("on_error"), "{message}");
        }
        TableError::File { path, reason } | TableError::Parquet { path, reason, .. } => {
            assert!(path.ends_with("file"), "{message}");
            assert!(is_sentence(reason) && has_advice(reason), "{message}");
        }
        TableError::DuplicateColumn { .. } => assert!(has_advice(&message), "{message}"),
        other => panic!("a message without a place: {other:?}"),
    }
}

fn is_sentence(text: &str) -> bool {
    text.split_whitespace().count() >= 3
}

/// What to do follows what is wrong.
fn has_advice(text: &str) -> bool {
    text.contains([';', ':']) || text.contains("say `")
}

fn mutated(base: impl Into<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let base = base.into();
    let edits = prop::collection::vec((any::<prop::sample::Index>(), 0..4u8, any::<u8>()), 0..8);
    edits.prop_map(move |edits| {
        let mut bytes = base.clone();
        for (place, kind, value) in edits {
            if bytes.is_empty() {
                break;
            }
            let place = place.index(bytes.len());
            match kind {
                0 => bytes[place] = value,
                1 => bytes.insert(place, value),
                2 => {
                    bytes.remove(place);
                }
                _ => bytes.truncate(place),
            }
        }
        bytes
    })
}

const JSONL: &str = "{\"a\":1,\"b\":[\"x\",null],\"c\":{\"d\":[1,2,{}]},\"e\":\"\\u00e9\\n\"}\n\
    {\"a\":2.5e3,\"b\":[],\"c\":null,\"title\":\"t\",\"labels\":[{\"name\":\"bug\"}]}\n\
    {\"key\":\"K-1\",\"fields\":{\"summary\":\"s\",\"description\":{\"type\":\"doc\",\"content\":[]}}}\n";
const DOCUMENT: &str = "{\"total\": 2, \"issues\": [ {\"title\": \"[}\\\"\", \"n\": [1]}, {\"title\": \"b\"} ], \"x\": {}}\n[{\"a\": 1}, 2]";
const CSV: &str = "a,b,\"c \"\"d\"\"\"\r\n1,x,\"multi\nline\"\r\n2.5,,\"\"\r\n,\"y, z\",true\r\n";

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_end_with_rows_or_a_message(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        read_every_way(&bytes);
    }

    #[test]
    fn mutated_json_lines_end_with_rows_or_a_message(bytes in mutated(JSONL)) {
        read_every_way(&bytes);
    }

    #[test]
    fn mutated_json_documents_end_with_rows_or_a_message(bytes in mutated(DOCUMENT)) {
        read_every_way(&bytes);
    }

    #[test]
    fn mutated_csv_ends_with_rows_or_a_message(bytes in mutated(CSV)) {
        read_every_way(&bytes);
    }

    #[test]
    fn mutated_gzip_ends_with_rows_or_a_message(bytes in mutated(gzip(JSONL.repeat(20).as_bytes()))) {
        read_every_way(&bytes);
    }

    #[test]
    fn mutated_zstd_ends_with_rows_or_a_message(bytes in mutated(zstd(JSONL.repeat(20).as_bytes()))) {
        read_every_way(&bytes);
    }

    #[test]
    fn mutated_parquet_ends_with_rows_or_a_message(
        bytes in mutated(std::fs::read(fixture("foreign.parquet")).unwrap())
    ) {
        read_every_way(&bytes);
    }

    #[test]
    fn exactly_the_lines_that_serde_json_takes_for_objects_are_rows(bytes in mutated(JSONL.repeat(3))) {
        // An array or an object over several lines is not read by lines.
        let first = bytes.trim_ascii_start().split(|&byte| byte == b'\n').next().unwrap();
        prop_assume!(!first.starts_with(b"[") && first.trim_ascii() != b"{");
        let (mut rows, mut bad, mut blank, mut open) = (0, 0, 0, 0);
        let lines = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        for line in lines.split(|&byte| byte == b'\n') {
            match verdict(line) {
                _ if line.trim_ascii().is_empty() => blank += 1,
                Some(true) => rows += 1,
                Some(false) => bad += 1,
                None => open += 1,
            }
        }
        match read_bytes(&bytes, Format::Jsonl, OnError::Skip) {
            Ok((_, report)) => {
                prop_assert!((rows..=rows + open).contains(&report.rows), "{report:?}");
                prop_assert!((bad..=bad + open).contains(&report.bad_rows), "{report:?}");
                prop_assert_eq!(report.rows + report.bad_rows, rows + bad + open);
                prop_assert_eq!(report.blank_lines, blank);
            }
            Err(error) => prop_assert!(rows == 0, "{error}"),
        }
    }

    #[test]
    fn rows_that_serde_json_writes_are_read_back(
        rows in prop::collection::vec((any::<String>(), any::<i64>(), -1e300..1e300f64, any::<bool>(), prop::collection::vec(any::<String>(), 0..3)), 1..20)
    ) {
        let content: String = rows
            .iter()
            .map(|(t, i, f, b, l)| serde_json::json!({"t": t, "i": i, "f": f, "b": b, "l": l}).to_string() + "\n")
            .collect();
        let (table, _) = read_bytes(content.as_bytes(), Format::Jsonl, OnError::Fail).unwrap();
        let texts = table.text_column("t").unwrap();
        let ints = table.int_column("i").unwrap();
        let floats = table.float_column("f").unwrap();
        let bools = table.bool_column("b").unwrap();
        let lists = table.string_lists("l").unwrap();
        for (row, (t, i, f, b, l)) in rows.iter().enumerate() {
            prop_assert_eq!(texts.value(row), t);
            prop_assert_eq!(ints.value(row), *i);
            prop_assert_eq!(floats.value(row), *f);
            prop_assert_eq!(bools.value(row), *b);
            prop_assert_eq!(lists.row(row).collect::<Vec<_>>(), l.iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn fields_that_are_quoted_by_the_rules_are_read_back(
        rows in prop::collection::vec(prop::collection::vec("[a-c\",\n\r ]{0,6}", 3), 1..20)
    ) {
        let quoted = |field: &String| format!("\"{}\"", field.replace('"', "\"\""));
        let mut content = String::from("a,b,c\n");
        for row in &rows {
            content.push_str(&row.iter().map(quoted).collect::<Vec<_>>().join(","));
            content.push_str("\r\n");
        }
        let (table, _) = read_bytes(content.as_bytes(), Format::Csv, OnError::Fail).unwrap();
        for (index, name) in ["a", "b", "c"].into_iter().enumerate() {
            let texts = table.text_column(name).unwrap();
            for (row, fields) in rows.iter().enumerate() {
                prop_assert_eq!(texts.value(row), &fields[index]);
            }
        }
    }
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn zstd(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 1).unwrap()
}

/// Whether serde_json takes a line for an object; `None` where that is not for it to say: it takes a key twice, and it refuses
/// half a surrogate pair also where nobody reads it.
fn verdict(line: &[u8]) -> Option<bool> {
    let Ok(text) = std::str::from_utf8(line) else {
        return Some(false);
    };
    // What JSON (RFC 8259, section 2) calls whitespace; a form feed is none.
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    if serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() || !text.starts_with('{') {
        return Some(false);
    }
    let strict = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text);
    let keys = serde_json::from_str::<Keys>(text);
    match (strict, keys) {
        (Ok(object), Ok(keys)) if object.len() == keys.0 => Some(true),
        _ => None,
    }
}

/// The number of an object's keys, each as often as it occurs.
struct Keys(usize);

impl<'de> serde::Deserialize<'de> for Keys {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Count;
        impl<'de> serde::de::Visitor<'de> for Count {
            type Value = Keys;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
                let mut keys = 0;
                while map
                    .next_entry::<serde::de::IgnoredAny, serde::de::IgnoredAny>()?
                    .is_some()
                {
                    keys += 1;
                }
                Ok(Keys(keys))
            }
        }
        deserializer.deserialize_map(Count)
    }
}

#[test]
fn a_compressed_row_of_gigabytes_is_passed_without_being_held() {
    let mut content = vec![b'a'; 300 << 20];
    content.extend_from_slice(b"\n{\"a\": 1}\n");
    let bytes = zstd(&content);
    drop(content);
    let (table, report) = read_bytes(&bytes, Format::Jsonl, OnError::Skip).unwrap();
    assert_eq!((table.num_rows(), report.bad_rows), (1, 1));
    assert_eq!(report.first_bad[0].line, 1);
    assert!(report.first_bad[0].reason.contains("max_row_bytes"));
}

fn fixture(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures/table")
        .join(name)
}

/// The expected values are made by `tests/peers/odd_files.py`.
#[test]
fn odd_csv_is_read_as_by_pythons_csv_module() {
    let expected: Vec<Vec<String>> =
        serde_json::from_slice(&std::fs::read(fixture("odd.csv.json")).unwrap()).unwrap();
    let options = ReadOptions {
        all_text: true,
        ..ReadOptions::new(Format::Csv)
    };
    let (table, _) = read_table(&[LocalFile::new(fixture("odd.csv"))], &options).unwrap();
    let columns: Vec<_> = ["a", "b", "c"]
        .iter()
        .map(|name| table.text_column(name).unwrap())
        .collect();
    let rows: Vec<Vec<String>> = (0..table.num_rows())
        .map(|row| {
            columns
                .iter()
                .map(|column| column.value(row).to_owned())
                .collect()
        })
        .collect();
    assert_eq!(rows, expected);
}

/// The expected values are made by `tests/peers/odd_files.py`.
#[test]
fn odd_strings_are_read_as_by_pythons_json_module() {
    let expected: Vec<String> =
        serde_json::from_slice(&std::fs::read(fixture("odd.jsonl.json")).unwrap()).unwrap();
    let options = ReadOptions::new(Format::Jsonl);
    let (table, _) = read_table(&[LocalFile::new(fixture("odd.jsonl"))], &options).unwrap();
    let texts = table.text_column("t").unwrap();
    assert_eq!(texts.iter().flatten().collect::<Vec<_>>(), expected);
}
