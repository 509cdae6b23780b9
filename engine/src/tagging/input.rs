//! Where rows come from, and how they are laid out.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, IsTerminal, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use serde_json::Value as Json;
use table::Watch;
use table::read::{Content, Format, LocalFile, ReadOptions, peek_schema};
use table::source::{self, FetchOptions, Secret, Source};

use super::lines;
use super::output::{Output, OutputForm};
use super::tables;
use super::{Account, Reading, TagError, Tagger};
use crate::steps::StepError;

/// What messages call the standard input.
const STDIN: &str = "standard input";
/// How long is waited for content before it is asked whether to stop.
const PATIENCE: Duration = Duration::from_millis(50);

/// Where rows come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The standard input.
    Stdin,
    /// What `load` takes as its source: files, or an address.
    Source(Source),
}

/// How content is laid out that may be JSON lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// An object a line.
    Lines,
    /// Something else, of this format if that is known.
    Other(Option<Format>),
}

impl Input {
    /// Tags the rows that come from it.
    ///
    /// # Errors
    /// [`TagError`].
    pub fn tag(
        &self,
        tagger: &Tagger,
        reading: &Reading,
        output: &mut Output,
        cancelled: &AtomicBool,
    ) -> Result<Account, TagError> {
        // Everything that is copied or fetched is gone at the end, however that comes.
        let folder = tempfile::Builder::new()
            .prefix("engine-predict-")
            .tempdir()
            .map_err(|error| StepError::io("making a folder in", &std::env::temp_dir(), &error))?;
        let work = Work {
            tagger,
            reading,
            output,
            cancelled,
            folder: folder.path(),
        };
        match self {
            Input::Stdin => work.stdin(),
            Input::Source(source) => work.source(source),
        }
    }
}

struct Work<'a> {
    tagger: &'a Tagger,
    reading: &'a Reading,
    output: &'a mut Output,
    cancelled: &'a AtomicBool,
    folder: &'a Path,
}

impl Work<'_> {
    fn stdin(self) -> Result<Account, TagError> {
        if std::io::stdin().is_terminal() {
            tracing::warn!(
                "reading rows from the terminal, a JSON object a line; Ctrl-D ends them"
            );
        }
        let format = self.reading.format.unwrap_or(Format::Jsonl);
        let may_be_lines = format == Format::Jsonl && self.output.form() == OutputForm::Lines;
        let (reader, layout) = match may_be_lines {
            true => self.waiting(|| look(Content::of(STDIN, std::io::stdin())?, STDIN))?,
            false => (boxed(std::io::stdin()), Layout::Other(None)),
        };
        match layout {
            Layout::Lines => self.lines(vec![lines::Content {
                name: STDIN.to_owned(),
                open: Box::new(move || Ok(reader)),
            }]),
            Layout::Other(known) => {
                let path = self.folder.join("stdin");
                let mut reader = reader;
                let to = path.clone();
                self.waiting(move || {
                    let mut copy = |to: &Path| std::io::copy(&mut reader, &mut File::create(to)?);
                    copy(&to).map_err(|error| StepError::new(format!("reading {STDIN}: {error}")))
                })?;
                let file = LocalFile {
                    path,
                    name: STDIN.to_owned(),
                };
                self.tables(&[file], known.unwrap_or(format), known.is_none())
            }
        }
    }

    fn source(self, source: &Source) -> Result<Account, TagError> {
        let mut options = FetchOptions::from_env(".");
        let token = std::env::var("GITHUB_TOKEN").ok();
        options.github_token = token.filter(|token| !token.is_empty()).map(Secret::new);
        let watch = Watch {
            note: &|why| tracing::warn!("{source}: {why}"),
            cancelled: &|| self.cancelled.load(Ordering::Relaxed),
            ..Watch::nobody()
        };
        let files = source::fetch(source, &options, self.folder, &watch)
            .map_err(StepError::from)?
            .files;
        let named = match source {
            Source::Github(_) => Some(Format::GithubIssues),
            Source::Http { url } => url.split(['?', '#']).next().and_then(Format::from_name),
            Source::Local { .. } | Source::Hub(_) => {
                files.first().and_then(|file| Format::from_name(&file.name))
            }
        };
        let format = self.reading.format.or(named).ok_or_else(|| {
            StepError::new(format!("the name of {source} tells no format"))
                .help("say --format jsonl, csv, tsv, parquet, text, github-issues or jira-issues")
        })?;
        let mut known = None;
        if format == Format::Jsonl {
            let mut all_lines = self.output.form() == OutputForm::Lines;
            for file in &files {
                let (_, layout) = look(content(file)?, &file.name)?;
                if let Layout::Other(found) = layout {
                    known = known.or(found);
                    all_lines = false;
                }
            }
            if all_lines {
                let contents = files.into_iter().map(|file| lines::Content {
                    name: file.name.clone(),
                    open: Box::new(move || Ok(boxed(content(&file)?))),
                });
                return self.lines(contents.collect());
            }
        }
        let detects = known.is_none() && !matches!(source, Source::Github(_));
        self.tables(&files, known.unwrap_or(format), detects)
    }

    fn lines(self, contents: Vec<lines::Content>) -> Result<Account, TagError> {
        lines::tag(
            contents,
            self.tagger,
            self.reading,
            self.output,
            self.cancelled,
        )
    }

    /// Tags rows of tables. Where nobody said how files are laid out, their columns may tell an issue tracker's.
    fn tables(
        self,
        files: &[LocalFile],
        format: Format,
        detects: bool,
    ) -> Result<Account, TagError> {
        let format = match detects && self.reading.format.is_none() {
            true => detected(files, format),
            false => format,
        };
        tables::tag(
            files,
            format,
            self.folder,
            self.tagger,
            self.reading,
            self.output,
            self.cancelled,
        )
    }

    /// Does what may wait for ever in a thread, which ends with the process.
    fn waiting<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, StepError> + Send + 'static,
    ) -> Result<T, StepError> {
        let (send, done) = sync_channel(1);
        std::thread::Builder::new()
            .name("wait".to_owned())
            .spawn(move || send.send(work()).ok())
            .map_err(|error| StepError::new(format!("starting a thread to read: {error}")))?;
        loop {
            match done.recv_timeout(PATIENCE) {
                Ok(done) => return done,
                Err(RecvTimeoutError::Timeout) if !self.cancelled.load(Ordering::Relaxed) => {}
                Err(RecvTimeoutError::Timeout) => return Err(StepError::Cancelled),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(StepError::new("a thread that reads rows ended early"));
                }
            }
        }
    }
}

