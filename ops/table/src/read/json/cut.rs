//! Cuts a stream of JSON documents into rows where they are not simply lines: arrays of rows,
//! answers that wrap such an array, objects printed over several lines.

use std::ops::Range;

use memchr::memchr2;

use super::scan::{Next, Scanner};
use crate::read::cut::{Cut, Cutter};

/// Finds the rows in a stream of JSON documents. A row is an item of an outermost array, an item
/// of the array under `rows_key` of an outermost object, or else an outermost object.
///
/// It follows brackets and strings only; whether a row is sound is seen when it is parsed.
pub(crate) struct DocumentCutter {
    rows_key: Option<&'static str>,
    /// Up to where the buffer has been looked at.
    scanned: usize,
    place: Place,
    /// Brackets open within the current row or document.
    depth: usize,
    in_string: bool,
    start: usize,
    /// The last string within an outermost object, which may prove to be the rows' key.
    last_string: Range<usize>,
    is_key: bool,
}

/// Where in the documents the cutter is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Between outermost values.
    Outside,
    /// In an outermost object that may be a row, or may wrap rows.
    Object,
    /// Among the items of an array of rows; true where an object wraps it.
    Among(bool),
    /// In an item.
    Item(bool),
    /// In the rest of an object whose rows are through.
    Rest,
    /// In something between the outermost values that is none, up to the end of the line.
    Stray,
}

impl DocumentCutter {
    pub(crate) fn new(rows_key: Option<&'static str>) -> Self {
        Self {
            rows_key,
            scanned: 0,
            place: Place::Outside,
            depth: 0,
            in_string: false,
            start: 0,
            last_string: 0..0,
            is_key: false,
        }
    }

    /// Looks at what is new in the buffer and collects the rows that end in it.
    fn scan(&mut self, buffer: &[u8], rows: &mut Vec<Range<usize>>) {
        let mut at = self.scanned;
        while at < buffer.len() {
            if self.in_string {
                match memchr2(b'"', b'\\', &buffer[at..]) {
                    None => {
                        at = buffer.len();
                        break;
                    }
                    Some(offset) if buffer[at + offset] == b'\\' => {
                        if at + offset + 1 >= buffer.len() {
                            // The escaped character is yet to come: look at the backslash again.
                            at += offset;
                            break;
                        }
                        at += offset + 2;
                    }
                    Some(offset) => {
                        at += offset + 1;
                        self.in_string = false;
                        self.last_string.end = at;
                        if self.depth == 0 && matches!(self.place, Place::Item(_)) {
                            self.end_item(at, rows);
                        }
                    }
                }
                continue;
            }
            self.step(buffer, at, rows);
            at += 1;
        }
        self.scanned = at;
    }

    fn step(&mut self, buffer: &[u8], at: usize, rows: &mut Vec<Range<usize>>) {
        let byte = buffer[at];
        match (self.place, byte) {
            (Place::Outside, b'[') => self.place = Place::Among(false),
            (Place::Outside, b'{') => {
                self.place = Place::Object;
                self.depth = 1;
                self.start = at;
                self.is_key = false;
            }
            (Place::Outside, b' ' | b'\t' | b'\r' | b'\n' | b',') => {}
            (Place::Outside, _) => {
                // No document begins so; what it is, the parser says about the row.
                self.place = Place::Stray;
                self.start = at;
            }
            (Place::Stray, b'\n') => {
                rows.push(self.start..at);
                self.place = Place::Outside;
            }
            (Place::Stray, _) => {}
            (Place::Among(_), b' ' | b'\t' | b'\r' | b'\n' | b',') => {}
            (Place::Among(wrapped), b']') => {
                self.place = if wrapped { Place::Rest } else { Place::Outside };
                self.depth = 1;
            }
            (Place::Among(wrapped), _) => {
                self.place = Place::Item(wrapped);
                self.start = at;
                self.in_string = byte == b'"';
                self.depth = usize::from(matches!(byte, b'{' | b'['));
            }
            (_, b'"') => {
                self.in_string = true;
                self.last_string = at..at;
            }
            (Place::Object, b':') if self.depth == 1 => {
                self.is_key = self
                    .rows_key
                    .is_some_and(|key| is_string(&buffer[self.last_string.clone()], key));
            }
            (Place::Object, b'[') if self.depth == 1 && self.is_key => {
                self.place = Place::Among(true);
            }
            (Place::Object | Place::Item(_) | Place::Rest, b'{' | b'[') => self.depth += 1,
            (Place::Object | Place::Rest, b'}' | b']') => {
                self.depth -= 1;
                if self.depth == 0 {
                    if self.place == Place::Object {
                        rows.push(self.start..at + 1);
                    }
                    self.place = Place::Outside;
                }
            }
            (Place::Item(wrapped), b'}' | b']') => {
                if self.depth == 0 {
                    // A bare item, ended by the array's own bracket.
                    self.end_item(at, rows);
                    self.place = if wrapped { Place::Rest } else { Place::Outside };
                    self.depth = 1;
                } else {
                    self.depth -= 1;
                    if self.depth == 0 {
                        self.end_item(at + 1, rows);
                    }
                }
            }
            (Place::Item(_), b',' | b'\n') if self.depth == 0 => self.end_item(at, rows),
            (Place::Object, b',') if self.depth == 1 => self.is_key = false,
            _ => {}
        }
    }

