//! Rows that are lines of JSON: every field is kept as it came, and results leave while more rows arrive.

use std::io::{BufRead, Read};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use table::read::{BadRow, OnError};

use super::output::Output;
use super::{Account, Reading, TagError, Tagger, TextFields};
use crate::steps::StepError;

/// The longest row.
const ROW_BYTES: u64 = 64 << 20;
/// Rows that are read ahead.
const AHEAD: usize = 256;
/// Bytes of text that are tagged at a time, beside the last row's.
const BATCH_BYTES: usize = 64 << 10;
/// How long is waited for a row before it is asked whether to stop.
const PATIENCE: Duration = Duration::from_millis(50);

/// The fields of a row, in their order, with their values as they were written.
#[derive(Debug, Default)]
pub struct Fields(pub Vec<(String, Box<RawValue>)>);

impl Fields {
    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<&RawValue> {
        let found = self.0.iter().rev().find(|(field, _)| field == name);
        found.map(|(_, value)| value.as_ref())
    }

    /// The names of all fields.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Fields, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Fields;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Fields::default();
                while let Some(entry) = map.next_entry()? {
                    fields.0.push(entry);
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(Collect)
    }
}

/// A row, and what its text is.
pub struct Row {
    fields: Fields,
    text: String,
}

enum Item {
    Row(Row),
    Bad(BadRow),
}

/// Content with rows in its lines, and what it is called.
pub struct Content {
    /// Its name.
    pub name: String,
    /// Opens it; not before its turn comes.
    pub open: Box<dyn FnOnce() -> Result<Box<dyn BufRead + Send>, StepError> + Send>,
}

/// Tags the rows of contents, in order, as they arrive.
pub fn tag(
    contents: Vec<Content>,
    tagger: &Tagger,
    reading: &Reading,
    output: &mut Output,
    cancelled: &AtomicBool,
) -> Result<Account, TagError> {
    output.start_lines(tagger.labels())?;
    let (send, items) = sync_channel(AHEAD);
    let text = reading.text.clone();
    // It may wait for a row for ever, and ends with the process.
    std::thread::Builder::new()
        .name("rows".to_owned())
        .spawn(move || {
            if let Err(error) = read(contents, &text, &send) {
                send.send(Err(error)).ok();
            }
        })
        .map_err(|error| StepError::new(format!("starting a thread to read rows: {error}")))?;
    let mut account = Account::default();
    let mut batch: Vec<Row> = Vec::with_capacity(tagger.batch_rows());
    loop {
        let more = collect(&items, tagger.batch_rows(), &mut batch, cancelled)?;
        if !batch.is_empty() {
            let texts: Vec<&str> = batch.iter().map(|row| row.text.as_str()).collect();
            let tags = tagger.tag(&texts)?;
            let rows: Vec<&Fields> = batch.iter().map(|row| &row.fields).collect();
            output.write_lines(&rows, &tags)?;
            account.rows += batch.len() as u64;
            batch.clear();
        }
        match more {
            More::Rows => {}
            More::Bad(bad) if reading.on_error == OnError::Skip => account.note_bad(bad),
            More::Bad(bad) => return Err(TagError::BadRow(bad)),
            More::Failed(error) => return Err(error.into()),
            More::None => return Ok(account),
        }
    }
}

/// What follows upon a batch.
enum More {
    Rows,
    Bad(BadRow),
    Failed(StepError),
    None,
}

/// Waits for a row, and takes those that are there already with it.
fn collect(
    items: &Receiver<Result<Item, StepError>>,
    most: usize,
    batch: &mut Vec<Row>,
    cancelled: &AtomicBool,
) -> Result<More, StepError> {
    let mut bytes = 0;
    loop {
        if cancelled.load(Ordering::Relaxed) {
            return Err(StepError::Cancelled);
        }
        let item = match batch.is_empty() {
            true => items.recv_timeout(PATIENCE),
            false => items.try_recv().map_err(|_| RecvTimeoutError::Timeout),
        };
        match item {
            Ok(Ok(Item::Row(row))) => {
                bytes += row.text.len();
                batch.push(row);
                if batch.len() >= most || bytes >= BATCH_BYTES {
                    return Ok(More::Rows);
                }
            }
            Ok(Ok(Item::Bad(bad))) => return Ok(More::Bad(bad)),
            Ok(Err(error)) => return Ok(More::Failed(error)),
            Err(RecvTimeoutError::Timeout) if batch.is_empty() => {}
            Err(RecvTimeoutError::Timeout) => return Ok(More::Rows),
            Err(RecvTimeoutError::Disconnected) => return Ok(More::None),
        }
    }
}

