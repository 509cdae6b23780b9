//! The threads of a reading: one reads and cuts, several parse, the caller's takes the batches
//! in order. What is under way is bounded, so memory does not grow with the files.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow_schema::SchemaRef;

use super::cut::Chunk;
use super::open::open;
use super::options::ReadOptions;
use super::parse::{Layout, Parsed, Parser, Task};
use super::plan::{LocalFile, Plan};
use crate::error::{Result, TableError};
use crate::watch::Watch;

/// Bytes of a chunk: enough that threads seldom meet, few enough that a dozen are little memory.
const CHUNK_BYTES: usize = 4 << 20;
/// How long the caller's thread waits before it asks whether to stop.
const PATIENCE: Duration = Duration::from_millis(50);

/// A chunk on its way to a parser.
struct Job {
    chunk: Chunk,
    layout: Layout,
    file: usize,
    answer: SyncSender<Result<Parsed>>,
}

/// A chunk's place in the order of results.
struct Ticket {
    file: usize,
    /// Bytes read off the disk by then.
    bytes: u64,
    parsed: Receiver<Result<Parsed>>,
}

/// What the caller's thread is to do next.
pub(crate) enum Flow {
    Go,
    Stop,
}

/// Reads all files once and hands what came of each chunk to `take`, in order, with the file's
/// index and the bytes read so far.
pub(crate) fn pass(
    files: &[LocalFile],
    plan: &Plan,
    schema: &SchemaRef,
    options: &ReadOptions,
    task: Task,
    watch: &Watch<'_>,
    take: &mut dyn FnMut(usize, u64, Parsed) -> Result<Flow>,
) -> Result<()> {
    let threads = options.threads.max(1);
    std::thread::scope(|scope| {
        let (jobs, queue) = sync_channel::<Job>(threads);
        let (order, tickets) = sync_channel::<Result<Ticket>>(threads + 1);
        let (spent, spare) = channel::<Vec<u8>>();
        let queue = Arc::new(Mutex::new(queue));
        let spawn_failed = TableError::io("start a thread to read", &files[0].path);
        let started = (0..threads)
            .try_for_each(|_| {
                let queue = Arc::clone(&queue);
                let spent = spent.clone();
                let parser = Parser::new(plan, options, Arc::clone(schema));
                std::thread::Builder::new()
                    .name("parse".into())
                    .spawn_scoped(scope, move || {
                        parse_jobs(parser, files, task, &queue, &spent);
                    })
                    .map(|_| ())
            })
            .and_then(|()| {
                std::thread::Builder::new()
                    .name("read".into())
                    .spawn_scoped(scope, move || {
                        if let Err(error) = cut_files(files, plan, options, &jobs, &order, &spare) {
                            // Nobody waits for it once the caller has stopped.
                            order.send(Err(error)).ok();
                        }
                    })
                    .map(|_| ())
            });
        // Only the threads hold the queue from here on, so that it closes when they end.
        drop(queue);
        started.map_err(spawn_failed)?;
        loop {
            let Some(ticket) = wait(&tickets, watch)? else {
                return Ok(());
            };
            let ticket = ticket?;
            let Some(parsed) = wait(&ticket.parsed, watch)? else {
                return Err(TableError::Options {
                    message: "a thread that parses rows ended early".into(),
                });
            };
            match take(ticket.file, ticket.bytes, parsed?)? {
                Flow::Go => {}
                Flow::Stop => return Ok(()),
            }
        }
    })
}

/// The next message; `None` where none will come.
fn wait<T>(messages: &Receiver<T>, watch: &Watch<'_>) -> Result<Option<T>> {
    loop {
        watch.check()?;
        match messages.recv_timeout(PATIENCE) {
            Ok(message) => return Ok(Some(message)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
        }
    }
}

/// Reads the files and deals out their chunks, until the end or until nobody takes them.
fn cut_files(
    files: &[LocalFile],
    plan: &Plan,
    options: &ReadOptions,
    jobs: &SyncSender<Job>,
    order: &SyncSender<Result<Ticket>>,
    spare: &Receiver<Vec<u8>>,
) -> Result<()> {
    let count = Arc::new(AtomicU64::new(0));
    for (file, local) in files.iter().enumerate() {
        let mut opened = open(local, plan.format, options, CHUNK_BYTES, Arc::clone(&count))?;
        while let Some(chunk) = opened.chunks.next(spare.try_recv().unwrap_or_default())? {
            let (answer, parsed) = sync_channel(1);
            let ticket = Ticket {
                file,
                bytes: count.load(Ordering::Relaxed),
                parsed,
            };
            let job = Job {
                chunk,
                layout: opened.layout.clone(),
                file,
                answer,
            };
            if order.send(Ok(ticket)).is_err() || jobs.send(job).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn parse_jobs(
    mut parser: Parser<'_>,
    files: &[LocalFile],
    task: Task,
    queue: &Mutex<Receiver<Job>>,
    spent: &std::sync::mpsc::Sender<Vec<u8>>,
) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        let parsed = parser.parse(&job.chunk, &job.layout, &files[job.file].name, task);
        // Neither the caller nor the reader is bound to wait for what comes back.
        spent.send(job.chunk.bytes).ok();
        job.answer.send(parsed).ok();
    }
}
