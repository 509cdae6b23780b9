//! Writing Parquet so that equal rows are equal bytes.
//!
//! Row groups are cut by the rows alone: a group ends with the row that brings it to
//! [`GROUP_ROWS`] rows or [`GROUP_BYTES`] bytes of content. Each group is joined to one batch
//! before it is encoded, so pages do not depend on the batches the rows came in.

use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, SchemaRef};
use arrow_select::concat::concat_batches;
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};
use parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata};
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;

use crate::batch::{plain_schema, with_schema};
use crate::error::{Result, TableError};
use crate::table::Table;

const GROUP_ROWS: usize = 65_536;
const GROUP_BYTES: usize = 16 << 20;
/// Dictionaries larger than this do not pay for text, and building them costs time.
const DICTIONARY_BYTES: usize = 128 << 10;
const CREATED_BY: &str = "table";

/// What a finished Parquet file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParquetSummary {
    /// Rows written.
    pub rows: usize,
    /// Size of the file in bytes.
    pub bytes: u64,
}

/// Writes a table to a Parquet file at `path`, replacing what is there.
///
/// # Errors
/// Where the file cannot be written or a column's type has no Parquet counterpart.
pub fn write_parquet(path: &Path, table: &Table) -> Result<ParquetSummary> {
    let mut writer = ParquetTableWriter::create(path, table.schema(), 1)?;
    for batch in table.batches() {
        writer.write(batch)?;
    }
    writer.finish()
}

/// A Parquet file being written, batch by batch. The same rows give the same bytes, whatever
/// batches they come in and however many threads encode them.
pub struct ParquetTableWriter {
    path: PathBuf,
    schema: SchemaRef,
    file: SerializedFileWriter<File>,
    factory: ArrowRowGroupWriterFactory,
    groups: usize,
    rows: usize,
    pending: Vec<RecordBatch>,
    pending_rows: usize,
    pending_bytes: usize,
    encoders: Option<Encoders>,
}

impl ParquetTableWriter {
    /// Creates the file at `path`, replacing what is there. With more than one thread, that many
    /// encode row groups beside the caller's own.
    ///
    /// # Errors
    /// Where the file cannot be created or a column's type has no Parquet counterpart.
    pub fn create(path: &Path, schema: &SchemaRef, threads: usize) -> Result<Self> {
        let schema = plain_schema(schema)?;
        let file = File::create(path).map_err(TableError::io("create", path))?;
        let wrong = |error: ParquetError| unwritable(path, &error);
        let mut properties = properties();
        add_encoded_arrow_schema_to_metadata(&schema, &mut properties);
        let properties = Arc::new(properties);
        let converted = ArrowSchemaConverter::new()
            .convert(&schema)
            .map_err(wrong)?;
        let file = SerializedFileWriter::new(file, converted.root_schema_ptr(), properties)
            .map_err(wrong)?;
        let factory = ArrowRowGroupWriterFactory::new(&file, Arc::clone(&schema));
        let encoders = if threads > 1 {
            Some(
                Encoders::start(&schema, threads)
                    .map_err(TableError::io("start threads for", path))?,
            )
        } else {
            None
        };
        Ok(Self {
            path: path.to_owned(),
            schema,
            file,
            factory,
            groups: 0,
            rows: 0,
            pending: Vec::new(),
            pending_rows: 0,
            pending_bytes: 0,
            encoders,
        })
    }

    /// Adds the rows of a batch.
    ///
    /// # Errors
    /// Where the batch's types differ from the schema or the file cannot be written.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let batch = with_schema(&self.schema, batch)?;
        self.rows += batch.num_rows();
        let sizes = RowSizes::new(&batch);
        let mut start = 0;
        while start < batch.num_rows() {
            let most = (batch.num_rows() - start).min(GROUP_ROWS - self.pending_rows);
            let room = GROUP_BYTES - self.pending_bytes;
            let before = sizes.up_to(start);
            // The row that fills the group still belongs to it, so every group has a row.
            let taken = most
                .min(1 + partition(most - 1, |row| sizes.up_to(start + row + 1) - before < room));
            let bytes = sizes.up_to(start + taken) - before;
            self.pending.push(batch.slice(start, taken));
            self.pending_rows += taken;
            self.pending_bytes += bytes;
            start += taken;
            if self.pending_rows == GROUP_ROWS || self.pending_bytes >= GROUP_BYTES {
                self.end_group()?;
            }
        }
        Ok(())
    }

    /// Writes what is pending and the footer.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn finish(mut self) -> Result<ParquetSummary> {
        self.end_group()?;
        while let Some(group) = self.encoders.as_mut().and_then(Encoders::next_in_order) {
            self.append(group)?;
        }
        self.file
            .finish()
            .map_err(|error| unwritable(&self.path, &error))?;
        Ok(ParquetSummary {
            rows: self.rows,
            bytes: self.file.bytes_written() as u64,
        })
    }

    fn end_group(&mut self) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let batches = std::mem::take(&mut self.pending);
        self.pending_rows = 0;
        self.pending_bytes = 0;
        let columns = self
            .factory
            .create_column_writers(self.groups)
            .map_err(|error| unwritable(&self.path, &error))?;
        self.groups += 1;
        let group = Group { batches, columns };
        match &mut self.encoders {
            None => self.append(group.encode(&self.schema)),
            Some(encoders) => {
                let full = encoders.submit(group);
                match full {
                    Some(encoded) => self.append(encoded),
                    None => Ok(()),
                }
            }
        }
    }

    fn append(&mut self, encoded: EncodedGroup) -> Result<()> {
        let wrong = |error: ParquetError| unwritable(&self.path, &error);
        let chunks = encoded.map_err(wrong)?;
        let mut group = self.file.next_row_group().map_err(wrong)?;
        for chunk in chunks {
            chunk.append_to_row_group(&mut group).map_err(wrong)?;
        }
        group.close().map_err(wrong)?;
        Ok(())
    }
}

