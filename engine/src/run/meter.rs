//! How far a running step is, how fast it goes, and how long it will still take.

use std::time::Duration;

/// Turns what a step says of its progress into a rate and a remaining time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Meter {
    /// How much is done.
    pub done: u64,
    /// Of how much; 0 where nobody knows.
    pub total: u64,
    /// Of what.
    pub unit: &'static str,
    first: (u64, Duration),
    last: Duration,
}

impl Meter {
    /// Begins with what a step said first. All times are since any one moment.
    pub fn new(done: u64, total: u64, unit: &'static str, now: Duration) -> Meter {
        Meter {
            done,
            total,
            unit,
            first: (done, now),
            last: now,
        }
    }

    /// Takes in what it said next. Another unit, another total or a smaller number begins anew: the step has gone on
    /// to its next task.
    pub fn update(&mut self, done: u64, total: u64, unit: &'static str, now: Duration) {
        if unit != self.unit || total != self.total || done < self.done {
            *self = Meter::new(done, total, unit, now);
            return;
        }
        if done > self.done {
            self.done = done;
            self.last = now;
        }
    }

    /// Units a second, once there is something to measure.
    pub fn rate(&self) -> Option<f64> {
        let seconds = self.last.saturating_sub(self.first.1).as_secs_f64();
        let done = self.done - self.first.0;
        (done > 0 && seconds > 0.0).then(|| done as f64 / seconds)
    }

    /// How long the rest will take at this rate.
    pub fn remaining(&self, now: Duration) -> Option<Duration> {
        if self.total == 0 {
            return None;
        }
        let left = self.total.saturating_sub(self.done) as f64 / self.rate()?;
        let left = Duration::try_from_secs_f64(left).ok()?;
        Some(left.saturating_sub(now.saturating_sub(self.last)))
    }

    /// The share that is done, from 0 to 1.
    pub fn share(&self) -> Option<f64> {
        (self.total > 0).then(|| (self.done as f64 / self.total as f64).min(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn the_remaining_time_follows_from_the_rate_so_far() {
        let mut meter = Meter::new(0, 100, "rows", seconds(10));
        meter.update(20, 100, "rows", seconds(14));
        assert_eq!(meter.rate(), Some(5.0));
        assert_eq!(meter.remaining(seconds(14)), Some(seconds(16)));
        assert_eq!(meter.remaining(seconds(16)), Some(seconds(14)));
        assert_eq!(meter.share(), Some(0.2));
    }

    #[test]
    fn without_a_total_there_is_a_rate_and_no_remaining_time() {
        let mut meter = Meter::new(0, 0, "rows", seconds(0));
        assert_eq!(meter.rate(), None);
        meter.update(8, 0, "rows", seconds(2));
        assert_eq!(meter.rate(), Some(4.0));
        assert_eq!(meter.remaining(seconds(2)), None);
        assert_eq!(meter.share(), None);
    }

    #[test]
    fn the_next_task_of_a_step_is_measured_by_itself() {
        let mut meter = Meter::new(0, 100, "rows", seconds(0));
        meter.update(100, 100, "rows", seconds(1));
        meter.update(0, 10, "labels", seconds(1));
        meter.update(5, 10, "labels", seconds(6));
        assert_eq!(meter.rate(), Some(1.0));
    }

    #[test]
    fn more_than_the_total_is_all_of_it() {
        let mut meter = Meter::new(0, 10, "rows", seconds(0));
        meter.update(12, 10, "rows", seconds(1));
        assert_eq!(meter.share(), Some(1.0));
        assert_eq!(meter.remaining(seconds(1)), Some(seconds(0)));
    }
}
