//! The pool of threads that all kernels of the processor share.
//!
//! A kernel of a small network takes tens of microseconds, so waking a thread must cost less than one: a worker that ran out of
//! work spins for a moment before it parks, and a worker that has not begun by the time all tasks are taken is told to stay
//! asleep instead of being waited for. Work is cut into tasks that do not depend on the number of threads, so neither do results.

use std::any::Any;
use std::cell::UnsafeCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

/// How long a thread that waits spins before it parks. Operations of one network follow each other faster than this.
const SPIN: Duration = Duration::from_micros(100);

/// Nothing to do; the worker looks here again.
const IDLE: u32 = 0;
/// Nothing to do; the worker must be woken.
const PARKED: u32 = 1;
/// A job is there. Whoever published it may still take it back.
const OFFERED: u32 = 2;
/// The worker is in the job, which must outlive it.
const RUNNING: u32 = 3;
/// As `RUNNING`, and the caller sleeps until the worker is done.
const AWAITED: u32 = 4;
/// The pool is dropped.
const STOPPED: u32 = 5;

/// How many cores somebody may use. Whoever gives them out can give more or take some back while they are in use.
#[derive(Clone, Debug)]
pub struct Cores {
    now: Arc<AtomicUsize>,
    most: usize,
}

impl Cores {
    /// `now` of them, and never more than `most`; at least one.
    pub fn new(now: usize, most: usize) -> Self {
        let most = most.max(1);
        Self {
            now: Arc::new(AtomicUsize::new(now.clamp(1, most))),
            most,
        }
    }

    /// How many they are at the moment.
    pub fn now(&self) -> usize {
        self.now.load(Ordering::Relaxed)
    }

    /// Gives or takes back some, which shows at the next operation of whoever uses them.
    pub fn set(&self, now: usize) {
        self.now.store(now.clamp(1, self.most), Ordering::Relaxed);
    }
}

impl From<usize> for Cores {
    fn from(count: usize) -> Self {
        Self::new(count, count)
    }
}

/// A number of threads, the caller's included, that share the tasks of one call at a time.
///
/// A call from within a task, or while another thread has the workers, runs on its caller alone: it never waits.
pub struct Threads {
    shared: Arc<Shared>,
    /// Started when they are first wanted; nothing where the system refused.
    workers: Vec<OnceLock<Option<JoinHandle<()>>>>,
    cores: Cores,
}

struct Shared {
    /// One for each worker, on cache lines of their own.
    slots: Vec<Slot>,
    /// Somebody uses the workers.
    taken: AtomicBool,
    /// Written by whoever holds `taken`, read by workers that hold a claim on an offer.
    job: UnsafeCell<Option<*const Job<'static>>>,
    caller: Mutex<Option<Thread>>,
    spin: Duration,
}

// SAFETY: `job` is written only between taking `taken` and offering to the slots, and read only by a worker that moved its slot
// from `OFFERED` to `RUNNING`, which the caller waits for. The pointee is `Sync`.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

#[repr(align(128))]
struct Slot(AtomicU32);

#[repr(align(128))]
struct Next(AtomicUsize);

struct Job<'a> {
    run: &'a (dyn Fn(usize) + Sync),
    tasks: usize,
    next: Next,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

impl Job<'_> {
    fn work(&self) {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            loop {
                let task = self.next.0.fetch_add(1, Ordering::Relaxed);
                if task >= self.tasks {
                    break;
                }
                (self.run)(task);
            }
        }));
        if let Err(payload) = outcome {
            self.next.0.store(self.tasks, Ordering::Relaxed);
            locked(&self.panic).get_or_insert(payload);
        }
    }
}

