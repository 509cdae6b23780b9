//! Threads, progress and cancelling, for every function that can take long.

use crate::{Error, Result};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What a caller hears from long work, and how it stops it. Called from any worker thread, a few times a millisecond
/// at most.
pub trait Hook: Sync {
    /// `done` of `total` units of the present piece of work are finished.
    fn progress(&self, _done: usize, _total: usize) {}

    /// True when the work should stop; it then ends with [`Error::Cancelled`].
    fn cancelled(&self) -> bool {
        false
    }
}

/// The hook that hears nothing and never stops.
impl Hook for () {}

/// How many threads may work, and whom they report to.
#[derive(Clone, Copy)]
pub struct Workers<'a> {
    threads: usize,
    hook: &'a dyn Hook,
}

impl Default for Workers<'_> {
    fn default() -> Self {
        Self::new(1)
    }
}

impl<'a> Workers<'a> {
    /// Up to `threads` threads (0 counts as 1), without a hook.
    pub fn new(threads: usize) -> Self {
        Self {
            threads: threads.max(1),
            hook: &(),
        }
    }

    /// The same threads, reporting to `hook`.
    pub fn with_hook<'b>(self, hook: &'b dyn Hook) -> Workers<'b> {
        Workers {
            threads: self.threads,
            hook,
        }
    }

    /// The number of threads, at least 1.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Fails when the hook asks to stop.
    pub(crate) fn check(&self, doing: &'static str) -> Result<()> {
        if self.hook.cancelled() {
            return Err(Error::Cancelled { doing });
        }
        Ok(())
    }

    /// Calls `work` on the ranges of `0..len` of `grain` items each, and returns the results in order.
    ///
    /// The cut into ranges depends on `grain` alone, so ordered reductions over the results do not depend on the
    /// thread count.
    pub(crate) fn map<T: Send>(
        &self,
        doing: &'static str,
        len: usize,
        grain: usize,
        work: impl Fn(Range<usize>) -> T + Sync,
    ) -> Result<Vec<T>> {
        let grain = grain.max(1);
        let chunks = len.div_ceil(grain);
        let next = AtomicUsize::new(0);
        let finished = AtomicUsize::new(0);
        let stopped = AtomicBool::new(false);
        let worker = || {
            let mut results = Vec::new();
            loop {
                if stopped.load(Ordering::Relaxed) || self.hook.cancelled() {
                    stopped.store(true, Ordering::Relaxed);
                    break;
                }
                let chunk = next.fetch_add(1, Ordering::Relaxed);
                if chunk >= chunks {
                    break;
                }
                let range = chunk * grain..len.min((chunk + 1) * grain);
                let items = range.len();
                results.push((chunk, work(range)));
                let done = finished.fetch_add(items, Ordering::Relaxed) + items;
                self.hook.progress(done, len);
            }
            results
        };
        let threads = self.threads.min(chunks);
        let mut results = if threads <= 1 {
            worker()
        } else {
            std::thread::scope(|scope| {
                let others: Vec<_> = (1..threads).map(|_| scope.spawn(worker)).collect();
                let mut all = worker();
                for other in others {
                    match other.join() {
                        Ok(results) => all.extend(results),
                        Err(payload) => std::panic::resume_unwind(payload),
                    }
                }
                all
            })
        };
        if stopped.into_inner() {
            return Err(Error::Cancelled { doing });
        }
        results.sort_unstable_by_key(|(chunk, _)| *chunk);
        Ok(results.into_iter().map(|(_, result)| result).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_whatever_the_thread_count() {
        for threads in [0, 1, 3, 64] {
            let squares: Vec<usize> = Workers::new(threads)
                .map("squaring", 1003, 10, |range| {
                    range.map(|i| i * i).collect::<Vec<_>>()
                })
                .unwrap()
                .concat();
            assert_eq!(squares, (0..1003).map(|i| i * i).collect::<Vec<_>>());
        }
        assert!(
            Workers::new(2)
                .map("nothing", 0, 10, |_| ())
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn a_hook_that_says_stop_ends_the_work_with_an_error() {
        struct Stop(AtomicUsize);
        impl Hook for Stop {
            fn progress(&self, done: usize, _: usize) {
                self.0.store(done, Ordering::Relaxed);
            }
            fn cancelled(&self) -> bool {
                self.0.load(Ordering::Relaxed) >= 5
            }
        }
        let stop = Stop(AtomicUsize::new(0));
        let error = Workers::new(1)
            .with_hook(&stop)
            .map("counting", 1000, 1, |_| ())
            .unwrap_err();
        assert_eq!(error.to_string(), "counting was cancelled");
        assert_eq!(stop.0.into_inner(), 5);
    }
}
