//! Dates and times as ISO 8601 text.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::timezone::Tz;
use arrow_array::types::{
    ArrowTemporalType, ArrowTimestampType, Date32Type, Date64Type, Time32MillisecondType,
    Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use arrow_array::{Array, ArrayRef, PrimitiveArray, StringArray};
use arrow_schema::{DataType, TimeUnit};

use super::{no_way, unfit};

/// `2025-02-27`, `08:11:36.5` or `2025-02-27T08:11:36`, with `Z` or an offset where the column has a time zone. Zones that
/// have a name are written in UTC: their offsets are no part of the file.
pub(super) fn to_text(column: &ArrayRef) -> Result<StringArray, String> {
    use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
    match column.data_type() {
        DataType::Date32 => written::<Date32Type>(column, |days, row| {
            Some(days.value_as_date(row)?.to_string())
        }),
        DataType::Date64 => written::<Date64Type>(column, |times, row| {
            Some(format!("{:?}", times.value_as_datetime(row)?))
        }),
        DataType::Time32(Second) => written::<Time32SecondType>(column, time),
        DataType::Time32(_) => written::<Time32MillisecondType>(column, time),
        DataType::Time64(Microsecond) => written::<Time64MicrosecondType>(column, time),
        DataType::Time64(_) => written::<Time64NanosecondType>(column, time),
        DataType::Timestamp(Second, zone) => timestamps::<TimestampSecondType>(column, zone),
        DataType::Timestamp(Millisecond, zone) => {
            timestamps::<TimestampMillisecondType>(column, zone)
        }
        DataType::Timestamp(Microsecond, zone) => {
            timestamps::<TimestampMicrosecondType>(column, zone)
        }
        DataType::Timestamp(Nanosecond, zone) => {
            timestamps::<TimestampNanosecondType>(column, zone)
        }
        found => Err(no_way(found, &DataType::Utf8)),
    }
}

fn time<T: ArrowTemporalType>(times: &PrimitiveArray<T>, row: usize) -> Option<String>
where
    i64: From<T::Native>,
{
    Some(format!("{:?}", times.value_as_time(row)?))
}

fn timestamps<T: ArrowTimestampType>(
    column: &ArrayRef,
    zone: &Option<Arc<str>>,
) -> Result<StringArray, String> {
    let offset = zone.as_ref().and_then(|zone| zone.parse::<Tz>().ok());
    written::<T>(column, |times, row| {
        Some(match (zone, offset) {
            (None, _) => format!("{:?}", times.value_as_datetime(row)?),
            (Some(_), None) => format!("{:?}Z", times.value_as_datetime(row)?),
            (Some(_), Some(offset)) => {
                let text = times.value_as_datetime_with_tz(row, offset)?.to_rfc3339();
                match text.strip_suffix("+00:00") {
                    Some(utc) => format!("{utc}Z"),
                    None => text,
                }
            }
        })
    })
}

/// The values as `text` writes them; it gives nothing for those past the calendar.
fn written<T: ArrowTemporalType>(
    column: &ArrayRef,
    text: impl Fn(&PrimitiveArray<T>, usize) -> Option<String>,
) -> Result<StringArray, String>
where
    i64: From<T::Native>,
{
    let values = column.as_primitive::<T>();
    (0..values.len())
        .map(|row| {
            if values.is_null(row) {
                return Ok(None);
            }
            text(values, row)
                .map(Some)
                .ok_or_else(|| unfit(i64::from(values.value(row)), "date or time"))
        })
        .collect()
}