impl Threads {
    /// A pool of a thread for each of the cores, of which the caller of each operation is one.
    ///
    /// Where the system refuses to start a thread, the pool does with fewer.
    pub fn new(cores: impl Into<Cores>) -> Self {
        let cores = cores.into();
        let there = thread::available_parallelism().map_or(1, usize::from);
        let shared = Arc::new(Shared {
            slots: (1..cores.most)
                .map(|_| Slot(AtomicU32::new(IDLE)))
                .collect(),
            taken: AtomicBool::new(false),
            job: UnsafeCell::new(None),
            caller: Mutex::new(None),
            spin: if cores.most <= there {
                SPIN
            } else {
                Duration::ZERO
            },
        });
        Self {
            shared,
            workers: (1..cores.most).map(|_| OnceLock::new()).collect(),
            cores,
        }
    }

    /// The number of threads, the caller's included, that an operation has at the moment.
    pub fn count(&self) -> usize {
        self.cores.now()
    }

    /// How many of the first `count` workers there are, after starting those that are not there yet.
    fn start(&self, count: usize) -> usize {
        let workers = self.workers.iter().enumerate().take(count);
        let is_there = |(index, worker): &(usize, &OnceLock<Option<JoinHandle<()>>>)| {
            worker.get_or_init(|| self.worker(*index)).is_some()
        };
        workers.take_while(is_there).count()
    }

    fn worker(&self, index: usize) -> Option<JoinHandle<()>> {
        let shared = Arc::clone(&self.shared);
        thread::Builder::new()
            .name(format!("tensor-{}", index + 1))
            .spawn(move || shared.serve(index))
            .inspect_err(|error| {
                tracing::warn!(%error, threads = index + 1, "the system starts no more threads");
            })
            .ok()
    }

    /// Calls `run` once with each of `0..tasks`, in any order and on any thread, and returns when all are done.
    ///
    /// # Panics
    /// With the first panic of a task; tasks not yet begun are left out.
    pub fn for_each(&self, tasks: usize, run: impl Fn(usize) + Sync) {
        let helpers = (self.count() - 1).min(tasks.saturating_sub(1));
        if helpers == 0 || self.shared.taken.swap(true, Ordering::Acquire) {
            (0..tasks).for_each(run);
            return;
        }
        let job = Job {
            run: &run,
            tasks,
            next: Next(AtomicUsize::new(0)),
            panic: Mutex::new(None),
        };
        let helpers = self.start(helpers);
        self.shared.offer(&job, &self.workers[..helpers]);
        job.work();
        self.shared.finish(helpers);
        self.shared.taken.store(false, Ordering::Release);
        if let Some(payload) = job
            .panic
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
        {
            resume_unwind(payload);
        }
    }

    /// Calls `run` with the index and the elements of each piece of `data` of `chunk` elements (the last one may be shorter).
    ///
    /// # Panics
    /// If `chunk` is zero, and with the first panic of a task.
    pub fn chunks_mut<T: Send>(
        &self,
        data: &mut [T],
        chunk: usize,
        run: impl Fn(usize, &mut [T]) + Sync,
    ) {
        assert!(chunk > 0, "a chunk has at least one element");
        let length = data.len();
        let base = Shareable(data.as_mut_ptr());
        self.for_each(length.div_ceil(chunk), |index| {
            let begin = index * chunk;
            let end = length.min(begin + chunk);
            // SAFETY: the ranges of different indices are disjoint and within `data`, which is borrowed until all are done.
            let piece =
                unsafe { std::slice::from_raw_parts_mut(base.get().add(begin), end - begin) };
            run(index, piece);
        });
    }
}

impl Threads {
    /// Calls `run` with each of the items, which are handed over: parts of several arrays, say.
    pub(crate) fn each<T: Send>(&self, items: Vec<T>, run: impl Fn(T) + Sync) {
        let mut items: Vec<Option<T>> = items.into_iter().map(Some).collect();
        self.chunks_mut(&mut items, 1, |_, item| {
            if let Some(item) = item[0].take() {
                run(item);
            }
        });
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        let workers = std::mem::take(&mut self.workers);
        let started: Vec<(usize, JoinHandle<()>)> = (workers.into_iter().enumerate())
            .filter_map(|(index, worker)| Some((index, worker.into_inner()??)))
            .collect();
        for (index, worker) in &started {
            self.shared.slots[*index]
                .0
                .store(STOPPED, Ordering::Release);
            worker.thread().unpark();
        }
        for (_, worker) in started {
            // A worker catches the panics of its tasks, so there is none to pass on.
            let _ = worker.join();
        }
    }
}

