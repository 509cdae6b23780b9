//! The lines that a run leaves behind, whatever they are shown on.

use std::fmt::Write;
use std::time::Duration;

use crate::cli::terminal::Paint;
use crate::report::number;
use crate::run::meter::Meter;

/// Step names are padded to the longest one, up to this many characters.
const WIDEST_NAME: usize = 36;

/// How finished and failed steps are put into words.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// Colours.
    pub paint: Paint,
    name_width: usize,
}

impl Words {
    /// For the steps that `names` names.
    pub fn new<'a>(paint: Paint, names: impl Iterator<Item = &'a str>) -> Words {
        let longest = names.map(|name| name.chars().count()).max().unwrap_or(0);
        Words {
            paint,
            name_width: longest.min(WIDEST_NAME),
        }
    }

    /// A step's name, padded.
    pub fn name(&self, name: &str) -> String {
        format!("{name:width$}", width = self.name_width)
    }

    /// `✓ unique    0.42 s  7,187 rows, 71 removed`
    pub fn finished(&self, step: &str, wall_ms: u64, notes: &[String], shared: bool) -> String {
        let mut words = notes.join("; ");
        if shared {
            let by_whom = "the same was computed elsewhere meanwhile";
            words = if words.is_empty() {
                by_whom.to_owned()
            } else {
                format!("{words} ({by_whom})")
            };
        }
        self.line(&self.paint.good("✓"), step, wall_ms, &words)
    }

    /// `✗ fit       0.12 s  the command ended with exit code 3`, and below what the program printed and what to do.
    pub fn failed(
        &self,
        step: &str,
        wall_ms: u64,
        message: &str,
        help: Option<&str>,
        output: Option<&str>,
    ) -> String {
        let mut lines = message.lines();
        let first = lines.next().unwrap_or_default();
        let mut text = self.line(
            &self.paint.bad("✗"),
            &self.paint.strong(&self.name(step)),
            wall_ms,
            first,
        );
        let mut add = |mark: &str, line: &str| {
            let _infallible = writeln!(text, "  {mark} {}", visible(line));
        };
        lines.for_each(|line| add(" ", line));
        output
            .into_iter()
            .flat_map(str::lines)
            .for_each(|line| add(&self.paint.faint("│"), line));
        for (at, line) in help.into_iter().flat_map(str::lines).enumerate() {
            let mark = if at == 0 { "help:" } else { "     " };
            add(&self.paint.live(mark), line);
        }
        text
    }

    /// `- fit       stopped after 0.12 s`
    pub fn stopped(&self, step: &str, wall_ms: u64) -> String {
        self.line(&self.paint.warn("-"), step, wall_ms, "stopped")
    }

    fn line(&self, mark: &str, step: &str, wall_ms: u64, words: &str) -> String {
        let line = format!(
            "{mark} {}  {:>9}  {}",
            self.name(step),
            milliseconds(wall_ms),
            visible(words)
        );
        format!("{}\n", line.trim_end())
    }
}

/// `1,234 of 5,000 rows, 812 rows/s, 5 s left`
pub fn progress(meter: &Meter, now: Duration) -> String {
    let amount = |value: u64| match meter.unit {
        "bytes" => number::bytes(value),
        _ => number::count(value),
    };
    let unit = match meter.unit {
        "bytes" => "",
        unit => unit,
    };
    let mut text = amount(meter.done);
    if meter.total > 0 {
        let _infallible = write!(text, " of {}", amount(meter.total));
    }
    if !unit.is_empty() {
        let _infallible = write!(text, " {unit}");
    }
    if let Some(rate) = meter.rate() {
        let rate = match unit {
            "" => number::bytes(rate.round() as u64),
            _ if rate >= 100.0 => format!("{} {unit}", number::count(rate.round() as u64)),
            _ => format!("{rate:.1} {unit}"),
        };
        let _infallible = write!(text, ", {rate}/s");
    }
    if let Some(left) = meter.remaining(now) {
        let _infallible = write!(text, ", {} left", whole_seconds(left));
    }
    text
}

/// A duration that changes under the reader's eyes: without fractions of a second.
pub fn whole_seconds(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        _ => number::duration(duration),
    }
}

/// A measured duration.
pub fn milliseconds(wall_ms: u64) -> String {
    match wall_ms {
        0 => "<1 ms".to_owned(),
        1..1000 => format!("{wall_ms} ms"),
        _ => number::duration(Duration::from_millis(wall_ms)),
    }
}

/// `1 step`, `12 steps`.
pub fn steps(count: usize) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} step{plural}", number::count(count as u64))
}

/// A line without what would steer the terminal; output of programs may hold anything.
fn visible(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' if rest.next_if_eq(&'[').is_some() => {
                // A control sequence, as for a colour, ends at its first letter.
                while rest.next().is_some_and(|c| !('@'..='~').contains(&c)) {}
            }
            '\t' => text.push(' '),
            c if c.is_control() => text.push('�'),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Words {
        Words::new(Paint::none(), ["load", "unique"].into_iter())
    }

    #[test]
    fn a_finished_step_says_how_long_it_took_and_what_it_found() {
        let notes = ["7,187 rows".to_owned(), "71 removed".to_owned()];
        assert_eq!(
            words().finished("load", 420, &notes, false),
            "✓ load       420 ms  7,187 rows; 71 removed\n"
        );
        assert_eq!(
            words().finished("unique", 0, &[], false),
            "✓ unique      <1 ms\n"
        );
    }

    #[test]
    fn a_failed_step_shows_the_output_and_then_the_help() {
        let text = words().failed(
            "load",
            12,
            "exit code 3",
            Some("try this"),
            Some("\u{1b}[1;31ma\u{1b}[0m\nb\u{7}"),
        );
        assert_eq!(
            text,
            "✗ load        12 ms  exit code 3\n  │ a\n  │ b�\n  help: try this\n"
        );
    }

    #[test]
    fn progress_names_amount_rate_and_remaining_time() {
        let mut meter = Meter::new(0, 5000, "rows", Duration::ZERO);
        meter.update(1000, 5000, "rows", Duration::from_secs(2));
        assert_eq!(
            progress(&meter, Duration::from_secs(2)),
            "1,000 of 5,000 rows, 500 rows/s, 8 s left"
        );
        let mut meter = Meter::new(0, 0, "bytes", Duration::ZERO);
        meter.update(4_000_000, 0, "bytes", Duration::from_secs(2));
        assert_eq!(progress(&meter, Duration::from_secs(2)), "4.0 MB, 2.0 MB/s");
    }
}
