//! A run as other programs follow it: one JSON object an event, on stdout.

use std::io::{BufWriter, Stdout, Write, stdout};
use std::sync::{Mutex, PoisonError};

use crate::run::{Event, Listener};

/// Events as lines of JSON.
pub struct Json {
    out: Mutex<BufWriter<Stdout>>,
}

impl Json {
    /// On stdout.
    pub fn new() -> Json {
        Json {
            out: Mutex::new(BufWriter::new(stdout())),
        }
    }
}

impl Listener for Json {
    fn event(&self, event: &Event) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(text) = serde_json::to_string(event) else {
            return;
        };
        // These come in swarms; whatever follows them brings them along.
        let waits = matches!(event, Event::StepCached { .. } | Event::StepSkipped { .. });
        let written =
            writeln!(out, "{text}").and_then(|()| if waits { Ok(()) } else { out.flush() });
        // A reader that went away does not stop the run.
        if let Err(error) = written {
            tracing::debug!("writing an event: {error}");
        }
    }
}
