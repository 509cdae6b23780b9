//! Texts to term counts, over threads.

use super::analyzer::{Scratch, TermCutter};
use super::terms::Terms;
use crate::{Result, Workers};

/// Rows of (term number, count), in the order of the terms' first appearance in each text.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) ends: Vec<usize>,
    pub(super) numbers: Vec<u32>,
    pub(super) counts: Vec<u32>,
}

impl Counts {
    pub(super) fn rows(&self) -> impl Iterator<Item = (&[u32], &[u32])> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, &end)| (&self.numbers[start..end], &self.counts[start..end]))
    }
}

/// Counts one text at a time: for each term the last text it was seen in, and its place in that text's row.
#[derive(Default)]
struct Counter {
    rows: Counts,
    last: Vec<(u32, u32)>,
}

impl Counter {
    #[inline]
    fn add(&mut self, number: u32, binary: bool) {
        let text = self.rows.ends.len() as u32 + 1;
        let slot = number as usize;
        if slot >= self.last.len() {
            self.last.resize((slot + 1).next_power_of_two(), (0, 0));
        }
        let (seen, place) = &mut self.last[slot];
        if *seen != text {
            (*seen, *place) = (text, self.rows.numbers.len() as u32);
            self.rows.numbers.push(number);
            self.rows.counts.push(1);
        } else if !binary {
            self.rows.counts[*place as usize] += 1;
        }
    }

    fn end_row(&mut self) {
        self.rows.ends.push(self.rows.numbers.len());
    }
}

/// Texts in one piece of work: enough that the pieces' vocabularies overlap, few enough to cancel soon.
const GRAIN: usize = 4096;

/// Learns the terms of `texts` and counts them. The numbers of the terms depend on the order of the texts alone.
pub(super) fn learn(
    texts: &[&str],
    cutter: &TermCutter,
    binary: bool,
    workers: &Workers,
) -> Result<(Terms, Vec<Counts>)> {
    let grain = GRAIN.min(texts.len().div_ceil(workers.threads()));
    let pieces = workers.map("learning the vocabulary", texts.len(), grain, |range| {
        let (mut terms, mut counter, mut scratch) =
            (Terms::default(), Counter::default(), Scratch::default());
        for text in &texts[range] {
            cutter.cut(text, &mut scratch, |term| {
                counter.add(terms.intern(term), binary)
            });
            counter.end_row();
        }
        (terms, counter.rows)
    })?;
    let mut pieces = pieces.into_iter();
    let Some((mut terms, first)) = pieces.next() else {
        return Ok((Terms::default(), Vec::new()));
    };
    let mut all = vec![first];
    for (others, mut rows) in pieces {
        let moved = terms.absorb(&others);
        rows.numbers
            .iter_mut()
            .for_each(|number| *number = moved[*number as usize]);
        all.push(rows);
    }
    Ok((terms, all))
}

/// Counts the known terms of `texts`; others are passed over.
pub(super) fn count(
    texts: &[&str],
    cutter: &TermCutter,
    terms: &Terms,
    binary: bool,
    workers: &Workers,
) -> Result<Vec<Counts>> {
    let grain = GRAIN.min(texts.len().div_ceil(workers.threads()));
    workers.map("counting terms", texts.len(), grain, |range| {
        let (mut counter, mut scratch) = (Counter::default(), Scratch::default());
        for text in &texts[range] {
            cutter.cut(text, &mut scratch, |term| {
                if let Some(number) = terms.find(term) {
                    counter.add(number, binary);
                }
            });
            counter.end_row();
        }
        counter.rows
    })
}
