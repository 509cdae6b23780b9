//! A run in a log or a pipe: lines only, and now and then a sign of life of a long step.

use std::collections::HashMap;
use std::time::Duration;

use super::live::{Counts, Display, Running};
use super::words::{Words, whole_seconds};
use crate::cli::terminal::say;

/// How often a long step gives a sign of life.
const SIGN_OF_LIFE: Duration = Duration::from_secs(30);

/// Plain lines on stderr.
pub struct Plain {
    words: Words,
    said: HashMap<String, Duration>,
}

impl Plain {
    /// With these words.
    pub fn new(words: Words) -> Plain {
        Plain {
            words,
            said: HashMap::new(),
        }
    }
}

impl Display for Plain {
    fn lines(&mut self, text: &str) {
        say(text);
    }

    fn running(&mut self, running: &[Running], _counts: Counts, now: Duration) {
        self.said
            .retain(|step, _| running.iter().any(|running| running.step == *step));
        for step in running {
            let said = self.said.get(&step.step).copied().unwrap_or(step.since);
            if now.saturating_sub(said) < SIGN_OF_LIFE {
                continue;
            }
            self.said.insert(step.step.clone(), now);
            let how_far = step.how_far(now).unwrap_or_else(|| step.why.clone());
            let elapsed = whole_seconds(now.saturating_sub(step.since));
            let name = self.words.name(&step.step);
            say(&format!("… {name}  {elapsed:>9}  {how_far}\n"));
        }
    }

    fn clear(&mut self) {}
}
