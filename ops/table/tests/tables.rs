//! The table and its Parquet files.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use proptest::prelude::*;
use table::parquet_file::{
    ParquetTableWriter, parquet_head, parquet_rows, parquet_schema, read_parquet, write_parquet,
};
use table::{Table, columns, concat};

fn small() -> Table {
    Table::from_columns(vec![
        ("id", columns::ints([1, 2, 3])),
        ("text", columns::optional_text([Some("a"), None, Some("c")])),
        (
            "labels",
            columns::string_lists([vec!["x", "y"], vec![], vec!["x"]]),
        ),
        ("score", columns::floats([0.5, 1.5, -2.0])),
    ])
    .unwrap()
}

#[test]
fn a_missing_column_is_met_with_the_names_there_are() {
    let message = small().column("texts").unwrap_err().to_string();
    assert!(
        message.contains("`id`, `text`, `labels`, `score`"),
        "{message}"
    );
    assert!(message.contains("did you mean `text`"), "{message}");
    let message = small().text_column("id").unwrap_err().to_string();
    assert!(message.contains("holds int, but text"), "{message}");
}

#[test]
fn columns_come_as_plain_values() {
    let table = small();
    assert_eq!(table.int_column("id").unwrap().values(), &[1, 2, 3]);
    assert_eq!(table.float_column("id").unwrap().values(), &[1.0, 2.0, 3.0]);
    let labels = table.string_lists("labels").unwrap();
    assert_eq!(labels.row(0).collect::<Vec<_>>(), ["x", "y"]);
    assert_eq!(labels.row(1).count(), 0);
    assert_eq!(labels.row(9).count(), 0);
    let classes = table.string_lists("text").unwrap();
    assert_eq!(
        classes.to_vecs(),
        [vec!["a".to_owned()], vec![], vec!["c".into()]]
    );
}

#[test]
fn rows_are_taken_filtered_and_cut_across_batches() {
    let table = concat(&[small(), small().slice(1, 1), small()]).unwrap();
    assert_eq!(table.num_rows(), 7);
    let taken = table.take(&[6, 3, 0, 3]).unwrap();
    assert_eq!(&taken.column("id").unwrap(), &columns::ints([3, 2, 1, 2]));
    assert!(table.take(&[7]).is_err());
    let mask = arrow_array::BooleanArray::from(vec![
        Some(true),
        None,
        Some(false),
        Some(true),
        Some(false),
        Some(false),
        Some(true),
    ]);
    let kept = table.filter(&mask).unwrap();
    assert_eq!(&kept.column("id").unwrap(), &columns::ints([1, 2, 3]));
    assert_eq!(
        &table.slice(2, 3).column("id").unwrap(),
        &columns::ints([3, 2, 1])
    );
    assert_eq!(table.slice(9, 3).num_rows(), 0);
    assert_eq!(table.head(100), table);
    assert_eq!(table.combined().unwrap().batches().len(), 1);
}

#[test]
fn columns_are_added_dropped_renamed_and_chosen() {
    let table = concat(&[small(), small()]).unwrap();
    let more = table
        .with_column("row", columns::ints(0..6))
        .unwrap()
        .with_column("id", columns::text(["a", "b", "c", "d", "e", "f"]))
        .unwrap();
    assert_eq!(
        more.column_names().collect::<Vec<_>>(),
        ["id", "text", "labels", "score", "row"]
    );
    assert_eq!(more.text_column("id").unwrap().value(5), "f");
    assert!(table.with_column("row", columns::ints(0..5)).is_err());
    let fewer = more
        .drop_column("labels")
        .unwrap()
        .rename("row", "n")
        .unwrap();
    assert_eq!(
        fewer.column_names().collect::<Vec<_>>(),
        ["id", "text", "score", "n"]
    );
    assert!(more.rename("row", "id").is_err());
    assert_eq!(
        more.select(&["score", "id"])
            .unwrap()
            .column_names()
            .collect::<Vec<_>>(),
        ["score", "id"]
    );
}