impl fmt::Debug for Threads {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Threads")
            .field("count", &self.count())
            .finish()
    }
}

impl Shared {
    fn serve(&self, index: usize) {
        let slot = &self.slots[index].0;
        loop {
            match slot.load(Ordering::Acquire) {
                OFFERED => {
                    if slot
                        .compare_exchange(OFFERED, RUNNING, Ordering::Acquire, Ordering::Relaxed)
                        .is_err()
                    {
                        continue;
                    }
                    // SAFETY: the slot says `RUNNING`, so the job was published before and its caller waits for this worker.
                    if let Some(job) = unsafe { *self.job.get() } {
                        // SAFETY: as above.
                        unsafe { (*job).work() };
                    }
                    if slot.swap(IDLE, Ordering::AcqRel) == AWAITED
                        && let Some(caller) = &*locked(&self.caller)
                    {
                        caller.unpark();
                    }
                }
                STOPPED => return,
                PARKED => thread::park(),
                _ => {
                    if !spin_until(self.spin, || slot.load(Ordering::Relaxed) != IDLE) {
                        let _ = slot.compare_exchange(
                            IDLE,
                            PARKED,
                            Ordering::Relaxed,
                            Ordering::Relaxed,
                        );
                    }
                }
            }
        }
    }

    /// Publishes the job to the first of the workers. `taken` is held.
    fn offer(&self, job: &Job<'_>, workers: &[OnceLock<Option<JoinHandle<()>>>]) {
        // SAFETY: no worker reads `job` now, since all slots are idle or parked; the lifetime is that of the call, which does
        // not return before every slot is idle again.
        unsafe { *self.job.get() = Some(std::ptr::from_ref(job).cast::<Job<'static>>()) };
        *locked(&self.caller) = Some(thread::current());
        for (slot, worker) in self.slots.iter().zip(workers) {
            if slot.0.swap(OFFERED, Ordering::AcqRel) == PARKED
                && let Some(Some(worker)) = worker.get()
            {
                worker.thread().unpark();
            }
        }
    }

    /// Takes back what no worker has begun, and waits for the others. `taken` is held.
    fn finish(&self, helpers: usize) {
        for slot in self.slots.iter().take(helpers).map(|slot| &slot.0) {
            if slot
                .compare_exchange(OFFERED, IDLE, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
            {
                continue;
            }
            let done = || slot.load(Ordering::Acquire) <= PARKED;
            while !spin_until(self.spin, done) {
                if slot
                    .compare_exchange(RUNNING, AWAITED, Ordering::Relaxed, Ordering::Relaxed)
                    .is_ok()
                {
                    while !done() {
                        thread::park();
                    }
                }
            }
        }
    }
}

/// Whether `done` came true within `limit`.
fn spin_until(limit: Duration, done: impl Fn() -> bool) -> bool {
    let mut begin = None;
    loop {
        for _ in 0..64 {
            if done() {
                return true;
            }
            std::hint::spin_loop();
        }
        if begin.get_or_insert_with(Instant::now).elapsed() >= limit {
            return done();
        }
    }
}

/// A pointer that tasks share, each of which touches elements of its own.
pub(crate) struct Shareable<T>(*mut T);

impl<T> Shareable<T> {
    pub(crate) fn new(pointer: *mut T) -> Self {
        Self(pointer)
    }

    pub(crate) fn get(&self) -> *mut T {
        self.0
    }
}

// SAFETY: a pointer is only an address; whoever dereferences it states why that is sound.
unsafe impl<T: Send> Send for Shareable<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shareable<T> {}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    #[test]
    fn every_task_runs_exactly_once_whatever_the_number_of_threads() {
        for count in [1, 2, 3, 7] {
            let threads = Threads::new(count);
            assert_eq!(threads.count(), count);
            for tasks in [0, 1, 2, 3, 64, 1000] {
                let runs: Vec<AtomicU64> = (0..tasks).map(|_| AtomicU64::new(0)).collect();
                threads.for_each(tasks, |task| {
                    runs[task].fetch_add(1, Ordering::Relaxed);
                });
                assert!(
                    runs.iter().all(|runs| runs.load(Ordering::Relaxed) == 1),
                    "{count} threads, {tasks} tasks"
                );
            }
        }
    }

    #[test]
    fn what_tasks_wrote_is_seen_after_the_call() {
        let threads = Threads::new(3);
        let mut data = vec![0_usize; 10_007];
        for round in 1..200 {
            threads.chunks_mut(&mut data, 100, |index, piece| {
                for (offset, value) in piece.iter_mut().enumerate() {
                    *value += index * 100 + offset;
                }
            });
            assert!(
                data.iter()
                    .enumerate()
                    .all(|(index, value)| *value == index * round)
            );
        }
    }

    #[test]
    fn a_call_within_a_task_runs_inline() {
        let threads = Threads::new(2);
        let sum = AtomicU64::new(0);
        threads.for_each(8, |_| {
            threads.for_each(8, |_| {
                sum.fetch_add(1, Ordering::Relaxed);
            })
        });
        assert_eq!(sum.into_inner(), 64);
    }

    #[test]
    fn many_threads_may_call_one_pool_at_once() {
        let threads = Threads::new(3);
        let sum = AtomicU64::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        threads.for_each(5, |_| {
                            sum.fetch_add(1, Ordering::Relaxed);
                        });
                    }
                });
            }
        });
        assert_eq!(sum.into_inner(), 4 * 500 * 5);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_lives_on() {
        let threads = Threads::new(2);
        for _ in 0..20 {
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                threads.for_each(50, |task| assert!(task != 17, "task 17"));
            }));
            let payload = outcome.unwrap_err();
            assert_eq!(payload.downcast_ref::<&str>(), Some(&"task 17"));
            let sum = AtomicU64::new(0);
            threads.for_each(10, |task| {
                sum.fetch_add(task as u64, Ordering::Relaxed);
            });
            assert_eq!(sum.into_inner(), 45);
        }
    }

    /// How many threads take part in an operation of two tasks, each of which waits for another one, `limit` at most.
    fn participants(threads: &Threads, limit: Duration) -> usize {
        let seen = Mutex::new(Vec::new());
        threads.for_each(2, |_| {
            let begin = Instant::now();
            while locked(&seen).len() < 2 && begin.elapsed() < limit {
                let id = thread::current().id();
                let mut seen = locked(&seen);
                if !seen.contains(&id) {
                    seen.push(id);
                }
            }
        });
        let seen = locked(&seen);
        seen.len()
    }

    #[test]
    fn parked_workers_take_part_again() {
        let threads = Threads::new(2);
        for _ in 0..3 {
            thread::sleep(SPIN * 20);
            assert_eq!(participants(&threads, Duration::from_secs(20)), 2);
        }
    }

    #[test]
    fn cores_that_are_given_or_taken_back_show_at_the_next_operation() {
        let cores = Cores::new(1, 2);
        let threads = Threads::new(cores.clone());
        for _ in 0..3 {
            cores.set(1);
            assert_eq!(participants(&threads, Duration::from_millis(5)), 1);
            cores.set(7);
            assert_eq!(threads.count(), 2);
            assert_eq!(participants(&threads, Duration::from_secs(20)), 2);
        }
    }
}
