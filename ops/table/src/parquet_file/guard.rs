//! Calls into the Parquet library, which trusts a file's numbers in places and panics where they lie.

use std::cell::Cell;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::Path;
use std::sync::Once;

use crate::error::{Result, TableError};

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Makes a call whose errors and panics both become the message that the file is damaged.
pub(super) fn guarded<T, E: Display>(
    path: &Path,
    call: impl FnOnce() -> Result<T, E>,
) -> Result<T> {
    silence_guarded_panics();
    let outer = GUARDED.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(call));
    GUARDED.set(outer);
    match outcome {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(damaged(path, &error.to_string())),
        Err(_) => Err(damaged(path, "its contents contradict its footer")),
    }
}

/// Keeps a backtrace off the screen that the error says better. Whatever was to be done about other panics is still done.
fn silence_guarded_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = take_hook();
        set_hook(Box::new(move |panic| {
            if !GUARDED.get() {
                others(panic);
            }
        }));
    });
}

pub(super) fn damaged(path: &Path, reason: &str) -> TableError {
    TableError::Parquet {
        action: "read",
        path: path.to_owned(),
        reason: format!("{reason}; it may be damaged or another kind of file"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_and_panics_say_the_same_and_later_panics_are_seen_again() {
        let path = Path::new("a.parquet");
        for call in [|| Err::<(), _>("short"), || panic!("out of bounds")] {
            let message = guarded(path, call).unwrap_err().to_string();
            assert!(
                message.contains("a.parquet") && message.contains("damaged"),
                "{message}"
            );
            assert!(!GUARDED.get());
        }
        let inner = guarded(path, || {
            Ok::<_, String>(guarded(path, || Ok::<_, String>(7)))
        });
        assert_eq!(inner.unwrap().unwrap(), 7);
        assert!(!GUARDED.get());
    }
}
