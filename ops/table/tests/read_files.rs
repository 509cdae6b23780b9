//! Reading files of every format, good and bad.

#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use table::read::{
    ColumnType, Format, LoadReport, LocalFile, OnError, ReadOptions, TableSink, read, read_table,
};
use table::{Table, TableError, Watch, columns};
use tempfile::TempDir;

struct Files {
    folder: TempDir,
    files: Vec<LocalFile>,
}

impl Files {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            files: Vec::new(),
        }
    }

    fn with(mut self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        self.files.push(LocalFile {
            path,
            name: name.into(),
        });
        self
    }

    fn read(&self, options: &ReadOptions) -> (Table, LoadReport) {
        read_table(&self.files, options).unwrap()
    }

    fn error(&self, options: &ReadOptions) -> String {
        read_table(&self.files, options).unwrap_err().to_string()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn file(name: &str, content: impl AsRef<[u8]>) -> Files {
    Files::new().with(name, content)
}

fn gzip(content: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content.as_ref()).unwrap();
    encoder.finish().unwrap()
}

fn skipping() -> ReadOptions {
    ReadOptions {
        on_error: OnError::Skip,
        ..ReadOptions::default()
    }
}

fn picks(pairs: &[(&str, &str)]) -> ReadOptions {
    ReadOptions {
        columns: pairs
            .iter()
            .map(|&(name, from)| (name.to_owned(), from.to_owned()))
            .collect(),
        ..ReadOptions::default()
    }
}

fn texts(table: &Table, column: &str) -> Vec<Option<String>> {
    table
        .text_column(column)
        .unwrap()
        .iter()
        .map(|text| text.map(str::to_owned))
        .collect()
}

fn table(columns: Vec<(&str, arrow_array::ArrayRef)>) -> Table {
    Table::from_columns(columns).unwrap()
}