/// Reads contents until nobody takes their rows.
fn read(
    contents: Vec<Content>,
    text: &TextFields,
    send: &SyncSender<Result<Item, StepError>>,
) -> Result<(), StepError> {
    for content in contents {
        let name = content.name;
        let mut reader = (content.open)()?;
        let failed = |error: std::io::Error| StepError::new(format!("reading {name}: {error}"));
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let limit = (&mut reader).take(ROW_BYTES).read_until(b'\n', &mut line);
            let read = limit.map_err(failed)?;
            if read == 0 {
                break;
            }
            let bad = |reason: String| {
                Item::Bad(BadRow {
                    file: PathBuf::from(&name),
                    line: number,
                    reason,
                })
            };
            let is_whole = line.ends_with(b"\n") || (read as u64) < ROW_BYTES;
            let item = match is_whole {
                true => match row(&line, number == 1, text) {
                    Ok(None) => continue,
                    Ok(Some(row)) => Item::Row(row),
                    Err(reason) => bad(reason),
                },
                false => {
                    skip_line(&mut reader).map_err(failed)?;
                    bad(format!("the row is longer than {ROW_BYTES} bytes"))
                }
            };
            if send.send(Ok(item)).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The row on a line; `None` for a blank one.
fn row(line: &[u8], is_first: bool, text: &TextFields) -> Result<Option<Row>, String> {
    let line = match line.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) if is_first => rest,
        _ => line,
    };
    let line = line.trim_ascii();
    if line.is_empty() {
        return Ok(None);
    }
    let line = std::str::from_utf8(line).map_err(|_| {
        "it is not UTF-8; if this is no JSON at all, --format says what it is".to_owned()
    })?;
    let fields: Fields = serde_json::from_str(line).map_err(|error| {
        let error = error.to_string();
        // serde counts lines, and this one is its first.
        let (reason, place) = error
            .rsplit_once(" at line 1 column ")
            .unwrap_or((&error, ""));
        let place = match place {
            "" => String::new(),
            column => format!(" (character {column})"),
        };
        format!("it is no JSON object: {reason}{place}")
    })?;
    let text = text.of_row(&fields)?;
    Ok(Some(Row { fields, text }))
}

fn skip_line(reader: &mut dyn BufRead) -> std::io::Result<()> {
    loop {
        let buffer = reader.fill_buf()?;
        let end = memchr::memchr(b'\n', buffer);
        let taken = end.map_or(buffer.len(), |end| end + 1);
        reader.consume(taken);
        if end.is_some() || taken == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_order_and_the_way_they_are_written() {
        let line = br#"{"b": 1.00, "a": {"x":  [1]}, "text": "t"}"#;
        let row = row(line, true, &TextFields::default()).unwrap().unwrap();
        let names: Vec<&str> = row.fields.names().collect();
        assert_eq!(names, ["b", "a", "text"]);
        assert_eq!(row.fields.get("b").unwrap().get(), "1.00");
        assert_eq!(row.fields.get("a").unwrap().get(), r#"{"x":  [1]}"#);
        assert_eq!(row.text, "t");
    }

    #[test]
    fn blank_lines_are_no_rows_and_other_content_is_bad() {
        let text = TextFields::default();
        assert!(row(b" \r\n", false, &text).unwrap().is_none());
        assert!(
            row(b"\xef\xbb\xbf{\"text\": \"a\"}\n", true, &text)
                .unwrap()
                .is_some()
        );
        for line in [&b"[1]"[..], b"{\"text\": \"a\"", b"hello", b"\xff\xfe"] {
            assert!(row(line, false, &text).is_err());
        }
    }
}
