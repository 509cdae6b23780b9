//! The ends of rows in a stream, some of which may span lines.

use memchr::{memchr, memrchr};

use super::fields::row_end;
use crate::read::cut::{Cut, Cutter};

/// Finds the ends of rows, some of which may span lines.
pub(crate) struct CsvCutter {
    pub(crate) delimiter: u8,
    pub(crate) max_row_bytes: usize,
}

impl Cutter for CsvCutter {
    fn cut(&mut self, buffer: &[u8], at_end: bool) -> Cut {
        let mut end = 0;
        if memchr(b'"', buffer).is_none() {
            end = if at_end {
                buffer.len()
            } else {
                memrchr(b'\n', buffer).map_or(0, |newline| newline + 1)
            };
        } else {
            while end < buffer.len() {
                match row_end(buffer, end, self.delimiter) {
                    // Without a line end behind it a row may go on in what is yet to come.
                    Some(next) if at_end || buffer[next - 1] == b'\n' => end = next,
                    _ => break,
                }
            }
        }
        let unclosed = end < buffer.len() && end == 0;
        if unclosed && (at_end || buffer.len() > self.max_row_bytes) {
            let reason = if at_end {
                "a quote is opened here and never closed".to_owned()
            } else {
                format!(
                    "the row is longer than {} bytes: is a quote opened here that is not closed? if it is right, raise `max_row_bytes`",
                    self.max_row_bytes
                )
            };
            let end = match memchr(b'\n', buffer) {
                Some(newline) => newline + 1,
                None if at_end => buffer.len(),
                None => return Cut::More,
            };
            return Cut::Rows {
                end,
                rows: Some(Vec::new()),
                bad: Some((0, reason)),
            };
        }
        if end == 0 && !at_end {
            return Cut::More;
        }
        Cut::Rows {
            end,
            rows: None,
            bad: None,
        }
    }

    fn resumes_at_line_ends(&self) -> bool {
        true
    }
}
