//! [`Batches`]: which rows each step reads. A function of seed and step alone, so that training goes on where it was stopped.

use tensor::RandomKey;

use crate::random::permutation;
use crate::{Optimisation, Text};

/// Batches that are sorted together when texts are grouped by length, as `transformers`' sampler does it.
const GROUPED_BATCHES: usize = 50;

/// The order in which rows are read, epoch after epoch.
#[derive(Clone, Debug)]
pub struct Batches {
    rows: usize,
    batch_size: usize,
    accumulate: usize,
    key: Option<RandomKey>,
    lengths: Option<Vec<usize>>,
    /// The order of the epoch that was read last.
    epoch: Option<(u64, Vec<usize>)>,
}

impl Batches {
    /// Batches of `batch_size` rows of `rows`, of which each step reads `accumulate`; the last of an epoch has what is left. In
    /// the order of the rows without a key; with one, shuffled anew in each epoch.
    pub fn new(rows: usize, batch_size: usize, accumulate: usize, key: Option<RandomKey>) -> Self {
        Self {
            rows,
            batch_size: batch_size.max(1),
            accumulate: accumulate.max(1),
            key,
            lengths: None,
            epoch: None,
        }
    }

    /// With rows of about the same length in a batch: of every 50 batches of the shuffled order, the rows are sorted by length
    /// and cut anew, and then the batches are shuffled. Without a key, nothing is grouped.
    #[must_use]
    pub fn grouped(self, lengths: Vec<usize>) -> Self {
        Self {
            lengths: (lengths.len() == self.rows).then_some(lengths),
            ..self
        }
    }

    /// Those that an optimisation asks for.
    pub(crate) fn of(options: &Optimisation, texts: &[Text], key: RandomKey) -> Self {
        let batches = Self::new(
            texts.len(),
            options.batch_size,
            options.accumulate,
            options.shuffle.then_some(key),
        );
        match options.group_by_length {
            true => batches.grouped(texts.iter().map(Text::len).collect()),
            false => batches,
        }
    }

    /// Steps of an epoch.
    pub fn steps_per_epoch(&self) -> u64 {
        let batches = self.rows.div_ceil(self.batch_size);
        batches.div_ceil(self.accumulate).max(1) as u64
    }

    /// The epoch that a step belongs to, both from 0.
    pub fn epoch_of(&self, step: u64) -> u64 {
        step / self.steps_per_epoch()
    }

    /// The rows of each batch of a step.
    pub fn step(&mut self, step: u64) -> Vec<Vec<usize>> {
        let epoch = self.epoch_of(step);
        if self.epoch.as_ref().is_none_or(|(found, _)| *found != epoch) {
            self.epoch = Some((epoch, self.order(epoch)));
        }
        let order = self.epoch.as_ref().map_or(&[][..], |(_, order)| order);
        let place = (step % self.steps_per_epoch()) as usize;
        let batches = order.chunks(self.batch_size);
        batches
            .skip(place * self.accumulate)
            .take(self.accumulate)
            .map(<[usize]>::to_vec)
            .collect()
    }

    fn order(&self, epoch: u64) -> Vec<usize> {
        let Some(key) = self.key else {
            return (0..self.rows).collect();
        };
        let key = key.fold(epoch);
        let mut order = permutation(key, self.rows);
        let Some(lengths) = &self.lengths else {
            return order;
        };
        for group in order.chunks_mut(self.batch_size * GROUPED_BATCHES) {
            group.sort_by_key(|&row| std::cmp::Reverse(lengths[row]));
        }
        let batches: Vec<&[usize]> = order.chunks(self.batch_size).collect();
        // A batch that is not full stays the last: all others are found by their size.
        let full = self.rows / self.batch_size;
        let mut places = permutation(key.fold(u64::MAX), full);
        places.extend(full..batches.len());
        places
            .into_iter()
            .flat_map(|place| batches[place])
            .copied()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(batches: &mut Batches, epoch: u64) -> Vec<Vec<usize>> {
        let steps = batches.steps_per_epoch();
        (epoch * steps..(epoch + 1) * steps)
            .flat_map(|step| batches.step(step))
            .collect()
    }

    #[test]
    fn every_row_comes_once_an_epoch_in_an_order_that_seed_and_epoch_alone_decide() {
        let lengths: Vec<usize> = (0..23).map(|row| row * 7 % 11).collect();
        let plain = Batches::new(23, 4, 1, Some(RandomKey::new(1)));
        for batches in [plain.clone(), plain.clone().grouped(lengths)] {
            let (mut straight, mut jumping) = (batches.clone(), batches.clone());
            let first = epoch(&mut straight, 0);
            let second = epoch(&mut straight, 1);
            assert_ne!(first, second);
            assert_eq!(epoch(&mut jumping, 1), second);
            assert_eq!(epoch(&mut jumping, 0), first);
            for batches in [first, second] {
                assert_eq!(
                    batches.iter().map(Vec::len).collect::<Vec<_>>(),
                    [4, 4, 4, 4, 4, 3]
                );
                let mut rows = batches.concat();
                rows.sort_unstable();
                assert_eq!(rows, (0..23).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn grouped_batches_hold_rows_of_about_the_same_length() {
        let lengths: Vec<usize> = (0..64).map(|row| row * 37 % 64).collect();
        let spread = |batches: &mut Batches| -> usize {
            let of = |batch: &Vec<usize>| {
                let lengths = || batch.iter().map(|&row| lengths[row]);
                lengths().max().unwrap() - lengths().min().unwrap()
            };
            epoch(batches, 0).iter().map(of).max().unwrap()
        };
        let plain = Batches::new(64, 8, 1, Some(RandomKey::new(1)));
        assert_eq!(spread(&mut plain.clone().grouped(lengths.clone())), 7);
        assert!(spread(&mut plain.clone()) > 30);
    }

    #[test]
    fn a_step_reads_as_many_batches_as_it_accumulates_and_without_a_key_in_order() {
        let mut batches = Batches::new(10, 2, 2, None);
        assert_eq!(batches.steps_per_epoch(), 3);
        assert_eq!(batches.step(0), [[0, 1], [2, 3]]);
        assert_eq!(batches.step(2), [[8, 9]]);
        assert_eq!(batches.step(3), [[0, 1], [2, 3]]);
    }
}
