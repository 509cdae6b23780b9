//! Chunks of rows to batches of columns.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::SchemaRef;

use super::columns::{Builder, Column};
use super::csv::{self, Header, Mapping};
use super::cut::{Chunk, count_lines};
use super::json::fill::Filler;
use super::json::learn::Learner;
use super::json::walk::{Refusal, Walker};
use super::options::ReadOptions;
use super::plan::Plan;
use super::report::LoadReport;
use crate::batch::record_batch;
use crate::error::{Result, TableError};

/// How a file's rows are written.
#[derive(Clone)]
pub(crate) enum Layout {
    Json,
    Csv(Arc<Header>),
    Text,
}

/// What is wanted of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Their values.
    Fill,
    /// Their columns and types.
    Learn,
}

/// What came of a chunk.
#[derive(Default)]
pub(crate) struct Parsed {
    pub(crate) batch: Option<RecordBatch>,
    pub(crate) learned: Vec<Column>,
    pub(crate) rows: u64,
    pub(crate) blank_lines: u64,
    pub(crate) bad_rows: u64,
    /// The first bad rows: their lines, from 1, and reasons.
    pub(crate) first_bad: Vec<(u64, String)>,
    /// Whether a good row did not fit the types inferred so far.
    pub(crate) misfit: bool,
}

impl Parsed {
    fn bad(&mut self, lines_before: u64, reason: String) {
        self.bad_rows += 1;
        if self.first_bad.len() < LoadReport::KEPT {
            self.first_bad.push((lines_before + 1, reason));
        }
    }
}

/// Parses chunks; one a thread.
pub(crate) struct Parser<'a> {
    plan: &'a Plan,
    options: &'a ReadOptions,
    schema: SchemaRef,
    walker: Walker,
}

impl<'a> Parser<'a> {
    pub(crate) fn new(plan: &'a Plan, options: &'a ReadOptions, schema: SchemaRef) -> Self {
        Self {
            plan,
            options,
            schema,
            walker: Walker::new(plan.tree.clone(), options.depth()),
        }
    }

    /// Parses a chunk of the file called `name`.
    pub(crate) fn parse(
        &mut self,
        chunk: &Chunk,
        layout: &Layout,
        name: &str,
        task: Task,
    ) -> Result<Parsed> {
        let mut parsed = match (layout, task) {
            (Layout::Json, Task::Fill) => self.fill_json(chunk, name)?,
            (Layout::Json, Task::Learn) => self.learn_json(chunk),
            (Layout::Csv(header), _) => self.csv(chunk, header, name, task)?,
            (Layout::Text, _) => self.text(chunk, name)?,
        };
        if let Some((at, reason)) = &chunk.bad {
            let line = chunk.lines_before + count_lines(&chunk.bytes[..*at]);
            parsed.bad(line, reason.clone());
        }
        Ok(parsed)
    }

    fn fill_json(&mut self, chunk: &Chunk, name: &str) -> Result<Parsed> {
        let mut parsed = Parsed::default();
        let mut filler = Filler::new(&self.plan.columns);
        let mut rows = 0;
        for_each_row(
            chunk,
            self.options.row_bytes(),
            &mut parsed,
            |text, _| match self.walker.row(text, &mut filler) {
                Ok(()) => {
                    filler.keep_row(rows);
                    rows += 1;
                    Ok(())
                }
                Err(refusal) => {
                    filler.drop_row(rows);
                    Err(match refusal {
                        Refusal::Bad(reason) => Refusal::Bad(reason),
                        Refusal::Misfit => self.explain(text),
                    })
                }
            },
        );
        parsed.batch = self.batch(filler.builders, rows, name)?;
        parsed.rows = rows as u64;
        Ok(parsed)
    }

    /// Whether a row that does not fit is good at all.
    fn explain(&self, text: &str) -> Refusal {
        let mut learner = Learner::new(self.plan.columns.clone(), self.plan.types.clone());
        let mut walker = Walker::new(self.plan.tree.clone(), self.options.depth());
        match walker.row(text, &mut learner) {
            Err(bad) => bad,
            Ok(()) if self.plan.settled => Refusal::Bad(
                "the row fits no type found before: did the file change while it was read?".into(),
            ),
            Ok(()) => Refusal::Misfit,
        }
    }

