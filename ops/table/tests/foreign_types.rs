//! The types of Parquet files that other tools wrote, and types that the user asks for.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, BinaryArray, LargeStringArray, UInt64Array};
use serde_json::{Value, json};
use table::parquet_file::{read_parquet, write_parquet};
use table::read::{ColumnType, LocalFile, ReadOptions, read_table};
use table::{Table, columns, type_name};

fn fixture(name: &str) -> PathBuf {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/table");
    PathBuf::from(fixtures).join(name)
}

fn values(column: &ArrayRef) -> Vec<Value> {
    (0..column.len())
        .map(|row| {
            if column.is_null(row) {
                return Value::Null;
            }
            match type_name(column.data_type()).as_str() {
                "text" => json!(column.as_string::<i32>().value(row)),
                "int" => json!(column.as_primitive::<Int64Type>().value(row)),
                "float" => json!(column.as_primitive::<Float64Type>().value(row)),
                "bool" => json!(column.as_boolean().value(row)),
                _ => {
                    let items = column.as_list::<i32>().value(row);
                    Value::Array(values(&items))
                }
            }
        })
        .collect()
}

/// The expected values are made by `tests/peers/foreign_parquet.py`.
#[test]
fn types_of_other_tools_are_read_as_what_they_mean() {
    let expected: BTreeMap<String, Value> =
        serde_json::from_slice(&std::fs::read(fixture("foreign.json")).unwrap()).unwrap();
    let table = read_parquet(&fixture("foreign.parquet"), None).unwrap();
    assert_eq!(table.num_columns(), expected.len());
    for (name, expected) in expected {
        let column = table.column(&name).unwrap();
        assert_eq!(type_name(column.data_type()), expected["type"], "{name}");
        assert_eq!(Value::Array(values(&column)), expected["values"], "{name}");
    }
}

/// Writes a column and reads it as `wanted`.
fn read_as(column: ArrayRef, wanted: ColumnType) -> Result<Vec<Value>, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    write_parquet(&path, &Table::from_columns(vec![("c", column)]).unwrap()).unwrap();
    let options = ReadOptions {
        types: [("c".to_owned(), wanted)].into(),
        ..ReadOptions::default()
    };
    match read_table(&[LocalFile::new(path)], &options) {
        Ok((table, _)) => Ok(values(&table.column("c").unwrap())),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn a_type_that_is_asked_for_is_read_where_every_value_has_a_counterpart() {
    let texts = || columns::optional_text([Some("7"), None, Some(" -1 ")]);
    assert_eq!(
        read_as(texts(), ColumnType::Int).unwrap(),
        [json!(7), Value::Null, json!(-1)]
    );
    assert_eq!(
        read_as(texts(), ColumnType::Float).unwrap(),
        [json!(7.0), Value::Null, json!(-1.0)]
    );
    assert_eq!(
        read_as(texts(), ColumnType::List).unwrap(),
        [json!(["7"]), Value::Null, json!([" -1 "])]
    );
    let words = columns::optional_text([Some("True"), None, Some("0")]);
    assert_eq!(
        read_as(words, ColumnType::Bool).unwrap(),
        [json!(true), Value::Null, json!(false)]
    );
    let bools = || columns::bools([true, false]);
    assert_eq!(
        read_as(bools(), ColumnType::Int).unwrap(),
        [json!(1), json!(0)]
    );
    assert_eq!(
        read_as(bools(), ColumnType::Text).unwrap(),
        [json!("true"), json!("false")]
    );
    let floats = || columns::floats([1.0, -2.5, 1e300]);
    assert_eq!(
        read_as(floats(), ColumnType::Text).unwrap(),
        [json!("1.0"), json!("-2.5"), json!("1e300")]
    );
    assert_eq!(
        read_as(columns::floats([2.0]), ColumnType::Int).unwrap(),
        [json!(2)]
    );
    assert_eq!(
        read_as(columns::ints([0, 1]), ColumnType::Bool).unwrap(),
        [json!(false), json!(true)]
    );
    let bytes: ArrayRef = Arc::new(BinaryArray::from_opt_vec(vec![Some("é".as_bytes()), None]));
    assert_eq!(
        read_as(bytes, ColumnType::Text).unwrap(),
        [json!("é"), Value::Null]
    );
}

#[test]
fn a_value_without_a_counterpart_is_named_with_its_column_and_file() {
    let failures: [(ArrayRef, ColumnType, &str); 7] = [
        (
            columns::text(["7", "x1"]),
            ColumnType::Int,
            "it holds x1, which is no whole number of 64 bits",
        ),
        (
            columns::floats([2.5]),
            ColumnType::Int,
            "it holds 2.5, which is no whole number",
        ),
        (
            columns::floats([1e300]),
            ColumnType::Int,
            "which is no whole number of 64 bits",
        ),
        (
            columns::ints([2]),
            ColumnType::Bool,
            "it holds 2, which is no truth value",
        ),
        (
            columns::text(["maybe"]),
            ColumnType::Bool,
            "it holds maybe, which is no truth value",
        ),
        (
            Arc::new(BinaryArray::from_vec(vec![b"a\xff"])),
            ColumnType::Text,
            r"it holds a\xff, which is no text in UTF-8",
        ),
        (
            columns::string_lists([["a"]]),
            ColumnType::Int,
            "lists of text cannot become int",
        ),
    ];
    for (column, wanted, reason) in failures {
        let message = read_as(column, wanted).unwrap_err();
        assert!(message.contains(reason), "{message}");
        assert!(
            message.contains("a.parquet") && message.contains("`c`"),
            "{message}"
        );
    }
    // What is wrong without being asked for.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let ids: ArrayRef = Arc::new(UInt64Array::from(vec![1, u64::MAX]));
    let texts: ArrayRef = Arc::new(LargeStringArray::from(vec!["a", "b"]));
    write_parquet(
        &path,
        &Table::from_columns(vec![("id", ids), ("t", texts)]).unwrap(),
    )
    .unwrap();
    let message = read_parquet(&path, None).unwrap_err().to_string();
    for part in [
        "a.parquet",
        "`id`",
        "it holds 18446744073709551615",
        "name the other columns",
    ] {
        assert!(message.contains(part), "{message}");
    }
    let table = read_parquet(&path, Some(&["t"])).unwrap();
    assert_eq!(
        values(&table.column("t").unwrap()),
        [json!("a"), json!("b")]
    );
}
