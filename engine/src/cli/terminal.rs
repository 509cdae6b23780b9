//! The two streams of a terminal: what they can show, and writing to them when nobody reads any more.

use std::io::{self, IsTerminal, Write};

use miette::{IntoDiagnostic, Result, WrapErr};

/// Writes results to stdout. A reader that went away, as `head` does, has all that it wanted.
pub fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error)
            .into_diagnostic()
            .wrap_err("writing to the standard output"),
        _ => Ok(()),
    }
}

/// Writes what happens to stderr. There is nobody to tell if that fails.
pub fn say(text: &str) {
    let mut out = io::stderr().lock();
    let _unheard = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// How many characters a line on stdout holds; `None` where it is no terminal and lines may be of any length.
pub fn stdout_width() -> Option<usize> {
    let out = io::stdout();
    if !out.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(&out).ok()?;
    // A terminal that does not know its size says 0.
    Some(usize::from(size.ws_col)).filter(|&columns| columns > 0)
}

/// Colours a text, on a terminal that shows colours to a user who wants them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paint(bool);

impl Paint {
    /// For stdout.
    pub fn for_stdout() -> Paint {
        Paint(io::stdout().is_terminal() && colours_wanted())
    }

    /// For stderr.
    pub fn for_stderr() -> Paint {
        Paint(io::stderr().is_terminal() && colours_wanted())
    }

    /// Without colours.
    #[cfg(test)]
    pub fn none() -> Paint {
        Paint(false)
    }

    /// What went well.
    pub fn good(self, text: &str) -> String {
        self.code("32", text)
    }

    /// What went wrong.
    pub fn bad(self, text: &str) -> String {
        self.code("31", text)
    }

    /// What needs attention.
    pub fn warn(self, text: &str) -> String {
        self.code("33", text)
    }

    /// What moves.
    pub fn live(self, text: &str) -> String {
        self.code("36", text)
    }

    /// What matters most.
    pub fn strong(self, text: &str) -> String {
        self.code("1", text)
    }

    /// What matters less.
    pub fn faint(self, text: &str) -> String {
        self.code("2", text)
    }

    fn code(self, code: &str, text: &str) -> String {
        if self.0 && !text.is_empty() {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

/// <https://no-color.org>: any value but the empty one means no colours.
fn colours_wanted() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_coloured_only_where_colours_are_wanted() {
        assert_eq!(Paint(false).good("ok"), "ok");
        assert_eq!(Paint(true).good("ok"), "\u{1b}[32mok\u{1b}[0m");
        assert_eq!(Paint(true).faint(""), "");
    }
}