    fn end_item(&mut self, end: usize, rows: &mut Vec<Range<usize>>) {
        rows.push(self.start..end);
        if let Place::Item(wrapped) = self.place {
            self.place = Place::Among(wrapped);
        }
    }

    /// Shifts all positions after the first `cut` bytes of the buffer have been taken.
    fn shift(&mut self, cut: usize) {
        self.scanned -= cut;
        self.start = self.start.saturating_sub(cut);
        self.last_string =
            self.last_string.start.saturating_sub(cut)..self.last_string.end.saturating_sub(cut);
    }
}

impl Cutter for DocumentCutter {
    fn cut(&mut self, buffer: &[u8], at_end: bool) -> Cut {
        let mut rows = Vec::new();
        self.scan(buffer, &mut rows);
        if at_end {
            let unfinished = match self.place {
                Place::Outside => None,
                Place::Object | Place::Item(_) | Place::Stray => {
                    rows.push(self.start..buffer.len());
                    None
                }
                Place::Among(_) => Some("the file ends inside an array of rows"),
                Place::Rest => Some("the file ends inside the object around the rows"),
            };
            return Cut::Rows {
                end: buffer.len(),
                rows: Some(rows),
                bad: unfinished
                    .map(|reason| (buffer.len(), format!("{reason}; it is probably cut off"))),
            };
        }
        let end = match self.place {
            Place::Object | Place::Item(_) | Place::Stray => self.start,
            _ => self.scanned,
        };
        if end == 0 {
            return Cut::More;
        }
        self.shift(end);
        Cut::Rows {
            end,
            rows: Some(rows),
            bad: None,
        }
    }

    /// Where a row that is thrown away ends, only its brackets say.
    fn resumes_at_line_ends(&self) -> bool {
        false
    }
}

/// Whether `literal`, with its quotes, is the string `text`.
fn is_string(literal: &[u8], text: &str) -> bool {
    literal.len() == text.len() + 2 && literal.get(1..=text.len()) == Some(text.as_bytes())
}

/// Whether the lines of a file that begins with `start` are its rows. They are not if it begins
/// with an array, with an object that wraps rows, or with one printed over several lines.
pub(crate) fn rows_are_lines(start: &[u8], rows_key: Option<&str>) -> bool {
    let trimmed = start.trim_ascii_start();
    let (line, rest) = match memchr::memchr(b'\n', trimmed) {
        Some(end) => (&trimmed[..end], &trimmed[end..]),
        None => (trimmed, &trimmed[..0]),
    };
    if line.first() == Some(&b'[') || line.trim_ascii() == b"{" {
        return false;
    }
    let Some(rows_key) = rows_key else {
        return true;
    };
    let line = String::from_utf8_lossy(line);
    match wraps_rows(&line, rows_key) {
        Ok(wraps) => !wraps,
        // Broken, or the first line of several, or cut off at the end of `start`.
        Err(_) => {
            rest.trim_ascii_start().first() == Some(&b'{')
                && !line.contains(&format!("\"{rows_key}\""))
        }
    }
}

/// Whether the object in `line` has the key `rows_key`.
fn wraps_rows(line: &str, rows_key: &str) -> Result<bool, String> {
    let mut scanner = Scanner::new(line, 128);
    if scanner.next_kind()? != Next::Object {
        return Ok(false);
    }
    scanner.open_object();
    let mut wraps = false;
    let mut first = true;
    while let Some(key) = scanner.key(first)? {
        first = false;
        wraps |= key.text == rows_key;
        scanner.skip(1)?;
    }
    Ok(wraps)
}
