//! Faults that may pass, and trying again.

use std::time::{Duration, Instant};

use crate::error::{HubError, Result};
use crate::watch::Watch;

/// How often in a row a request may fail before its fault counts as lasting.
const TRIES: u32 = 4;

/// A request's failure: one that may pass, or one that will not.
pub(crate) enum Failure {
    Passing(String),
    Lasting(HubError),
}

impl From<HubError> for Failure {
    fn from(error: HubError) -> Self {
        Self::Lasting(error)
    }
}

/// Makes a request until it succeeds, with growing pauses, while its faults may pass. A `progress` that grows in between
/// starts the count anew, so that a large file comes over a line that breaks now and then.
pub(crate) fn with_retries<T>(
    model: &str,
    pause: Duration,
    watch: &dyn Watch,
    progress: impl Fn() -> u64,
    mut request: impl FnMut() -> Result<T, Failure>,
) -> Result<T> {
    let mut failures = 0;
    let mut reached = progress();
    loop {
        check(model, watch)?;
        let reason = match request() {
            Ok(value) => return Ok(value),
            Err(Failure::Lasting(error)) => return Err(error),
            Err(Failure::Passing(reason)) => reason,
        };
        if progress() > reached {
            reached = progress();
            failures = 0;
        }
        failures += 1;
        if failures >= TRIES {
            return Err(HubError::model(
                model,
                format!("{reason}; tried {TRIES} times; run it again later, it goes on from there"),
            ));
        }
        watch.note(&format!("model {model}: {reason}; trying again"));
        sleep(model, pause * (1 << (failures - 1)), watch)?;
    }
}

/// Fails when the watch asks to stop.
pub(crate) fn check(model: &str, watch: &dyn Watch) -> Result<()> {
    if watch.cancelled() {
        return Err(HubError::Cancelled {
            model: model.to_owned(),
        });
    }
    Ok(())
}

/// Waits, unless the watch asks to stop.
pub(crate) fn sleep(model: &str, time: Duration, watch: &dyn Watch) -> Result<()> {
    let end = Instant::now() + time;
    loop {
        check(model, watch)?;
        let rest = end.saturating_duration_since(Instant::now());
        if rest.is_zero() {
            return Ok(());
        }
        std::thread::sleep(rest.min(Duration::from_millis(50)));
    }
}