    fn learn_json(&self, chunk: &Chunk) -> Parsed {
        let mut parsed = Parsed::default();
        let mut learner = Learner::new(self.plan.columns.clone(), self.plan.types.clone());
        let mut walker = Walker::new(self.plan.tree.clone(), self.options.depth());
        let mut rows = 0;
        for_each_row(chunk, self.options.row_bytes(), &mut parsed, |text, _| {
            let walked = walker.row(text, &mut learner);
            if walked.is_ok() {
                learner.keep_row();
                rows += 1;
            } else {
                learner.drop_row();
            }
            walked
        });
        parsed.learned = learner.finish();
        parsed.rows = rows;
        parsed
    }

    fn csv(&mut self, chunk: &Chunk, header: &Header, name: &str, task: Task) -> Result<Parsed> {
        let mut parsed = Parsed::default();
        let plan = self.plan;
        let (mut columns, mut sources) = (plan.columns.clone(), plan.sources.clone());
        if plan.is_open(self.options) {
            let (found, origins) = csv::open_columns(
                header,
                &plan.types,
                &self.options.lists,
                self.options.all_text,
            );
            for (column, source) in found.into_iter().zip(origins) {
                if !columns.iter().any(|known| known.name == column.name) {
                    if task == Task::Fill {
                        parsed.misfit = true;
                        return Ok(parsed);
                    }
                    columns.push(column);
                    sources.push(source);
                }
            }
        }
        let mapping =
            Mapping::new(header, &columns, &sources).map_err(|reason| TableError::File {
                path: PathBuf::from(name),
                reason,
            })?;
        let mut builders: Vec<Builder> = match task {
            Task::Fill => columns.iter().map(|c| Builder::new(c.kind)).collect(),
            Task::Learn => Vec::new(),
        };
        let mut rows = 0;
        let mut fields = Vec::new();
        let bytes = chunk.bytes.as_slice();
        let whole = simdutf8::basic::from_utf8(bytes).ok();
        let (mut at, mut line) = (0, chunk.lines_before);
        while at < bytes.len() && chunk.rows.is_none() {
            // The cutter saw this row's end, or the chunk ends with it.
            let next = csv::row(bytes, at, header.delimiter, &mut fields).unwrap_or(bytes.len());
            let row = at..next;
            let row_line = line;
            line += count_lines(&bytes[row.clone()]);
            at = next;
            if csv::is_blank(&fields) {
                parsed.blank_lines += 1;
                continue;
            }
            let text = match whole {
                Some(text) => text,
                None => match std::str::from_utf8(&bytes[row.clone()]) {
                    Ok(text) => {
                        // The fields' positions are to count from the row's start.
                        csv::row(text.as_bytes(), 0, header.delimiter, &mut fields);
                        text
                    }
                    Err(error) => {
                        parsed.bad(row_line, not_utf8(&error));
                        continue;
                    }
                },
            };
            let taken = csv::check_row(&fields, header)
                .and_then(|()| {
                    if row.len() > self.options.row_bytes() {
                        Err(too_long(self.options.row_bytes()))
                    } else {
                        Ok(())
                    }
                })
                .map_err(Refusal::Bad)
                .and_then(|()| match task {
                    Task::Learn => {
                        csv::learn(text, &fields, &mapping, &mut columns);
                        Ok(())
                    }
                    Task::Fill => {
                        csv::fill(text, &fields, &mapping, &columns, &sources, &mut builders)
                    }
                });
            match taken {
                Ok(()) => {
                    for builder in &mut builders {
                        builder.end_row(rows);
                    }
                    rows += 1;
                }
                Err(refusal) => {
                    for builder in &mut builders {
                        builder.truncate(rows);
                    }
                    match refusal {
                        Refusal::Bad(reason) => parsed.bad(row_line, reason),
                        Refusal::Misfit if plan.settled => parsed.bad(
                            row_line,
                            "the row fits no type found before: did the file change while it was read?".into(),
                        ),
                        Refusal::Misfit => {
                            parsed.misfit = true;
                            break;
                        }
                    }
                }
            }
        }
        parsed.rows = rows as u64;
        match task {
            Task::Learn => parsed.learned = columns,
            Task::Fill => parsed.batch = self.batch(builders, rows, name)?,
        }
        Ok(parsed)
    }