#[test]
fn json_values_keep_their_types() {
    let (read, report) = file(
        "a.jsonl",
        concat!(
            r#"{"t":"x","i":1,"f":1.5,"b":true,"l":["p","q"],"o":{"k":[1]},"n":null}"#,
            "\n",
            r#"{"t":"yé\n","i":-2,"f":2,"b":false,"l":[],"o":[1,2],"n":null}"#,
            "\r\n\n",
            r#"{"i":null}"#,
        ),
    )
    .read(&ReadOptions::default());
    let expected = table(vec![
        ("t", columns::optional_text([Some("x"), Some("yé\n"), None])),
        ("i", columns::optional_ints([Some(1), Some(-2), None])),
        ("f", columns::optional_floats([Some(1.5), Some(2.0), None])),
        (
            "b",
            columns::optional_bools([Some(true), Some(false), None]),
        ),
        ("l", read.column("l").unwrap()),
        (
            "o",
            columns::optional_text([Some(r#"{"k":[1]}"#), Some("[1,2]"), None]),
        ),
        ("n", columns::optional_text([None::<&str>, None, None])),
    ]);
    assert_eq!(read, expected);
    assert_eq!(
        read.string_lists("l").unwrap().to_vecs(),
        [vec!["p".to_owned(), "q".into()], vec![], vec![]]
    );
    assert_eq!(report.rows, 3);
    assert_eq!(report.blank_lines, 1);
    assert_eq!(report.empty_columns, ["n"]);
    assert!(!report.restarted);
}

#[test]
fn a_late_value_of_another_kind_widens_the_column_and_restarts_once() {
    let mut content = String::new();
    for row in 0..100_000 {
        content.push_str(&format!("{{\"a\":{row},\"b\":{row},\"c\":null}}\n"));
    }
    content.push_str("{\"a\":0.5,\"b\":\"x\",\"c\":7,\"d\":[\"new\"]}\n");
    for threads in [1, 3] {
        let options = ReadOptions {
            threads,
            ..ReadOptions::default()
        };
        let (read, report) = file("a.jsonl", &content).read(&options);
        assert!(report.restarted);
        assert_eq!(read.num_rows(), 100_001);
        assert_eq!(read.float_column("a").unwrap().value(100_000), 0.5);
        assert_eq!(read.text_column("b").unwrap().value(99_999), "99999");
        assert_eq!(read.int_column("c").unwrap().value(100_000), 7);
        assert_eq!(
            read.string_lists("d").unwrap().row(100_000).next(),
            Some("new")
        );
    }
}

#[test]
fn numbers_past_64_bits_become_text_and_lose_nothing() {
    let (read, _) = file(
        "a.jsonl",
        "{\"id\":1,\"x\":0.5}\n{\"id\":18446744073709551615,\"x\":1e400}\n",
    )
    .read(&ReadOptions::default());
    assert_eq!(
        texts(&read, "id"),
        [Some("1".into()), Some("18446744073709551615".into())]
    );
    assert_eq!(
        texts(&read, "x"),
        [Some("0.5".into()), Some("1e400".into())]
    );
}

#[test]
fn paths_pick_nested_values_and_nothing_else() {
    let (read, _) = file(
        "a.jsonl",
        concat!(
            r#"{"user":{"login":"ann","id":1},"labels":[{"name":"bug","id":1},{"name":"io"}],"x":{"y":[{"z":["a"]},{"z":["b","c"]}]}}"#,
            "\n",
            r#"{"user":null,"labels":[],"skipped":[[[1]]]}"#,
            "\n",
            r#"{"labels":null,"user":{"login":null}}"#,
        ),
    )
    .read(&picks(&[
        ("labels", "labels[].name"),
        ("author", "user.login"),
        ("deep", "x.y[].z[]"),
        ("user", "user"),
    ]));
    assert_eq!(
        read.column_names().collect::<Vec<_>>(),
        ["labels", "author", "deep", "user"]
    );
    assert_eq!(
        read.string_lists("labels").unwrap().to_vecs(),
        [vec!["bug".to_owned(), "io".into()], vec![], vec![]]
    );
    assert_eq!(read.column("labels").unwrap().null_count(), 1);
    assert_eq!(texts(&read, "author"), [Some("ann".into()), None, None]);
    assert_eq!(
        read.string_lists("deep").unwrap().to_vecs()[0],
        ["a", "b", "c"]
    );
    assert_eq!(
        texts(&read, "user")[0].as_deref(),
        Some(r#"{"login":"ann","id":1}"#)
    );
}

#[test]
fn a_bad_row_is_named_by_file_line_and_reason() {
    for (line, reason) in [
        (r#"{"a": tru}"#, "expected a value at byte 7"),
        (r#"{"a": 1"#, "cut off"),
        (r#"{"a": 1} x"#, "expected the end of the row"),
        (r#"{"a": 1, "a": 2}"#, "the key `a` occurs twice"),
        (r#"{"a": "\ud800"}"#, "half a surrogate pair"),
        (r#"[1]"#, "must be a JSON object"),
        (r#"{"a": "x"#, "ends inside the string"),
        (r#"{"a": 01}"#, "expected a number"),
        ("{\"a\": \"tab\there\"}", "control character"),
    ] {
        let files = file("bad.jsonl", format!("{{\"a\":1}}\n\n{line}\n{{\"a\":2}}\n"));
        let error = files.error(&ReadOptions::default());
        assert!(
            error.contains(&format!("{}:3: ", files.path("bad.jsonl").display())),
            "{error}"
        );
        assert!(error.contains(reason), "{error}");
        assert!(error.contains("on_error"), "{error}");
        let (read, report) = files.read(&skipping());
        assert_eq!(read.num_rows(), 2, "{line}");
        assert_eq!(report.bad_rows, 1);
        assert_eq!(report.first_bad[0].line, 3);
        assert!(report.first_bad[0].reason.contains(reason));
    }
}

#[test]
fn bad_rows_teach_no_types_and_make_no_columns() {
    let (read, report) =
        file("a.jsonl", "{\"a\":1}\n{\"a\":\"x\",\"z\":1,}\n{\"a\":2}\n").read(&skipping());
    assert_eq!(report.bad_rows, 1);
    assert_eq!(read, table(vec![("a", columns::ints([1, 2]))]));
}

#[test]
fn text_that_is_not_utf8_is_a_bad_row() {
    let files = file("a.jsonl", b"{\"a\":\"x\"}\n{\"a\":\"\xe9\"}\n");
    assert!(files.error(&ReadOptions::default()).contains("not UTF-8"));
    assert_eq!(files.read(&skipping()).0.num_rows(), 1);
    let files = file("a.csv", b"a,b\n1,x\n2,\xe9\n3,\"q\"\"\n\"\n");
    assert!(files.error(&ReadOptions::default()).contains("not UTF-8"));
    let (read, report) = files.read(&skipping());
    assert_eq!(report.first_bad[0].line, 3);
    assert_eq!(texts(&read, "b"), [Some("x".into()), Some("q\"\n".into())]);
}

#[test]
fn nesting_past_the_limit_is_a_bad_row() {
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(200), "]".repeat(200));
    let error = file("a.jsonl", deep).error(&ReadOptions::default());
    assert!(error.contains("nested more than 128 deep"), "{error}");
}

#[test]
fn a_row_past_the_length_limit_is_bad_and_the_next_is_read() {
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(20 << 20));
    for (limit, bytes) in [(1 << 20, &long), (19 << 20, &long)] {
        let files = file(
            "a.jsonl",
            format!("{{\"a\":\"1\"}}\n{bytes}\n{{\"a\":\"2\"}}\n"),
        );
        let options = ReadOptions {
            max_row_bytes: limit,
            ..skipping()
        };
        let (read, report) = files.read(&options);
        assert_eq!(texts(&read, "a"), [Some("1".into()), Some("2".into())]);
        assert_eq!(report.first_bad[0].line, 2);
        assert!(report.first_bad[0].reason.contains("max_row_bytes"));
    }
    let (read, _) = file("a.jsonl", &long).read(&ReadOptions::default());
    assert_eq!(read.text_column("a").unwrap().value(0).len(), 20 << 20);
}

#[test]
fn an_array_of_objects_is_read_like_lines() {
    for content in [
        "[{\"a\":1},{\"a\":2}]",
        "\u{feff} [\n  {\n    \"a\": 1\n  },\n  {\"a\": 2}\n]\n",
        "{\n \"a\": 1\n}\n{\n \"a\": 2\n}",
        "[{\"a\":1}]\n[{\"a\":2}]",
        "{\"a\":1}\n{\"a\":2}",
    ] {
        let (read, _) = file("a.json", content).read(&ReadOptions::default());
        assert_eq!(read, table(vec![("a", columns::ints([1, 2]))]), "{content}");
    }
}

#[test]
fn a_large_array_is_cut_into_its_rows_wherever_chunks_end() {
    let rows: Vec<String> = (0..200_000)
        .map(|row| format!("{{\"n\": {row},\n \"t\": \"[{{\\\"\\\\\" , \"o\": {{\"x\": [1, 2]}}}}"))
        .collect();
    let content = format!("[{}]", rows.join(",\n"));
    let (read, _) = file("a.json", content).read(&ReadOptions {
        threads: 2,
        ..ReadOptions::default()
    });
    assert_eq!(&read.column("n").unwrap(), &columns::ints(0..200_000));
    assert_eq!(read.text_column("t").unwrap().value(199_999), "[{\"\\");
}

#[test]
fn an_array_that_is_cut_off_is_an_error() {
    let files = file("a.json", "[{\"a\":1},\n{\"a\":2},");
    assert!(
        files
            .error(&ReadOptions::default())
            .contains("ends inside an array")
    );
    let files = file("a.json", "[{\"a\":1},\n{\"a\":");
    assert!(files.error(&ReadOptions::default()).contains("cut off"));
}

#[test]
fn what_stands_between_documents_is_a_bad_row() {
    let files = file("a.json", "[{\"a\":1}]\nnonsense \"{\n{\"a\":2}\n");
    let (read, report) = files.read(&skipping());
    assert_eq!(&read.column("a").unwrap(), &columns::ints([1, 2]));
    assert_eq!(report.first_bad[0].line, 2);
}

#[test]
fn compression_is_known_by_content_and_not_by_name() {
    let plain = "{\"a\":1}\n{\"a\":2}\n";
    let mut members = gzip("{\"a\":1}\n{\"a\"");
    members.extend(gzip(":2}\n"));
    let zstd = zstd::encode_all(plain.as_bytes(), 1).unwrap();
    for content in [gzip(plain), members, zstd] {
        let (read, _) = file("a.jsonl", content).read(&ReadOptions::default());
        assert_eq!(read, table(vec![("a", columns::ints([1, 2]))]));
    }
}

#[test]
fn damaged_compressed_data_is_an_error_with_advice() {
    let rows: String = (0..5_000).map(|row| format!("{{\"a\":{row}}}\n")).collect();
    let whole = gzip(&rows);
    let error = file("a.jsonl.gz", &whole[..whole.len() / 2]).error(&skipping());
    assert!(error.contains("gzip data ends early"), "{error}");
    assert!(error.contains("anew"), "{error}");
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x55;
    assert!(
        file("a.jsonl.gz", flipped)
            .error(&skipping())
            .contains("gzip data")
    );
    let zstd = zstd::encode_all(rows.as_bytes(), 1).unwrap();
    let error = file("a.jsonl", &zstd[..zstd.len() / 2]).error(&skipping());
    assert!(error.contains("zstd data"), "{error}");
}

#[test]
fn a_file_that_is_something_else_is_said_so() {
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(*b"{\0}\0").collect();
    for (content, advice) in [
        (utf16, "UTF-16"),
        (b"PAR1....".to_vec(), "Parquet"),
        (b"PK\x03\x04....".to_vec(), "unpack"),
        (Vec::new(), "empty"),
        (b" \n\n".to_vec(), "empty"),
    ] {
        let error = file("a.jsonl", content).error(&ReadOptions::default());
        assert!(error.contains(advice), "{error}");
    }
    let error = file("a.parquet", "no").error(&ReadOptions::default());
    assert!(error.contains("damaged or another kind"), "{error}");
    let error = file("a.bin", "x").error(&ReadOptions::default());
    assert!(error.contains("format = "), "{error}");
}

#[test]
fn csv_types_are_inferred_and_empty_is_null() {
    let (read, report) = file(
        "a.csv",
        "\u{feff}i,f,b,t,zip\r\n1,1.5,true,\"a,\"\"b\"\"\nc\",007\r\n,2,False,,\r\n\n-3,,,\"\",010\r\n",
    )
    .read(&ReadOptions::default());
    let expected = table(vec![
        ("i", columns::optional_ints([Some(1), None, Some(-3)])),
        ("f", columns::optional_floats([Some(1.5), Some(2.0), None])),
        (
            "b",
            columns::optional_bools([Some(true), Some(false), None]),
        ),
        (
            "t",
            columns::optional_text([Some("a,\"b\"\nc"), None, Some("")]),
        ),
        (
            "zip",
            columns::optional_text([Some("007"), None, Some("010")]),
        ),
    ]);
    assert_eq!(read, expected);
    assert_eq!(report.blank_lines, 1);
}

#[test]
fn csv_options_fix_types_split_lists_and_keep_text() {
    let files = file("a.csv", "id,labels,n\n01,a; b;,5\n02,,6\n");
    let options = ReadOptions {
        types: [("id".to_owned(), ColumnType::Int)].into(),
        lists: [("labels".to_owned(), ";".to_owned())].into(),
        ..ReadOptions::default()
    };
    let (read, _) = files.read(&options);
    assert_eq!(&read.column("id").unwrap(), &columns::ints([1, 2]));
    assert_eq!(
        read.string_lists("labels").unwrap().to_vecs(),
        [vec!["a".to_owned(), "b".into()], vec![]]
    );
    let options = ReadOptions {
        all_text: true,
        ..ReadOptions::default()
    };
    assert_eq!(
        &files.read(&options).0.column("n").unwrap(),
        &columns::text(["5", "6"])
    );
    let options = ReadOptions {
        types: [("n".to_owned(), ColumnType::Bool)].into(),
        ..ReadOptions::default()
    };
    let error = files.error(&options);
    assert!(
        error.contains("a.csv:2: `n` must be a truth value, but here it is \"5\""),
        "{error}"
    );
}

#[test]
fn tabs_separate_where_the_name_says_so() {
    let files = file("a.tsv", "a\tb\n1\tx,y\n").with("b.csv", "a,b\n2,z\n");
    let (read, _) = files.read(&ReadOptions {
        file_column: Some("file".into()),
        ..ReadOptions::default()
    });
    let expected = table(vec![
        ("a", columns::ints([1, 2])),
        ("b", columns::text(["x,y", "z"])),
        ("file", columns::text(["a.tsv", "b.csv"])),
    ]);
    assert_eq!(read, expected);
}

#[test]
fn csv_rows_that_do_not_fit_the_header_are_bad() {
    for (row, reason) in [
        ("1", "the row has 1 fields, but the header 2"),
        ("1,2,3", "the row has 3 fields"),
        ("\"1\"x,2", "follows the closing quote"),
        ("\"1,2", "never closed"),
    ] {
        let files = file("a.csv", format!("a,b\n8,9\n{row}\n"));
        let error = files.error(&ReadOptions::default());
        assert!(error.contains(":3: ") & error.contains(reason), "{error}");
        assert_eq!(files.read(&skipping()).0.num_rows(), 1);
    }
}

#[test]
fn a_quote_never_closed_costs_one_line() {
    let (read, report) = file("a.csv", "a,b\n1,2\n\"3,4\n5,6\n7,8\n").read(&skipping());
    assert_eq!(&read.column("a").unwrap(), &columns::ints([1, 5, 7]));
    assert_eq!(report.bad_rows, 1);
    assert_eq!(report.first_bad[0].line, 3);
}

#[test]
fn large_csv_is_cut_into_its_rows_wherever_chunks_end() {
    let mut content = String::from("n,t\n");
    for row in 0..300_000 {
        content.push_str(&format!("{row},\"line {row}\nand \"\"more\"\", so\"\n"));
    }
    let (read, _) = file("a.csv", &content).read(&ReadOptions {
        threads: 2,
        ..ReadOptions::default()
    });
    assert_eq!(&read.column("n").unwrap(), &columns::ints(0..300_000));
    assert_eq!(
        read.text_column("t").unwrap().value(299_999),
        "line 299999\nand \"more\", so"
    );
}

#[test]
fn a_header_without_rows_is_a_table_without_rows() {
    let (read, report) = file("a.csv", "a,b\n").read(&ReadOptions::default());
    assert_eq!(read.num_rows(), 0);
    assert_eq!(read.column_names().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(report.rows, 0);
}

#[test]
fn a_repeated_csv_column_is_refused_unless_it_is_a_list() {
    let files = file("a.csv", "a,tag,tag\n1,x,y\n2,,z\n");
    assert!(files.error(&ReadOptions::default()).contains("lists = "));
    let options = ReadOptions {
        lists: [("tag".to_owned(), String::new())].into(),
        ..ReadOptions::default()
    };
    assert_eq!(
        files
            .read(&options)
            .0
            .string_lists("tag")
            .unwrap()
            .to_vecs(),
        [vec!["x".to_owned(), "y".into()], vec!["z".into()]]
    );
}

#[test]
fn a_mistaken_column_is_met_with_the_near_miss() {
    let error = file("a.csv", "title,body\nx,y\n").error(&picks(&[("t", "titel")]));
    assert!(error.contains("did you mean `title`"), "{error}");
    let options = ReadOptions {
        types: [("titel".to_owned(), ColumnType::Int)].into(),
        ..picks(&[("title", "title")])
    };
    let error = file("a.csv", "title,body\nx,y\n").error(&options);
    assert!(error.contains("did you mean `title`"), "{error}");
}

#[test]
fn lines_of_text_know_their_number() {
    let (read, report) = file("a.txt", "first\r\n\n  third\n").read(&ReadOptions::default());
    let expected = table(vec![
        ("text", columns::text(["first", "  third"])),
        ("line", columns::ints([1, 3])),
    ]);
    assert_eq!(read, expected);
    assert_eq!(report.blank_lines, 1);
}

#[test]
fn parquet_is_read_and_stacked_with_wider_types() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, table: &Table| {
        let path = folder.path().join(name);
        table::parquet_file::write_parquet(&path, table).unwrap();
        LocalFile::new(path)
    };
    let one = write(
        "1.parquet",
        &table(vec![("a", columns::ints([1])), ("t", columns::text(["x"]))]),
    );
    let two = write(
        "2.parquet",
        &table(vec![
            ("a", columns::floats([0.5])),
            ("u", columns::bools([true])),
        ]),
    );
    let (read, report) = read_table(&[one.clone(), two], &ReadOptions::default()).unwrap();
    let expected = table(vec![
        ("a", columns::floats([1.0, 0.5])),
        ("t", columns::optional_text([Some("x"), None])),
        ("u", columns::optional_bools([None, Some(true)])),
    ]);
    assert_eq!(read, expected);
    assert_eq!(report.rows, 2);
    let (read, _) = read_table(&[one], &picks(&[("text", "t"), ("n", "a")])).unwrap();
    let expected = table(vec![
        ("text", columns::text(["x"])),
        ("n", columns::ints([1])),
    ]);
    assert_eq!(read, expected);
}

#[test]
fn reading_stops_when_asked_to() {
    let files = file("a.jsonl", "{\"a\":1}\n");
    let watch = Watch {
        cancelled: &|| true,
        ..Watch::nobody()
    };
    let mut sink = TableSink::default();
    let stopped = read(&files.files, &ReadOptions::default(), &mut sink, &watch);
    assert!(matches!(stopped, Err(TableError::Cancelled)));
}

#[test]
fn formats_that_differ_are_not_mixed() {
    let error = file("a.jsonl", "{}")
        .with("b.csv", "a\n")
        .error(&ReadOptions::default());
    assert!(error.contains("different formats"), "{error}");
    let options = ReadOptions {
        ..ReadOptions::new(Format::Jsonl)
    };
    assert!(
        file("b.csv", "a\n")
            .error(&options)
            .contains("expected a value")
    );
}
