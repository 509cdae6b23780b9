//! Whole numbers, floats and truth values.

use std::fmt::Display;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType,
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, BooleanArray, PrimitiveArray, StringArray};
use arrow_schema::DataType;

use super::{convert, no_way, unfit};

const INT: &str = "whole number of 64 bits";
const FLOAT: &str = "number";
const BOOL: &str = "truth value";
/// Up to here every whole number is a float.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Whole numbers: of any width, floats without a fraction, texts of digits, 0 and 1 for truth values.
pub(super) fn to_int(column: &ArrayRef) -> Result<ArrayRef, String> {
    match column.data_type() {
        DataType::Int8 => Ok(widened::<Int8Type, Int64Type>(column)),
        DataType::Int16 => Ok(widened::<Int16Type, Int64Type>(column)),
        DataType::Int32 => Ok(widened::<Int32Type, Int64Type>(column)),
        DataType::UInt8 => Ok(widened::<UInt8Type, Int64Type>(column)),
        DataType::UInt16 => Ok(widened::<UInt16Type, Int64Type>(column)),
        DataType::UInt32 => Ok(widened::<UInt32Type, Int64Type>(column)),
        DataType::UInt64 => {
            fallible::<UInt64Type, Int64Type>(column, INT, |value| i64::try_from(value).ok())
        }
        DataType::Float64 => fallible::<Float64Type, Int64Type>(column, INT, |value| {
            (value.fract() == 0.0 && value.abs() <= EXACT).then_some(value as i64)
        }),
        DataType::Boolean => {
            let bools = column.as_boolean().iter();
            let ints = bools.map(|value| value.map(i64::from));
            Ok(Arc::new(ints.collect::<PrimitiveArray<Int64Type>>()))
        }
        _ => {
            let texts = texts(column, &DataType::Int64)?;
            parsed::<Int64Type>(&texts, INT, |text| text.parse().ok())
        }
    }
}

/// Floats: of any width, whole numbers, decimal numbers and texts of numbers, each as the nearest float there is.
pub(super) fn to_float(column: &ArrayRef) -> Result<ArrayRef, String> {
    match column.data_type() {
        DataType::Float16 => Ok(widened::<Float16Type, Float64Type>(column)),
        DataType::Float32 => Ok(widened::<Float32Type, Float64Type>(column)),
        DataType::Int64 => {
            let ints = column.as_primitive::<Int64Type>();
            Ok(Arc::new(ints.unary::<_, Float64Type>(|value| value as f64)))
        }
        DataType::Decimal32(_, _) => decimals::<Decimal32Type>(column),
        DataType::Decimal64(_, _) => decimals::<Decimal64Type>(column),
        DataType::Decimal128(_, _) => decimals::<Decimal128Type>(column),
        DataType::Decimal256(_, _) => decimals::<Decimal256Type>(column),
        _ => {
            let texts = texts(column, &DataType::Float64)?;
            parsed::<Float64Type>(&texts, FLOAT, |text| text.parse().ok())
        }
    }
}

/// Truth values: the words that CSV knows, and 0 and 1.
pub(super) fn to_bool(column: &ArrayRef) -> Result<ArrayRef, String> {
    let of_number = |value: f64| match value {
        0.0 => Some(false),
        1.0 => Some(true),
        _ => None,
    };
    let bools: Result<BooleanArray, String> = match column.data_type() {
        DataType::Int64 | DataType::Float64 => {
            let floats = convert(column, &DataType::Float64)?;
            let floats = floats.as_primitive::<Float64Type>();
            collected(floats.iter(), BOOL, of_number)
        }
        _ => {
            let texts = texts(column, &DataType::Boolean)?;
            collected(texts.iter(), BOOL, |text| match text.trim() {
                "true" | "True" | "TRUE" | "1" => Some(true),
                "false" | "False" | "FALSE" | "0" => Some(false),
                _ => None,
            })
        }
    };
    Ok(Arc::new(bools?))
}

/// The column's texts, where numbers may be read from it.
fn texts(column: &ArrayRef, wanted: &DataType) -> Result<StringArray, String> {
    match column.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            Ok(convert(column, &DataType::Utf8)?.as_string().clone())
        }
        found => Err(no_way(found, wanted)),
    }
}

fn widened<From, To>(column: &ArrayRef) -> ArrayRef
where
    From: ArrowPrimitiveType,
    To: ArrowPrimitiveType,
    To::Native: std::convert::From<From::Native>,
{
    let values = column.as_primitive::<From>();
    Arc::new(values.unary::<_, To>(To::Native::from))
}

fn fallible<From, To>(
    column: &ArrayRef,
    wanted: &str,
    convert: impl Fn(From::Native) -> Option<To::Native>,
) -> Result<ArrayRef, String>
where
    From: ArrowPrimitiveType<Native: Display>,
    To: ArrowPrimitiveType,
{
    let values = column.as_primitive::<From>().iter();
    let converted: PrimitiveArray<To> = collected(values, wanted, convert)?;
    Ok(Arc::new(converted))
}

fn parsed<To: ArrowPrimitiveType>(
    texts: &StringArray,
    wanted: &str,
    parse: impl Fn(&str) -> Option<To::Native>,
) -> Result<ArrayRef, String> {
    let values = texts.iter();
    let converted: PrimitiveArray<To> = collected(values, wanted, |text| parse(text.trim()))?;
    Ok(Arc::new(converted))
}

/// By way of its digits a decimal becomes the nearest float; a division would round a second time.
fn decimals<Decimal: DecimalType>(column: &ArrayRef) -> Result<ArrayRef, String> {
    let values = column.as_primitive::<Decimal>();
    let digits =
        (0..values.len()).map(|row| values.is_valid(row).then(|| values.value_as_string(row)));
    let floats: PrimitiveArray<Float64Type> =
        collected(digits, FLOAT, |digits| digits.parse().ok())?;
    Ok(Arc::new(floats))
}

/// The values, each converted, or the sentence about the first that cannot be.
fn collected<Value, Converted, Column>(
    values: impl Iterator<Item = Option<Value>>,
    wanted: &str,
    convert: impl Fn(Value) -> Option<Converted>,
) -> Result<Column, String>
where
    Value: Display + Clone,
    Column: FromIterator<Option<Converted>>,
{
    values
        .map(|value| match value {
            None => Ok(None),
            Some(value) => match convert(value.clone()) {
                Some(converted) => Ok(Some(converted)),
                None => Err(unfit(value, wanted)),
            },
        })
        .collect()
}
