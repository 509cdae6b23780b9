//! A file's content as a stream of bytes, decompressed where its first bytes say so.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

use crate::error::{Result, TableError};

const FILE_BUFFER: usize = 256 << 10;

/// The content of a file.
pub(crate) struct ByteStream {
    path: PathBuf,
    reader: Box<dyn Read + Send>,
    compression: Option<&'static str>,
    given: u64,
}

/// The content of a file or of a stream, such as the standard input, decompressed where its first bytes say so.
pub struct Content(ByteStream);

impl Content {
    /// Opens a file.
    ///
    /// # Errors
    /// Where the file cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        ByteStream::open(path, Arc::default()).map(Self)
    }

    /// The content of a stream that messages call `name`. Its first four bytes are waited for.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn of(name: &str, stream: impl Read + Send + 'static) -> Result<Self> {
        ByteStream::over(Path::new(name), stream, Arc::default()).map(Self)
    }
}

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.0.reader.read(buffer) {
            Ok(read) => {
                self.0.given += read as u64;
                Ok(read)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Err(error),
            Err(error) => Err(std::io::Error::other(self.0.unreadable(error))),
        }
    }
}

/// A stream whose bytes are counted as they are read, for progress.
struct Counted<R> {
    stream: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.stream.read(buffer)?;
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl ByteStream {
    /// Opens a file; what is read of it on disk is added to `count`.
    ///
    /// # Errors
    /// Where the file cannot be opened.
    pub(crate) fn open(path: &Path, count: Arc<AtomicU64>) -> Result<Self> {
        let file = File::open(path).map_err(TableError::io("open", path))?;
        if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
            return Err(TableError::File {
                path: path.to_owned(),
                reason: "it is a folder; name files, as in `folder/*.jsonl`".into(),
            });
        }
        Self::over(path, file, count)
    }

    /// The bytes of a stream that is called `path`.
    fn over(
        path: &Path,
        stream: impl Read + Send + 'static,
        count: Arc<AtomicU64>,
    ) -> Result<Self> {
        let mut stream = Counted { stream, count };
        let mut magic = Vec::with_capacity(4);
        (&mut stream)
            .take(4)
            .read_to_end(&mut magic)
            .map_err(TableError::io("read", path))?;
        let raw = std::io::Cursor::new(magic.clone()).chain(stream);
        let (reader, compression): (Box<dyn Read + Send>, _) = match magic.as_slice() {
            [0x1f, 0x8b, ..] => {
                let buffered = BufReader::with_capacity(FILE_BUFFER, raw);
                (Box::new(MultiGzDecoder::new(buffered)), Some("gzip"))
            }
            [0x28, 0xb5, 0x2f, 0xfd] => {
                let decoder = zstd::stream::read::Decoder::new(raw)
                    .map_err(TableError::io("decompress", path))?;
                (Box::new(decoder), Some("zstd"))
            }
            _ => (Box::new(raw), None),
        };
        Ok(Self {
            path: path.to_owned(),
            reader,
            compression,
            given: 0,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads until `buffer` holds `wanted` bytes or the content ends; says whether it did.
    ///
    /// # Errors
    /// Where the file cannot be read or its compressed data is damaged or cut off.
    pub(crate) fn fill(&mut self, buffer: &mut Vec<u8>, wanted: usize) -> Result<bool> {
        let mut length = buffer.len();
        if length >= wanted {
            return Ok(false);
        }
        buffer.resize(wanted, 0);
        let mut at_end = false;
        while length < wanted {
            match self.reader.read(&mut buffer[length..]) {
                Ok(0) => {
                    at_end = true;
                    break;
                }
                Ok(read) => {
                    length += read;
                    self.given += read as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.unreadable(error)),
            }
        }
        buffer.truncate(length);
        Ok(at_end)
    }

    fn unreadable(&self, error: std::io::Error) -> TableError {
        let Some(compression) = self.compression else {
            return TableError::io("read", &self.path)(error);
        };
        let what = match error.kind() {
            ErrorKind::UnexpectedEof => "ends early: the file is cut off".to_owned(),
            _ => format!("is damaged ({error})"),
        };
        TableError::File {
            path: self.path.clone(),
            reason: format!(
                "its {compression} data {what}, after {} decompressed bytes; fetch or make it anew",
                self.given
            ),
        }
    }
}

/// Takes the byte order mark off the start of a content, and refuses content that cannot be text.
pub(crate) fn check_start(path: &Path, start: &mut Vec<u8>) -> Result<()> {
    let reason = match start.as_slice() {
        [0xef, 0xbb, 0xbf, ..] => {
            start.drain(..3);
            return Ok(());
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            "it is UTF-16; convert it first: `iconv -f UTF-16 -t UTF-8 FILE`"
        }
        [b'P', b'A', b'R', b'1', ..] => "it is a Parquet file; say `format = \"parquet\"`",
        [b'P', b'K', 3, 4, ..] => "it is a zip archive; unpack it first",
        [0xfd, b'7', b'z', b'X', b'Z', ..] => "it is compressed with xz; unpack it with `unxz`",
        [b'B', b'Z', b'h', ..] => "it is compressed with bzip2; unpack it with `bunzip2`",
        _ => return Ok(()),
    };
    Err(TableError::File {
        path: path.to_owned(),
        reason: reason.to_owned(),
    })
}