fn boxed(reader: impl Read + Send + 'static) -> Box<dyn BufRead + Send> {
    Box::new(BufReader::with_capacity(64 << 10, reader))
}

fn content(file: &LocalFile) -> Result<Content, StepError> {
    Ok(Content::open(&file.path)?)
}

/// How JSON is laid out, by its first row, and the content with nothing taken away.
fn look(content: Content, name: &str) -> Result<(Box<dyn BufRead + Send>, Layout), StepError> {
    let mut reader = boxed(content);
    let mut start = Vec::new();
    let layout = layout(&mut reader, &mut start)
        .map_err(|error| StepError::new(format!("reading {name}: {error}")))?;
    Ok((Box::new(Cursor::new(start).chain(reader)), layout))
}

/// How JSON is laid out; what was read to find out is in `start`.
fn layout(reader: &mut dyn BufRead, start: &mut Vec<u8>) -> std::io::Result<Layout> {
    loop {
        let buffer = reader.fill_buf()?;
        let Some(&first) = buffer.first() else {
            return Ok(Layout::Lines);
        };
        match first {
            b'[' => return Ok(Layout::Other(None)),
            // Blanks, and the byte order mark.
            b' ' | b'\t' | b'\r' | b'\n' | 0xef | 0xbb | 0xbf => {
                start.push(first);
                reader.consume(1);
            }
            _ => break,
        }
    }
    let from = start.len();
    reader.read_until(b'\n', start)?;
    let line = start[from..].trim_ascii_end();
    Ok(match serde_json::from_slice::<Json>(line) {
        Ok(row) => row_layout(&row),
        // An object over several lines. What ends otherwise is a line that is damaged, and the error about it has its place.
        Err(_) if matches!(line.last(), Some(b'{' | b'[' | b',')) => Layout::Other(None),
        Err(_) => Layout::Lines,
    })
}

/// A row, or an answer of a tracker's search with all its rows.
fn row_layout(row: &Json) -> Layout {
    let has_text = ["text", "title", "body"]
        .iter()
        .any(|name| row.get(name).is_some());
    let is_jira = row.get("key").is_some() && row["fields"].get("summary").is_some();
    match (is_jira, has_text, row.get("issues"), row.get("items")) {
        (true, ..) | (_, false, Some(Json::Array(_)), _) => Layout::Other(Some(Format::JiraIssues)),
        (_, false, _, Some(Json::Array(_))) => Layout::Other(Some(Format::GithubIssues)),
        _ => Layout::Lines,
    }
}

/// The layout of an issue tracker, where the columns tell one; else the format as the names tell it.
fn detected(files: &[LocalFile], format: Format) -> Format {
    let Ok(schema) = peek_schema(files, &ReadOptions::new(format)) else {
        return format;
    };
    let has = |names: &[&str]| {
        let known = |name: &&str| schema.column_with_name(name).is_some();
        names.iter().all(known)
    };
    let has_text = ["text", "title", "body"].iter().any(|name| has(&[name]));
    match format {
        Format::Jsonl if has(&["title", "body", "user"]) => Format::GithubIssues,
        Format::Jsonl if has(&["key", "fields"]) => Format::JiraIssues,
        Format::Jsonl if !has_text && has(&["issues"]) => Format::JiraIssues,
        Format::Jsonl if !has_text && has(&["items"]) => Format::GithubIssues,
        Format::Csv | Format::Tsv if has(&["Issue key", "Summary"]) => Format::JiraIssues,
        _ => format,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout_of(content: &str) -> Layout {
        let mut start = Vec::new();
        let mut reader = Cursor::new(content.as_bytes().to_vec());
        let found = layout(&mut reader, &mut start).unwrap();
        let mut rest = String::new();
        reader.read_to_string(&mut rest).unwrap();
        assert_eq!(String::from_utf8(start).unwrap() + &rest, content);
        found
    }

    #[test]
    fn the_first_row_tells_how_json_is_laid_out() {
        let jira = Layout::Other(Some(Format::JiraIssues));
        let github = Layout::Other(Some(Format::GithubIssues));
        assert_eq!(layout_of("\n {\"text\": \"a\"}\n{"), Layout::Lines);
        assert_eq!(layout_of(""), Layout::Lines);
        assert_eq!(layout_of("[{\"text\": \"a\"}]"), Layout::Other(None));
        assert_eq!(layout_of("{\n  \"text\": \"a\"\n}"), Layout::Other(None));
        assert_eq!(layout_of("{\"text\": \"cut off"), Layout::Lines);
        assert_eq!(
            layout_of("{\"key\": \"A-1\", \"fields\": {\"summary\": \"a\"}}"),
            jira
        );
        assert_eq!(layout_of("{\"issues\": []}"), jira);
        assert_eq!(layout_of("{\"items\": []}"), github);
        assert_eq!(layout_of("{\"text\": \"a\", \"items\": []}"), Layout::Lines);
    }
}
