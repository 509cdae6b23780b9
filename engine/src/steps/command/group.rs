//! A command and all that it starts: a process group that ends as one.

use std::os::fd::OwnedFd;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

use super::super::{Context, StepError};
use super::watchdog::Watched;

/// How long a command has between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(2);
/// The longest pause between two looks at it.
const PAUSE: Duration = Duration::from_millis(20);

/// Waits for a process to end, but never long, so that an interruption is heard.
struct End {
    /// Readable once the process has ended; `None` where the system has no such thing.
    process: Option<OwnedFd>,
    pause: Duration,
}

impl End {
    fn of(process: Option<Pid>) -> End {
        #[cfg(target_os = "linux")]
        let process = process.and_then(|process| {
            rustix::process::pidfd_open(process, rustix::process::PidfdFlags::empty()).ok()
        });
        #[cfg(not(target_os = "linux"))]
        let process = process.and(None);
        End {
            process,
            pause: Duration::from_micros(200),
        }
    }

    fn await_briefly(&mut self) {
        if let Some(process) = &self.process {
            let mut events = [PollFd::new(process, PollFlags::IN)];
            let longest = Timespec::try_from(PAUSE).ok();
            match poll(&mut events, longest.as_ref()) {
                Ok(_) | Err(Errno::INTR) => return,
                Err(_) => self.process = None,
            }
        }
        std::thread::sleep(self.pause);
        self.pause = (self.pause * 2).min(PAUSE);
    }
}

/// The process group of a running command.
pub struct Group {
    leader: Child,
    id: Option<Pid>,
    _watched: Watched,
}

impl Group {
    /// The group that `leader` leads.
    pub fn new(leader: Child) -> Group {
        Group {
            id: i32::try_from(leader.id()).ok().and_then(Pid::from_raw),
            _watched: Watched::new(leader.id()),
            leader,
        }
    }

    /// Waits for the command and for what it left running in the background, which is killed if it does not end soon. When the
    /// run is interrupted the whole group is asked to end, and killed if it does not.
    pub fn wait(mut self, context: &Context<'_>) -> Result<ExitStatus, StepError> {
        let mut end = End::of(self.id);
        let mut ended: Option<(ExitStatus, Instant)> = None;
        loop {
            if ended.is_none() {
                let status = self.leader.try_wait().map_err(|error| {
                    self.signal(Signal::KILL);
                    StepError::new(format!("waiting for the command: {error}"))
                })?;
                ended = status.map(|status| (status, Instant::now()));
                if ended.is_some() {
                    end.process = None;
                }
            }
            if let Some((status, since)) = ended {
                // Once the leader is waited for, the group is there as long as any other process of it is.
                if !self.is_alive() {
                    return Ok(status);
                }
                if since.elapsed() > GRACE {
                    self.signal(Signal::KILL);
                    context.note("what it left running in the background was killed");
                    return Ok(status);
                }
            }
            if context.is_cancelled() {
                self.end();
                return Err(StepError::Cancelled);
            }
            end.await_briefly();
        }
    }

    /// SIGTERM, and SIGKILL to what is left after a while.
    fn end(&mut self) {
        self.signal(Signal::TERM);
        let asked = Instant::now();
        while asked.elapsed() < GRACE {
            let is_leader_gone = matches!(self.leader.try_wait(), Ok(Some(_)) | Err(_));
            if is_leader_gone && !self.is_alive() {
                return;
            }
            std::thread::sleep(PAUSE);
        }
        self.signal(Signal::KILL);
        if let Err(error) = self.leader.wait() {
            tracing::debug!("waiting for a command that was killed: {error}");
        }
    }

    fn is_alive(&self) -> bool {
        self.id
            .is_some_and(|id| test_kill_process_group(id) != Err(Errno::SRCH))
    }

    fn signal(&self, signal: Signal) {
        let Some(id) = self.id else {
            return;
        };
        match kill_process_group(id, signal) {
            Ok(()) | Err(Errno::SRCH) => {}
            Err(error) => tracing::debug!("ending a command: {error}"),
        }
    }
}