    fn text(&self, chunk: &Chunk, name: &str) -> Result<Parsed> {
        let mut parsed = Parsed::default();
        let mut builders: Vec<Builder> = self
            .plan
            .columns
            .iter()
            .map(|column| Builder::new(column.kind))
            .collect();
        let mut rows = 0;
        for_each_row(
            chunk,
            self.options.row_bytes(),
            &mut parsed,
            |text, line| {
                if let [Builder::Text(texts), Builder::Int(lines)] = builders.as_mut_slice() {
                    texts.push(text);
                    lines.push(Some(line as i64 + 1));
                }
                rows += 1;
                Ok(())
            },
        );
        parsed.rows = rows as u64;
        parsed.batch = self.batch(builders, rows, name)?;
        Ok(parsed)
    }

    fn batch(
        &self,
        builders: Vec<Builder>,
        rows: usize,
        name: &str,
    ) -> Result<Option<RecordBatch>> {
        if rows == 0 {
            return Ok(None);
        }
        let mut arrays = builders
            .into_iter()
            .map(Builder::finish)
            .collect::<Result<Vec<ArrayRef>>>()?;
        if self.options.file_column.is_some() {
            arrays.push(Arc::new(StringArray::from_iter_values(
                std::iter::repeat_n(name, rows),
            )));
        }
        record_batch(&self.schema, arrays, rows).map(Some)
    }
}

/// Calls `take` with the text of each row that is not blank and the number of lines before it,
/// until a row is a misfit.
fn for_each_row<'a>(
    chunk: &'a Chunk,
    max_row_bytes: usize,
    parsed: &mut Parsed,
    mut take: impl FnMut(&'a str, u64) -> Result<(), Refusal>,
) {
    let bytes = chunk.bytes.as_slice();
    // One look at the whole chunk is far cheaper than one at each row.
    let whole = simdutf8::basic::from_utf8(bytes).ok();
    let mut line = chunk.lines_before;
    let mut visit = |range: std::ops::Range<usize>, line: u64| {
        let row = &bytes[range.clone()];
        if row.trim_ascii().is_empty() {
            parsed.blank_lines += 1;
            return true;
        }
        if row.len() > max_row_bytes {
            parsed.bad(line, too_long(max_row_bytes));
            return true;
        }
        let text = match whole {
            Some(whole) => whole.get(range).ok_or_else(String::new),
            None => std::str::from_utf8(row).map_err(|error| not_utf8(&error)),
        };
        match text.map_err(Refusal::Bad).and_then(|text| take(text, line)) {
            Ok(()) => true,
            Err(Refusal::Bad(reason)) => {
                parsed.bad(line, reason);
                true
            }
            Err(Refusal::Misfit) => {
                parsed.misfit = true;
                false
            }
        }
    };
    if let Some(rows) = &chunk.rows {
        let mut counted = 0;
        for row in rows {
            line += count_lines(&bytes[counted..row.start]);
            counted = row.start;
            if !visit(row.clone(), line) {
                return;
            }
        }
        return;
    }
    let mut start = 0;
    while start < bytes.len() {
        let end = memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |end| start + end);
        let text_end = if end > start && bytes[end - 1] == b'\r' {
            end - 1
        } else {
            end
        };
        if !visit(start..text_end, line) {
            return;
        }
        line += 1;
        start = end + 1;
    }
}

fn not_utf8(error: &std::str::Utf8Error) -> String {
    format!(
        "not UTF-8 from byte {} of the row on; convert the file, for example `iconv -f LATIN1 -t UTF-8 FILE`",
        error.valid_up_to() + 1
    )
}

fn too_long(max_row_bytes: usize) -> String {
    format!("the row is longer than {max_row_bytes} bytes; if that is right, raise `max_row_bytes`")
}
