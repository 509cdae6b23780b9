//! Ends the commands that the engine leaves behind when it dies on the spot: at a second Ctrl-C, by SIGKILL, or out of memory.
//!
//! A shell of its own process group is told which process groups run. When the pipe that tells it breaks off, the engine is
//! gone, and it kills those that are left. `PR_SET_PDEATHSIG` would reach the command's shell alone and not what that
//! shell has started, and needs `unsafe`.
//!
//! A command tells of itself, before it does anything else: were it the engine that tells, a command would outlive an engine
//! that is killed between starting it and telling of it.

use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock};

/// Uses nothing but what a POSIX shell has built in.
const SCRIPT: &str = r#"
trap '' HUP INT TERM QUIT
groups=' '
while read -r sign group; do
  case $sign in
    +) groups="$groups$group " ;;
    -) case $groups in *" $group "*) ;; *) continue ;; esac
       rest="${groups#* $group }"; groups="${groups%% $group *} $rest" ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group"; done
"#;

/// What the shell of a command runs first: it writes its process group to the watchdog, which is its standard input, and then
/// has none. It ends in no line break, so that the shell's messages count the lines of the command alone.
const ANNOUNCEMENT: &str =
    r#"trap '' PIPE; echo "+ $$" >&0 2>/dev/null; trap - PIPE; exec </dev/null; "#;

/// Has a shell that will lead a process group run `line` without any standard input, and the group killed if the engine dies
/// before its [`Watched`] is dropped.
pub fn run_watched(shell: &mut Command, line: &str) {
    let pipe = pipe().and_then(|pipe| {
        let pipe = pipe.lock().ok()?;
        pipe.as_fd().try_clone_to_owned().ok()
    });
    shell.arg("-c");
    match pipe {
        Some(pipe) => shell.arg(format!("{ANNOUNCEMENT}{line}")).stdin(pipe),
        None => shell.arg(line).stdin(Stdio::null()),
    };
}

/// A process group that the watchdog knows.
#[derive(Debug)]
pub struct Watched {
    group: u32,
}

impl Watched {
    /// The process group that `leader` leads, which was started by [`run_watched`].
    pub fn new(leader: u32) -> Watched {
        Watched { group: leader }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let Some(pipe) = pipe() else {
            return;
        };
        // A line is shorter than what a pipe takes at once, so half of one is never read.
        let line = format!("- {}\n", self.group);
        if let Ok(mut pipe) = pipe.lock()
            && let Err(error) = pipe.write_all(line.as_bytes())
        {
            tracing::debug!("telling the watchdog of a command: {error}");
        }
    }
}

/// What the watchdog reads, or `None` where there is none.
fn pipe() -> Option<&'static Mutex<ChildStdin>> {
    static WATCHDOG: OnceLock<Option<Mutex<ChildStdin>>> = OnceLock::new();
    WATCHDOG.get_or_init(start).as_ref()
}

fn start() -> Option<Mutex<ChildStdin>> {
    let started = Command::new("sh")
        .arg("-c")
        .arg(SCRIPT)
        .current_dir("/")
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn();
    match started {
        Ok(mut watchdog) => watchdog.stdin.take().map(Mutex::new),
        Err(error) => {
            tracing::warn!("commands would outlive an engine that is killed: {error}");
            None
        }
    }
}
