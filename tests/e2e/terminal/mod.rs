//! The real binary in a terminal.

use std::fs;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use super::support::Project;

/// Runs the engine in a terminal of 100 columns; what it printed there.
pub fn in_terminal(project: &Project, arguments: &str, variables: &[(&str, &str)]) -> String {
    let (controller, terminal) = terminal(100, 30);
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    let share = || Stdio::from(terminal.try_clone().unwrap());
    let mut child = project
        .command(&arguments)
        .envs(variables.iter().copied())
        .stdout(share())
        .stderr(share())
        .spawn()
        .unwrap();
    drop(terminal);
    let mut printed = Vec::new();
    // The end of a terminal is an error, EIO.
    let _end = fs::File::from(controller).read_to_end(&mut printed);
    child.wait().unwrap();
    String::from_utf8_lossy(&printed).into_owned()
}

fn terminal(columns: u16, rows: u16) -> (OwnedFd, OwnedFd) {
    use rustix::fs::{Mode, OFlags};
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap();
    let terminal = rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    let size = rustix::termios::Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    rustix::termios::tcsetwinsize(&terminal, size).unwrap();
    (controller, terminal)
}
