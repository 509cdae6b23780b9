//! Ends the commands that the engine leaves behind when it dies on the spot: at a second Ctrl-C, by SIGKILL, or out of memory.
//!
//! A shell of its own process group is told which process groups run. When the pipe that tells it breaks off, the engine is
//! gone, and it kills those that are left. `PR_SET_PDEATHSIG` would reach the command's shell alone and not what that
//! shell has started, and needs `unsafe`.

use std::io::Write;
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
    -) rest="${groups#* $group }"; groups="${groups%% $group *} $rest" ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group"; done
"#;

/// A process group that is killed if the engine dies before this is dropped.
#[derive(Debug)]
pub struct Watched {
    group: u32,
}

impl Watched {
    /// Watches the process group that `leader` leads.
    pub fn new(leader: u32) -> Watched {
        tell('+', leader);
        Watched { group: leader }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        tell('-', self.group);
    }
}

fn tell(sign: char, group: u32) {
    static WATCHDOG: OnceLock<Option<Mutex<ChildStdin>>> = OnceLock::new();
    let Some(pipe) = WATCHDOG.get_or_init(start) else {
        return;
    };
    // A line is shorter than what a pipe takes at once, so half of one is never read.
    let line = format!("{sign} {group}\n");
    if let Ok(mut pipe) = pipe.lock()
        && let Err(error) = pipe.write_all(line.as_bytes())
    {
        tracing::debug!("telling the watchdog of a command: {error}");
    }
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
