//! What a run shows while it goes on.

mod bars;
mod json;
mod live;
mod plain;
pub mod words;

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::LogFormat;
use super::terminal::Paint;
use crate::pipeline::Pipeline;
use crate::run::Listener;

use bars::Bars;
use json::Json;
use live::Live;
use plain::Plain;
use words::Words;

/// Shows a run.
pub enum Console {
    /// To people, on stderr.
    Live(Live),
    /// To programs, on stdout.
    Json(Json),
}

impl Console {
    /// Begins to show a run: bars on a terminal, lines elsewhere, or one JSON object an event. `cancelled` is what
    /// Ctrl-C sets.
    pub fn start(log: LogFormat, pipeline: &Pipeline, cancelled: Arc<AtomicBool>) -> Console {
        if log == LogFormat::Json {
            return Console::start_json();
        }
        let names = pipeline
            .instances
            .iter()
            .map(|instance| instance.name.as_str());
        let words = Words::new(Paint::for_stderr(), names);
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let live = if std::io::stderr().is_terminal() && !is_dumb {
            Live::new(Box::new(Bars::new(words)), words, cancelled)
        } else {
            Live::new(Box::new(Plain::new(words)), words, cancelled)
        };
        Console::Live(live)
    }

    /// One JSON object an event.
    pub fn start_json() -> Console {
        Console::Json(Json::new())
    }

    /// What the run reports to.
    pub fn listener(&self) -> &dyn Listener {
        match self {
            Console::Live(live) => live,
            Console::Json(json) => json,
        }
    }

    /// Puts out what is left, and takes the bars away. Waits until it is done.
    pub fn finish(&self) {
        if let Console::Live(live) = self {
            live.finish();
        }
    }
}