fn properties() -> WriterProperties {
    WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(Compression::LZ4_RAW)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .build()
}

fn unwritable(path: &Path, error: &ParquetError) -> TableError {
    TableError::Parquet {
        action: "write",
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

/// The first index in `0..length` for which `below` no longer holds.
fn partition(length: usize, below: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, length);
    while low < high {
        let middle = low + (high - low) / 2;
        if below(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

type EncodedGroup = Result<Vec<ArrowColumnChunk>, ParquetError>;

struct Group {
    batches: Vec<RecordBatch>,
    columns: Vec<ArrowColumnWriter>,
}

impl Group {
    fn encode(self, schema: &SchemaRef) -> EncodedGroup {
        let batch = concat_batches(schema, &self.batches)?;
        drop(self.batches);
        let mut writers = self.columns.into_iter();
        let mut chunks = Vec::with_capacity(writers.len());
        for (field, column) in schema.fields().iter().zip(batch.columns()) {
            for leaf in compute_leaves(field, column)? {
                let mut writer = writers
                    .next()
                    .ok_or_else(|| ParquetError::General("a column without a writer".into()))?;
                writer.write(&leaf)?;
                chunks.push(writer.close()?);
            }
        }
        Ok(chunks)
    }
}

/// Threads that encode row groups, and the groups on their way, oldest first.
struct Encoders {
    jobs: Option<SyncSender<(Group, SyncSender<EncodedGroup>)>>,
    under_way: VecDeque<Receiver<EncodedGroup>>,
    most_under_way: usize,
    threads: Vec<JoinHandle<()>>,
}

impl Encoders {
    fn start(schema: &SchemaRef, threads: usize) -> std::io::Result<Self> {
        let (jobs, queue) = sync_channel::<(Group, SyncSender<EncodedGroup>)>(threads);
        let queue = Arc::new(Mutex::new(queue));
        let mut handles = Vec::with_capacity(threads);
        for _ in 0..threads {
            let queue = Arc::clone(&queue);
            let schema = Arc::clone(schema);
            handles.push(
                std::thread::Builder::new()
                    .name("parquet".into())
                    .spawn(move || {
                        loop {
                            let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
                            let Ok((group, answer)) = job else { return };
                            // Nobody waits for the answer once the writer is dropped.
                            answer.send(group.encode(&schema)).ok();
                        }
                    })?,
            );
        }
        Ok(Self {
            jobs: Some(jobs),
            under_way: VecDeque::new(),
            most_under_way: threads,
            threads: handles,
        })
    }

    /// Hands a group to the threads; gives back the oldest one if enough are under way.
    fn submit(&mut self, group: Group) -> Option<EncodedGroup> {
        let oldest = if self.under_way.len() >= self.most_under_way {
            self.next_in_order()
        } else {
            None
        };
        let (answer, result) = sync_channel(1);
        self.under_way.push_back(result);
        if let Some(jobs) = &self.jobs {
            // A failed send drops `answer`, which shows when the group is asked for.
            jobs.send((group, answer)).ok();
        }
        oldest
    }

    fn next_in_order(&mut self) -> Option<EncodedGroup> {
        let result = self.under_way.pop_front()?;
        Some(result.recv().unwrap_or_else(|_| {
            Err(ParquetError::General(
                "a thread that encodes row groups ended early".into(),
            ))
        }))
    }
}

impl Drop for Encoders {
    fn drop(&mut self) {
        self.jobs = None;
        self.under_way.clear();
        for thread in self.threads.drain(..) {
            thread.join().ok();
        }
    }
}

/// Running totals of the bytes that rows of a batch hold, without walking over them: text by its
/// offsets, anything else by a fixed width.
struct RowSizes<'a> {
    texts: Vec<TextSizes<'a>>,
    fixed: usize,
}

enum TextSizes<'a> {
    Text(&'a [i32]),
    Lists(&'a [i32], &'a [i32]),
}

impl<'a> RowSizes<'a> {
    fn new(batch: &'a RecordBatch) -> Self {
        let mut texts = Vec::new();
        let mut fixed = 0;
        for column in batch.columns() {
            fixed += 8;
            match column.data_type() {
                DataType::Utf8 => {
                    texts.push(TextSizes::Text(column.as_string::<i32>().value_offsets()));
                }
                DataType::List(item) if item.data_type() == &DataType::Utf8 => {
                    let lists = column.as_list::<i32>();
                    let items = lists.values().as_string::<i32>();
                    texts.push(TextSizes::Lists(
                        lists.value_offsets(),
                        items.value_offsets(),
                    ));
                }
                DataType::FixedSizeList(_, size) => {
                    fixed += 4 * usize::try_from(*size).unwrap_or(0)
                }
                _ => {}
            }
        }
        Self { texts, fixed }
    }

    /// The bytes of the first `rows` rows.
    fn up_to(&self, rows: usize) -> usize {
        let texts: usize = self
            .texts
            .iter()
            .map(|text| match text {
                TextSizes::Text(offsets) => (offsets[rows] - offsets[0]) as usize,
                TextSizes::Lists(lists, items) => {
                    (items[lists[rows] as usize] - items[lists[0] as usize]) as usize
                }
            })
            .sum();
        texts + rows * self.fixed
    }
}
