//! What a long task tells its caller, and asks of it.

use std::time::{Duration, Instant};

use crate::error::{Result, TableError};

/// How far a task has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read, as they lie on disk or come over the network.
    pub bytes: u64,
    /// Rows read.
    pub rows: u64,
}

/// What a long task tells its caller, and asks of it.
pub struct Watch<'a> {
    /// Called every now and then.
    pub progress: &'a dyn Fn(Progress),
    /// Told in a sentence why the task waits, such as for a server's rate limit.
    pub note: &'a dyn Fn(&str),
    /// Asked every now and then; true stops the task with [`TableError::Cancelled`].
    pub cancelled: &'a dyn Fn() -> bool,
}

impl Watch<'_> {
    /// Tells nobody and never stops.
    #[must_use]
    pub fn nobody() -> Self {
        Watch {
            progress: &|_| {},
            note: &|_| {},
            cancelled: &|| false,
        }
    }

    /// # Errors
    /// [`TableError::Cancelled`] where the task is to stop.
    pub(crate) fn check(&self) -> Result<()> {
        if (self.cancelled)() {
            Err(TableError::Cancelled)
        } else {
            Ok(())
        }
    }

    /// Waits, unless the task is to stop.
    pub(crate) fn sleep(&self, duration: Duration) -> Result<()> {
        const STEP: Duration = Duration::from_millis(50);
        let end = Instant::now() + duration;
        loop {
            self.check()?;
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(STEP));
        }
    }
}