#[test]
fn stacked_tables_unite_their_columns_and_widen_types() {
    let other = Table::from_columns(vec![
        ("text", columns::ints([7])),
        ("id", columns::floats([0.5])),
        ("new", columns::bools([true])),
    ])
    .unwrap();
    let stacked = concat(&[small(), other]).unwrap();
    assert_eq!(
        stacked.column_names().collect::<Vec<_>>(),
        ["id", "text", "labels", "score", "new"]
    );
    assert_eq!(
        &stacked.column("id").unwrap(),
        &columns::floats([1.0, 2.0, 3.0, 0.5])
    );
    assert_eq!(
        &stacked.column("text").unwrap(),
        &columns::optional_text([Some("a"), None, Some("c"), Some("7")])
    );
    let odd = Table::from_columns(vec![("labels", columns::text(["x"]))]).unwrap();
    assert!(
        concat(&[small(), odd])
            .unwrap_err()
            .to_string()
            .contains("labels")
    );
}

#[test]
fn parquet_gives_back_what_it_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let vectors = columns::vectors((0..12).map(|i| i as f32).collect(), 4).unwrap();
    let table = small().with_column("vector", vectors).unwrap();
    let summary = write_parquet(&path, &table).unwrap();
    assert_eq!(summary.rows, 3);
    assert_eq!(summary.bytes, std::fs::metadata(&path).unwrap().len());
    assert_eq!(read_parquet(&path, None).unwrap(), table);
    assert_eq!(
        read_parquet(&path, Some(&["score", "id"])).unwrap(),
        table.select(&["score", "id"]).unwrap()
    );
    assert_eq!(parquet_head(&path, 2).unwrap(), table.head(2));
    assert_eq!(&parquet_schema(&path).unwrap(), table.schema());
    assert_eq!(parquet_rows(&path).unwrap(), 3);
    let message = read_parquet(&path, Some(&["scor"]))
        .unwrap_err()
        .to_string();
    assert!(message.contains("did you mean `score`"), "{message}");
    let (values, size) =
        columns::vector_values(&table.slice(1, 2).column("vector").unwrap()).unwrap();
    assert_eq!((values.values().len(), values.value(0), size), (8, 4.0, 4));
}

#[test]
fn a_table_without_rows_or_columns_survives_parquet() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    for table in [
        small().head(0),
        Table::from_columns::<&str>(Vec::new()).unwrap(),
    ] {
        write_parquet(&path, &table).unwrap();
        assert_eq!(read_parquet(&path, None).unwrap(), table);
    }
}

fn write_in_parts(path: &Path, table: &Table, parts: &[usize], threads: usize) -> Vec<u8> {
    let mut writer = ParquetTableWriter::create(path, table.schema(), threads).unwrap();
    let mut start = 0;
    for part in parts.iter().cycle() {
        if start >= table.num_rows() {
            break;
        }
        for batch in table.slice(start, *part).batches() {
            writer.write(batch).unwrap();
        }
        start += part;
    }
    assert_eq!(writer.finish().unwrap().rows, table.num_rows());
    std::fs::read(path).unwrap()
}

/// Rows enough for several row groups, some of them long.
fn large(rows: usize) -> Table {
    let text = (0..rows).map(|row| {
        (row % 7 != 0)
            .then(|| format!("{row} ").repeat(if row % 1_000 == 3 { 4_000 } else { row % 90 }))
    });
    Table::from_columns(vec![
        ("id", columns::ints(0..rows as i64)),
        ("text", columns::optional_text(text)),
        (
            "labels",
            columns::string_lists((0..rows).map(|row| vec!["bug"; row % 3])),
        ),
    ])
    .unwrap()
}

#[test]
fn equal_rows_are_equal_bytes_whatever_batches_and_threads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let table = large(150_000);
    let whole = write_in_parts(&path, &table, &[150_000], 1);
    assert_eq!(read_parquet(&path, None).unwrap(), table);
    for (parts, threads) in [(&[1_000, 7, 30_001][..], 1), (&[65_536], 3), (&[999], 2)] {
        assert!(write_in_parts(&path, &table, parts, threads) == whole);
    }
}

#[test]
fn a_writer_that_is_dropped_leaves_no_thread_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let table = large(70_000);
    let path = folder.path().join("a.parquet");
    let mut writer = ParquetTableWriter::create(&path, table.schema(), 2).unwrap();
    writer.write(&table.batches()[0]).unwrap();
    drop(writer);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_parquet_file_is_an_error_or_a_table(
        cut in any::<prop::sample::Index>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        truncated in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        write_parquet(&path, &large(300)).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        if truncated {
            bytes.truncate(cut.index(bytes.len()));
        }
        for (place, value) in flips {
            if !bytes.is_empty() {
                let place = place.index(bytes.len());
                bytes[place] ^= value;
            }
        }
        std::fs::write(&path, bytes).unwrap();
        read_parquet(&path, None).ok();
    }
}
