//! Programs of the user's own end with the engine, whatever ends it, and whatever they think of SIGTERM.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use support::{Finished, Project, wait_until};

/// A command and a child of its own, neither of which heeds SIGTERM. Each leaves its process id in a file.
const STUBBORN: &str = r#"
[pipeline]
name = "stubborn"
[steps.stubborn]
op = "command"
command = '''
sh -c 'trap "" TERM INT; echo $$ > inner.part; mv inner.part inner; while :; do sleep 1; done' &
trap '' TERM INT
echo $$ > outer.part; mv outer.part outer
while :; do sleep 1; done
'''
"#;

fn pipeline(command: &str) -> Project {
    let text = format!(
        "[pipeline]\nname = \"one\"\n[steps.one]\nop = \"command\"\ncommand = '''\n{command}\n'''\n"
    );
    Project::new().file("one.toml", &text)
}

fn start(project: &Project, file: &str, ready: &[&str]) -> Child {
    let mut child = project
        .command(&["run", file])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    for name in ready {
        wait_until("the command runs", &mut child, || {
            project.path(name).exists()
        });
    }
    child
}

fn send(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// Whether the process that left its id in a file still runs; a dead one that nobody has waited for does not.
fn is_running(project: &Project, file: &str) -> bool {
    let pid = fs::read_to_string(project.path(file)).unwrap();
    let ps = Command::new("ps")
        .args(["-o", "stat=", "-p", pid.trim()])
        .output()
        .unwrap();
    let state = String::from_utf8_lossy(&ps.stdout).trim().to_owned();
    !state.is_empty() && !state.starts_with('Z')
}

fn assert_gone_soon(project: &Project, files: &[&str]) {
    let began = Instant::now();
    while files.iter().any(|file| is_running(project, file)) {
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "a process of the command has outlived the engine"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_command_that_ignores_sigterm_is_gone_when_the_interrupted_engine_ends() {
    for signal in [Signal::INT, Signal::TERM] {
        let project = Project::new().file("stubborn.toml", STUBBORN);
        let child = start(&project, "stubborn.toml", &["inner", "outer"]);
        assert!(is_running(&project, "inner") && is_running(&project, "outer"));
        send(&child, signal);
        Finished::from(child.wait_with_output().unwrap()).exit(130);
        for file in ["inner", "outer"] {
            assert!(!is_running(&project, file), "{file}");
        }
    }
}

#[test]
fn a_second_ctrl_c_leaves_no_process_of_a_command_behind() {
    let project = Project::new().file("stubborn.toml", STUBBORN);
    let mut child = start(&project, "stubborn.toml", &["inner", "outer"]);
    send(&child, Signal::INT);
    send(&child, Signal::INT);
    // One may swallow the other while both are pending.
    std::thread::sleep(Duration::from_millis(50));
    if child.try_wait().unwrap().is_none() {
        send(&child, Signal::INT);
    }
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_gone_soon(&project, &["inner", "outer"]);
}

#[test]
fn an_engine_that_is_killed_leaves_no_process_of_a_command_behind() {
    let project = Project::new().file("stubborn.toml", STUBBORN);
    let mut child = start(&project, "stubborn.toml", &["inner", "outer"]);
    send(&child, Signal::KILL);
    child.wait().unwrap();
    assert_gone_soon(&project, &["inner", "outer"]);
}

#[test]
fn an_interrupted_command_has_time_to_save_what_it_has() {
    let project = pipeline(
        r#"trap 'sleep 0.3; touch saved; exit 1' TERM; touch started; while :; do sleep 0.05; done"#,
    );
    let child = start(&project, "one.toml", &["started"]);
    send(&child, Signal::INT);
    Finished::from(child.wait_with_output().unwrap()).exit(130);
    assert!(project.path("saved").exists());
}

#[test]
fn what_a_command_leaves_in_the_background_ends_with_it_and_is_said() {
    let project = pipeline("sleep 600 & echo $! > background");
    let finished = project.engine("run one.toml").success();
    assert!(!is_running(&project, "background"));
    assert!(
        finished
            .stderr
            .contains("what it left running in the background was killed"),
        "{}",
        finished.stderr
    );
}

#[test]
fn what_a_command_writes_in_the_background_is_waited_for() {
    let project = pipeline("(sleep 0.3; echo late) & echo early");
    project.engine("run one.toml").success();
    let shown = project
        .engine("show one.toml one --export out.txt")
        .success();
    let text = fs::read_to_string(project.path("out.txt")).unwrap_or(shown.stdout);
    assert_eq!(text, "early\nlate\n");
}

#[test]
fn a_command_has_no_standard_input() {
    let project = pipeline("wc -c; echo 'the end'");
    project.engine("run one.toml").success();
    project
        .engine("show one.toml one --export out.txt")
        .success();
    let text = fs::read_to_string(project.path("out.txt")).unwrap();
    let printed: Vec<&str> = text.split_whitespace().collect();
    assert_eq!(printed, ["0", "the", "end"]);
}
