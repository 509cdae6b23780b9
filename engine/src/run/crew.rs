//! The threads of a run: workers, which run tasks, and a committer, which publishes what they have computed.
//!
//! A worker goes on to its next task while the committer waits for the disk, and whatever is computed meanwhile shares
//! the next wait: 10,000 trivial steps need a few hundred waits instead of 10,000 (`tests/bench/RESULTS.md`).

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::Scope;

use cache::Cache;

use super::worker::{Finished, Task, Unfinished, Unpublished, Worked, Workshop};

/// Results that may wait for the committer before workers wait for it, too. Each holds two open files.
const MOST_WAITING: usize = 64;

/// A task and what came of it.
pub type Ended = (Task, Result<Finished, Unfinished>);

/// What the scheduler hears.
pub enum Report {
    /// An instance has run: what it took of the machine is free again. It is not done yet.
    Worked(usize),
    /// A task came to its end.
    Done(Box<Ended>),
}

/// Starts `workers` workers and a committer. They end when the sender of tasks is dropped.
pub fn start<'scope>(
    scope: &'scope Scope<'scope, '_>,
    workshop: &'scope Workshop<'scope>,
    workers: usize,
) -> (Sender<Task>, Receiver<Report>) {
    let (task_sender, tasks) = channel::<Task>();
    let (reports, report_receiver) = channel();
    let (to_publish, unpublished) = sync_channel(MOST_WAITING);
    let tasks = std::sync::Arc::new(Mutex::new(tasks));
    for _ in 0..workers {
        let (tasks, reports, to_publish) = (tasks.clone(), reports.clone(), to_publish.clone());
        scope.spawn(move || {
            loop {
                let task = tasks.lock().map(|tasks| tasks.recv());
                let Ok(Ok(task)) = task else { break };
                if !work(workshop, task, &reports, &to_publish) {
                    break;
                }
            }
        });
    }
    scope.spawn(move || {
        while let Ok(first) = unpublished.recv() {
            let batch = std::iter::once(first).chain(unpublished.try_iter());
            publish(workshop.cache, batch.collect(), &reports);
        }
    });
    (task_sender, report_receiver)
}

/// Runs a task and hands it on. Returns whether anybody wants to hear of it.
fn work(
    workshop: &Workshop<'_>,
    task: Task,
    reports: &Sender<Report>,
    to_publish: &SyncSender<(Task, Unpublished)>,
) -> bool {
    let result = match workshop.run(&task) {
        Ok(Worked::Unpublished(unpublished)) => {
            return reports.send(Report::Worked(task.index)).is_ok()
                && to_publish.send((task, unpublished)).is_ok();
        }
        Ok(Worked::Shared(finished)) => Ok(finished),
        Err(unfinished) => Err(unfinished),
    };
    reports.send(Report::Done(Box::new((task, result)))).is_ok()
}

/// Publishes a batch with one wait for the disk. What nobody wants to hear of is safe all the same.
fn publish(cache: &Cache, batch: Vec<(Task, Unpublished)>, reports: &Sender<Report>) {
    let mut publications = Vec::with_capacity(batch.len());
    let mut waiting = Vec::with_capacity(batch.len());
    for (task, unpublished) in batch {
        let (publication, published) = unpublished.into_parts();
        publications.push(publication);
        waiting.push((task, published));
    }
    for ((task, published), result) in waiting.into_iter().zip(cache.publish_all(publications)) {
        let result = result
            .map(|action| published.finish(action))
            .map_err(Unfinished::from);
        let _ = reports.send(Report::Done(Box::new((task, result))));
    }
}
