//! A run on a terminal: finished steps scroll by above, running ones have a bar each, and the last line counts.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::live::{Counts, Display, Running};
use super::words::{Words, steps, whole_seconds};
use crate::run::meter::Meter;

/// A step that is over sooner never gets a bar.
const NOTICEABLE: Duration = Duration::from_millis(200);
/// More bars than this would push everything else from the screen.
const MOST_BARS: usize = 12;
/// Characters of a bar.
const BAR_WIDTH: usize = 24;
/// The steps of a spinner.
const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// Bars on stderr.
pub struct Bars {
    words: Words,
    screen: MultiProgress,
    /// One for each line that is shown, the count last.
    lines: Vec<ProgressBar>,
}

impl Bars {
    /// With these words.
    pub fn new(words: Words) -> Bars {
        Bars {
            words,
            screen: MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(20)),
            lines: Vec::new(),
        }
    }

    fn line(&self, step: &Running, now: Duration) -> String {
        let paint = self.words.paint;
        let elapsed = now.saturating_sub(step.since);
        let name = self.words.name(&step.step);
        let spinner = SPINNER[(now.as_millis() / 100) as usize % SPINNER.len()];
        let share = step.meter.as_ref().and_then(Meter::share);
        let how_far = match (step.how_far(now), share) {
            (Some(words), Some(share)) => format!("{}  {words}", self.bar(share)),
            (Some(words), None) => words,
            (None, _) => paint.faint(&step.why),
        };
        format!(
            "{} {name}  {:>9}  {how_far}",
            paint.live(spinner),
            whole_seconds(elapsed)
        )
    }

    fn bar(&self, share: f64) -> String {
        let filled = (share * BAR_WIDTH as f64).floor() as usize;
        let paint = self.words.paint;
        format!(
            "{}{}",
            paint.live(&"━".repeat(filled)),
            paint.faint(&"─".repeat(BAR_WIDTH - filled))
        )
    }

    fn count(&self, running: usize, hidden: usize, counts: Counts, now: Duration) -> String {
        let done = counts.cached + counts.ran;
        let mut text = format!("  {done} of {}", steps(counts.all));
        if counts.cached > 0 {
            text.push_str(&format!(", {} cached", counts.cached));
        }
        if counts.failed > 0 {
            text.push_str(&format!(", {} failed", counts.failed));
        }
        text.push_str(&format!(", {running} running"));
        if hidden > 0 {
            text.push_str(&format!(" ({hidden} not shown)"));
        }
        self.words
            .paint
            .faint(&format!("{text}, {}", whole_seconds(now)))
    }
}

impl Display for Bars {
    fn lines(&mut self, text: &str) {
        if let Err(error) = self.screen.println(text.trim_end_matches('\n')) {
            tracing::debug!("drawing on the terminal: {error}");
        }
    }

    fn running(&mut self, running: &[Running], counts: Counts, now: Duration) {
        let noticeable: Vec<&Running> = running
            .iter()
            .filter(|step| now.saturating_sub(step.since) >= NOTICEABLE)
            .collect();
        let shown = noticeable.len().min(MOST_BARS);
        let mut texts: Vec<String> = noticeable[..shown]
            .iter()
            .map(|step| self.line(step, now))
            .collect();
        if now >= NOTICEABLE && counts.all > 0 {
            texts.push(self.count(running.len(), noticeable.len() - shown, counts, now));
        }
        while self.lines.len() > texts.len() {
            if let Some(line) = self.lines.pop() {
                self.screen.remove(&line);
            }
        }
        while self.lines.len() < texts.len() {
            let style = ProgressStyle::with_template("{wide_msg}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner());
            let line = ProgressBar::no_length().with_style(style);
            self.lines.push(self.screen.add(line));
        }
        for (line, text) in self.lines.iter().zip(texts) {
            line.set_message(text);
        }
    }

    fn clear(&mut self) {
        for line in self.lines.drain(..) {
            line.finish_and_clear();
        }
        if let Err(error) = self.screen.clear() {
            tracing::debug!("drawing on the terminal: {error}");
        }
    }
}
