//! Faults that may pass, and trying again.

use std::time::Duration;

use super::FetchOptions;
use super::http::failed;
use crate::error::{Result, TableError};
use crate::watch::Watch;

/// How often a request is made before a passing fault counts as lasting.
const TRIES: u32 = 3;

/// A request's failure: one that may pass, or one that will not.
pub(super) enum Failure {
    Passing(String),
    Lasting(TableError),
}

impl From<TableError> for Failure {
    fn from(error: TableError) -> Self {
        Self::Lasting(error)
    }
}

/// Makes a request up to three times, with growing pauses, while its faults may pass.
pub(super) fn with_retries<T>(
    url: &str,
    options: &FetchOptions,
    watch: &Watch<'_>,
    mut request: impl FnMut() -> Result<T, Failure>,
) -> Result<T> {
    let mut pause = options.retry_pause;
    for attempt in 1.. {
        watch.check()?;
        match request() {
            Ok(value) => return Ok(value),
            Err(Failure::Lasting(error)) => return Err(error),
            Err(Failure::Passing(reason)) if attempt >= TRIES => {
                return Err(failed(
                    url,
                    format!("{reason}; tried {TRIES} times, try again later"),
                ));
            }
            Err(Failure::Passing(reason)) => {
                (watch.note)(&format!("{url}: {reason}; trying again"));
                watch.sleep(pause + jitter(pause))?;
                pause *= 2;
            }
        }
    }
    Err(failed(url, "no request was made"))
}

/// A random share of a pause, so that clients that failed together do not return together.
pub(super) fn jitter(pause: Duration) -> Duration {
    let nanos = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |now| now.subsec_nanos());
    pause.mul_f64(f64::from(nanos % 1_000_000) / 2_000_000.0)
}
