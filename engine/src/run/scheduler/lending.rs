//! Cores that no step took, lent to running steps until one takes them.

use std::collections::BTreeMap;

use tensor::cpu::Cores;

use crate::run::budget::{Budget, Grant};
use crate::steps::Resources;

/// Running instances that can make use of more cores at any time: those that compute tensors on the processor.
#[derive(Default)]
pub struct Lending {
    borrowers: BTreeMap<usize, Borrower>,
}

struct Borrower {
    cores: Cores,
    granted: usize,
    most: usize,
}

impl Lending {
    /// The cores of an instance that begins.
    pub fn begin(
        &mut self,
        index: usize,
        needs: &Resources,
        grant: Grant,
        budget: &Budget,
    ) -> Cores {
        if !needs.tensors || needs.gpu {
            return grant.cores.into();
        }
        let most = needs.cores.min(budget.total_cores());
        let cores = Cores::new(grant.cores, most);
        let borrower = Borrower {
            cores: cores.clone(),
            granted: grant.cores,
            most,
        };
        self.borrowers.insert(index, borrower);
        cores
    }

    /// An instance has ended.
    pub fn end(&mut self, index: usize) {
        self.borrowers.remove(&index);
    }

    /// Lends what is free now.
    pub fn lend(&self, budget: &Budget) {
        let borrowers = self.borrowers.values();
        let steps: Vec<(usize, usize)> = (borrowers.clone())
            .map(|borrower| (borrower.granted, borrower.most))
            .collect();
        for (borrower, lent) in borrowers.zip(budget.lend(&steps)) {
            borrower.cores.set(borrower.granted + lent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_of_tensors_has_what_others_leave_as_long_as_they_leave_it() {
        let mut budget = Budget::new(4, 1000, 4);
        let mut lending = Lending::default();
        let tensors = Resources::of_tensors();
        let mut begin = |index: usize, budget: &mut Budget, ready: usize| {
            let grant = budget.take(&tensors, ready).unwrap();
            let cores = lending.begin(index, &tensors, grant, budget);
            lending.lend(budget);
            (cores, grant)
        };
        let (first, _) = begin(0, &mut budget, 4);
        assert_eq!(first.now(), 4);
        let (second, grant) = begin(1, &mut budget, 3);
        assert_eq!((first.now(), second.now()), (2, 2));
        let other = budget.take(&Resources::default(), 1).unwrap();
        lending.lend(&budget);
        assert_eq!(first.now() + second.now(), 3);
        budget.give_back(grant);
        lending.end(1);
        lending.lend(&budget);
        assert_eq!(first.now(), 3);
        budget.give_back(other);
        lending.lend(&budget);
        assert_eq!(first.now(), 4);
    }
}
