//! Whatever bytes a file holds, reading it ends with rows or with a message.

#![allow(clippy::unwrap_used)]

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use table::read::{Format, LoadReport, LocalFile, OnError, ReadOptions, read_table};
use table::{Table, TableError};

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
        max_row_bytes: 1 << 16,
        threads: 2,
        ..ReadOptions::new(format)
    };
    read_table(&[LocalFile::new(path)], &options)
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
                Ok((table, report)) => {
                    assert_eq!(table.num_rows() as u64, report.rows);
                    if on_error == OnError::Fail {
                        assert_eq!(report.bad_rows, 0);
                    }
                }
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
    }
}

fn mutated(base: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let edits = prop::collection::vec((any::<prop::sample::Index>(), 0..4u8, any::<u8>()), 0..8);
    edits.prop_map(move |edits| {
        let mut bytes = base.as_bytes().to_vec();
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
    fn mutated_gzip_ends_with_rows_or_a_message(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(JSONL.repeat(20).as_bytes()).unwrap();
        let mut bytes = encoder.finish().unwrap();
        for (place, value) in flips {
            let place = place.index(bytes.len());
            bytes[place] ^= value;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        read_every_way(&bytes);
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
