//! Cutting a stream of bytes into chunks of whole rows.

use std::ops::Range;
use std::path::Path;

use memchr::{memchr, memrchr};

use super::bytes::ByteStream;
use crate::error::{Result, TableError};

/// What a cutter makes of the bytes at hand.
pub(crate) enum Cut {
    /// The first `end` bytes are whole rows.
    Rows {
        end: usize,
        /// Where the rows lie; `None` means one a line.
        rows: Option<Vec<Range<usize>>>,
        /// A row that cannot even be cut out: where it begins, and why.
        bad: Option<(usize, String)>,
    },
    /// No row ends here yet.
    More,
}

/// Finds the ends of rows in a buffer that grows at its end and is taken from its front.
pub(crate) trait Cutter: Send {
    /// Says how much of the buffer is whole rows; `at_end` says that nothing follows it, and
    /// then all of it is taken.
    fn cut(&mut self, buffer: &[u8], at_end: bool) -> Cut;

    /// Whether a row that is thrown away as too long may be taken to end with its line.
    fn resumes_at_line_ends(&self) -> bool;
}

/// Rows that are lines.
pub(crate) struct LineCutter;

impl Cutter for LineCutter {
    fn cut(&mut self, buffer: &[u8], at_end: bool) -> Cut {
        let end = if at_end {
            Some(buffer.len())
        } else {
            memrchr(b'\n', buffer).map(|newline| newline + 1)
        };
        match end {
            Some(end) => Cut::Rows {
                end,
                rows: None,
                bad: None,
            },
            None => Cut::More,
        }
    }

    fn resumes_at_line_ends(&self) -> bool {
        true
    }
}

/// Bytes of whole rows.
pub(crate) struct Chunk {
    pub(crate) bytes: Vec<u8>,
    /// Where the rows lie; `None` means one a line.
    pub(crate) rows: Option<Vec<Range<usize>>>,
    /// A row that could not even be cut out: where it begins, and why.
    pub(crate) bad: Option<(usize, String)>,
    /// Line ends in the file before the chunk.
    pub(crate) lines_before: u64,
}

/// Cuts a file into chunks.
pub(crate) struct Chunks {
    stream: ByteStream,
    cutter: Box<dyn Cutter>,
    rest: Vec<u8>,
    chunk_bytes: usize,
    max_row_bytes: usize,
    at_end: bool,
    lines: u64,
}

impl Chunks {
    /// Chunks of the stream, which has been read up to `start`, of about `chunk_bytes` each.
    pub(crate) fn new(
        stream: ByteStream,
        start: Vec<u8>,
        cutter: Box<dyn Cutter>,
        chunk_bytes: usize,
        max_row_bytes: usize,
    ) -> Self {
        Self {
            stream,
            cutter,
            rest: start,
            chunk_bytes,
            max_row_bytes,
            at_end: false,
            lines: 0,
        }
    }

    /// Counts lines that were taken off before, such as a header's.
    pub(crate) fn skip_lines(&mut self, lines: u64) {
        self.lines += lines;
    }

    pub(crate) fn path(&self) -> &Path {
        self.stream.path()
    }

    /// The next chunk, in the memory of `buffer`; `None` at the end of the file.
    pub(crate) fn next(&mut self, mut buffer: Vec<u8>) -> Result<Option<Chunk>> {
        if self.at_end {
            return Ok(None);
        }
        buffer.clear();
        buffer.append(&mut self.rest);
        let mut wanted = self.chunk_bytes;
        loop {
            let stream_ended = self.stream.fill(&mut buffer, wanted)?;
            match self.cutter.cut(&buffer, stream_ended) {
                Cut::Rows { end, rows, bad } => {
                    self.rest.extend_from_slice(&buffer[end..]);
                    self.at_end = stream_ended && self.rest.is_empty();
                    buffer.truncate(end);
                    let lines_before = self.lines;
                    self.lines += count_lines(&buffer);
                    return Ok(Some(Chunk {
                        bytes: buffer,
                        rows,
                        bad,
                        lines_before,
                    }));
                }
                Cut::More if buffer.len() > self.max_row_bytes => {
                    return self.pass_long_row(buffer).map(Some);
                }
                Cut::More => wanted = (buffer.len() + self.chunk_bytes).max(wanted),
            }
        }
    }

    /// Throws away a row that is too long, up to the line end after it.
    fn pass_long_row(&mut self, mut buffer: Vec<u8>) -> Result<Chunk> {
        let reason = format!(
            "the row is longer than {} bytes; if that is right, raise `max_row_bytes`",
            self.max_row_bytes
        );
        if !self.cutter.resumes_at_line_ends() {
            return Err(TableError::File {
                path: self.path().to_owned(),
                reason,
            });
        }
        let lines_before = self.lines;
        loop {
            buffer.clear();
            self.at_end = self.stream.fill(&mut buffer, self.chunk_bytes)?;
            if let Some(newline) = memchr(b'\n', &buffer) {
                self.lines += 1;
                self.rest.extend_from_slice(&buffer[newline + 1..]);
                self.at_end &= self.rest.is_empty();
                break;
            }
            if self.at_end {
                break;
            }
        }
        buffer.clear();
        Ok(Chunk {
            bytes: buffer,
            rows: None,
            bad: Some((0, reason)),
            lines_before,
        })
    }
}

pub(crate) fn count_lines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}
