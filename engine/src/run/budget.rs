//! What the machine has, and what running steps have taken of it.

use std::num::NonZero;

use crate::steps::Resources;

/// Cores, memory and the GPU that are free.
#[derive(Clone, Debug)]
pub struct Budget {
    total_cores: usize,
    free_cores: usize,
    free_memory: u64,
    total_memory: u64,
    slots: usize,
    gpu: Gpu,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gpu {
    Free,
    Shared(usize),
    Taken,
}

/// What was given to a running step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Cores, at least one.
    pub cores: usize,
    memory: u64,
    gpu: bool,
}

impl Budget {
    /// All of this machine, for at most `jobs` steps at a time.
    pub fn of_machine(jobs: Option<usize>) -> Budget {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let memory = physical_memory().unwrap_or(u64::MAX);
        Budget::new(cores, memory, jobs.unwrap_or(cores).max(1))
    }

    /// A budget of `cores`, `memory` bytes and `slots` steps at a time.
    pub fn new(cores: usize, memory: u64, slots: usize) -> Budget {
        Budget {
            total_cores: cores,
            free_cores: cores,
            free_memory: memory,
            total_memory: memory,
            slots,
            gpu: Gpu::Free,
        }
    }

    /// Takes what a step needs, or nothing where it must wait. Of the cores that it can make use of it gets its share
    /// among those of the `ready` steps that may run at the same time, at least one; what is more than the machine has counts
    /// as all of it.
    pub fn take(&mut self, needs: &Resources, ready: usize) -> Option<Grant> {
        let memory = needs.memory.min(self.total_memory);
        let gpu_fits = !needs.gpu
            || self.gpu == Gpu::Free
            || (needs.shares_gpu && matches!(self.gpu, Gpu::Shared(_)));
        if self.is_exhausted() || memory > self.free_memory || !gpu_fits {
            return None;
        }
        let sharing = ready.clamp(1, self.slots);
        let share = (self.free_cores / sharing).max(1);
        let cores = needs.cores.clamp(1, share);
        self.free_cores -= cores;
        self.free_memory -= memory;
        self.slots -= 1;
        if needs.gpu {
            self.gpu = match (needs.shares_gpu, self.gpu) {
                (true, Gpu::Shared(count)) => Gpu::Shared(count + 1),
                (true, _) => Gpu::Shared(1),
                (false, _) => Gpu::Taken,
            };
        }
        Some(Grant {
            cores,
            memory,
            gpu: needs.gpu,
        })
    }

    /// Whether no step at all can have anything.
    pub fn is_exhausted(&self) -> bool {
        self.slots == 0 || self.free_cores == 0
    }

    /// What each of some steps has beside its grant, where the cores that nobody took are shared out among them: each core goes to
    /// the one with the fewest. `granted` and `most` are what they have and what they can make use of.
    pub fn lend(&self, steps: &[(usize, usize)]) -> Vec<usize> {
        let mut lent = vec![0; steps.len()];
        for _ in 0..self.free_cores {
            let can_use =
                (0..steps.len()).filter(|&step| steps[step].0 + lent[step] < steps[step].1);
            let Some(poorest) = can_use.min_by_key(|&step| steps[step].0 + lent[step]) else {
                break;
            };
            lent[poorest] += 1;
        }
        lent
    }

    /// The cores of the machine.
    pub fn total_cores(&self) -> usize {
        self.total_cores
    }

    /// Gives back what was taken.
    pub fn give_back(&mut self, grant: Grant) {
        self.free_cores = (self.free_cores + grant.cores).min(self.total_cores);
        self.free_memory = self
            .free_memory
            .saturating_add(grant.memory)
            .min(self.total_memory);
        self.slots += 1;
        if grant.gpu {
            self.gpu = match self.gpu {
                Gpu::Shared(count) if count > 1 => Gpu::Shared(count - 1),
                _ => Gpu::Free,
            };
        }
    }
}

fn physical_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpu(shares_gpu: bool) -> Resources {
        Resources {
            gpu: true,
            shares_gpu,
            ..Resources::default()
        }
    }

    #[test]
    fn two_gpu_steps_share_one_gpu_only_if_both_say_so() {
        let mut budget = Budget::new(8, 1 << 30, 8);
        let first = budget.take(&gpu(false), 1).unwrap();
        assert_eq!(budget.take(&gpu(false), 1), None);
        assert_eq!(budget.take(&gpu(true), 1), None);
        budget.give_back(first);
        let shared = budget.take(&gpu(true), 1).unwrap();
        assert!(budget.take(&gpu(true), 1).is_some());
        assert_eq!(budget.take(&gpu(false), 1), None);
        budget.give_back(shared);
        assert_eq!(budget.take(&gpu(false), 1), None);
    }

    #[test]
    fn a_step_that_wants_more_than_the_machine_has_gets_all_of_it() {
        let mut budget = Budget::new(4, 1000, 4);
        let needs = Resources {
            cores: 64,
            memory: 5000,
            ..Resources::default()
        };
        let grant = budget.take(&needs, 1).unwrap();
        assert_eq!(grant.cores, 4);
        assert_eq!(budget.take(&Resources::default(), 1), None);
        budget.give_back(grant);
        assert!(budget.take(&needs, 1).is_some());
    }

    #[test]
    fn steps_that_are_ready_together_share_the_cores() {
        let mut budget = Budget::new(4, 1000, 4);
        let needs = Resources {
            cores: 4,
            ..Resources::default()
        };
        assert_eq!(budget.take(&needs, 2).unwrap().cores, 2);
        assert_eq!(budget.take(&needs, 1).unwrap().cores, 2);
    }

    #[test]
    fn cores_that_nobody_took_are_lent_to_the_poorest_that_can_use_them() {
        let mut budget = Budget::new(8, 1000, 4);
        let needs = Resources::default();
        budget.take(&needs, 1).unwrap();
        budget.take(&needs, 1).unwrap();
        assert_eq!(budget.lend(&[(1, 8), (1, 2)]), [5, 1]);
        assert_eq!(budget.lend(&[(1, 8), (1, 8)]), [3, 3]);
        assert_eq!(budget.lend(&[(1, 1)]), [0]);
        assert_eq!(budget.lend(&[]), [0; 0]);
    }

    #[test]
    fn a_step_that_may_run_alone_gets_all_cores_however_many_are_ready() {
        let mut budget = Budget::new(4, 1000, 1);
        let needs = Resources {
            cores: 4,
            ..Resources::default()
        };
        assert_eq!(budget.take(&needs, 18).unwrap().cores, 4);
    }

    #[test]
    fn no_more_steps_run_than_there_are_jobs() {
        let mut budget = Budget::new(4, 1000, 1);
        let grant = budget.take(&Resources::default(), 1).unwrap();
        assert_eq!(budget.take(&Resources::default(), 1), None);
        budget.give_back(grant);
        assert!(budget.take(&Resources::default(), 1).is_some());
    }

    #[test]
    fn memory_that_is_taken_makes_others_wait() {
        let mut budget = Budget::new(4, 1000, 4);
        let needs = Resources {
            memory: 600,
            ..Resources::default()
        };
        let grant = budget.take(&needs, 1).unwrap();
        assert_eq!(budget.take(&needs, 1), None);
        budget.give_back(grant);
        assert!(budget.take(&needs, 1).is_some());
    }
}
