//! Whether the files of what the cache recalls are there. For a plan of many instances a thread of its own looks at them
//! while keys are still being computed: one look each is as much work as the key.

use std::sync::mpsc::{Sender, channel};
use std::thread::{Scope, ScopedJoinHandle};

use cache::{Action, Blob, Cache};

/// From this many instances on a thread pays.
const MANY: usize = 512;
/// Blobs that are handed over at a time.
const BATCH: usize = 256;

type Batch = Vec<(usize, Blob)>;

/// Looks at the blobs of actions, here or in a thread.
pub(super) struct Presence<'scope> {
    cache: &'scope Cache,
    waiting: Batch,
    thread: Option<(Sender<Batch>, ScopedJoinHandle<'scope, Vec<usize>>)>,
}

impl<'scope> Presence<'scope> {
    /// Begins to look, for a plan of `instances`.
    pub(super) fn begin(
        scope: &'scope Scope<'scope, '_>,
        cache: &'scope Cache,
        instances: usize,
    ) -> Presence<'scope> {
        let thread = (instances >= MANY).then(|| {
            let (sender, batches) = channel::<Batch>();
            let look = move || {
                batches
                    .iter()
                    .flat_map(|batch| absent(cache, &batch))
                    .collect()
            };
            (sender, scope.spawn(look))
        });
        Presence {
            cache,
            waiting: Batch::new(),
            thread,
        }
    }

    /// Takes note of what the cache recalls of an instance.
    pub(super) fn look_at(&mut self, index: usize, action: &Action) {
        self.waiting
            .extend(action.blobs().map(|blob| (index, *blob)));
        if self.waiting.len() >= BATCH
            && let Some((thread, _)) = &self.thread
        {
            let batch = std::mem::replace(&mut self.waiting, Batch::with_capacity(BATCH));
            let _ = thread.send(batch);
        }
    }

    /// The instances of which a blob is not there, or has another size.
    pub(super) fn absent(self) -> Vec<usize> {
        let mut found = absent(self.cache, &self.waiting);
        if let Some((sender, thread)) = self.thread {
            drop(sender);
            match thread.join() {
                Ok(others) => found.extend(others),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        found
    }
}

fn absent(cache: &Cache, batch: &Batch) -> Vec<usize> {
    let gone = batch.iter().filter(|(_, blob)| !cache.has_blob(blob));
    gone.map(|(index, _)| *index).collect()
}
