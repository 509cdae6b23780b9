//! Predictions for many texts: sorted by length and packed, so that batches hold about as many tokens.

use nn::{Forward, Packed};
use tensor::{DType, Device, Tensor, no_grad};

use crate::{LabelNetwork, MethodError, Problem, Result, Text};

/// Tokens of a batch at most, but for a single text that is longer.
pub const BATCH_TOKENS: usize = 4096;

/// Places of texts in batches of [`BATCH_TOKENS`] tokens at most, the longest texts first, so that memory runs out at once if at
/// all.
pub(crate) fn batches_by_length(texts: &[Text]) -> Vec<Vec<usize>> {
    let lengths: Vec<usize> = texts.iter().map(Text::len).collect();
    batches_of_lengths(&lengths, BATCH_TOKENS)
}

/// Places of texts that have so many tokens each, in batches of `tokens` at most but for a single text that is longer. The longest
/// texts come first, so that memory runs out at once if at all.
pub fn batches_of_lengths(lengths: &[usize], tokens: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&place| std::cmp::Reverse(lengths[place]));
    let mut batches: Vec<Vec<usize>> = Vec::new();
    let mut filled = 0;
    for place in order {
        let length = lengths[place];
        match batches.last_mut() {
            Some(batch) if filled + length <= tokens => batch.push(place),
            _ => {
                batches.push(vec![place]);
                filled = 0;
            }
        }
        filled += length;
    }
    batches
}

/// The scores of all texts, `[texts * labels]` in the order of the texts.
pub(crate) fn logits<N: LabelNetwork>(
    network: &N,
    texts: &[Text],
    forward: impl Fn(u64) -> Forward,
) -> Result<Vec<f32>> {
    let (device, width) = (network.device(), network.labels());
    rows(texts, width, &device, |batch, number| {
        network.logits(batch, forward(number))
    })
}

/// Computes `width` numbers a text, batch after batch, in the order of the texts. `compute` gets a batch and its number, and gives
/// `[texts of the batch, width]`.
pub(crate) fn rows(
    texts: &[Text],
    width: usize,
    device: &Device,
    compute: impl Fn(&Packed, u64) -> nn::Result<Tensor>,
) -> Result<Vec<f32>> {
    watched_rows("predict", texts, width, device, &|_| false, compute)
}

/// The same, watched: `stop` is told how many texts are done, and ends the work by saying true.
pub(crate) fn watched_rows(
    method: &'static str,
    texts: &[Text],
    width: usize,
    device: &Device,
    stop: &dyn Fn(usize) -> bool,
    compute: impl Fn(&Packed, u64) -> nn::Result<Tensor>,
) -> Result<Vec<f32>> {
    let mut all = vec![0.0; texts.len() * width];
    let mut done = 0;
    for (number, batch) in (0..).zip(batches_by_length(texts)) {
        if stop(done) {
            return Err(MethodError::Interrupted {
                method,
                step: done as u64,
                steps: texts.len() as u64,
                saved: false,
            });
        }
        done += batch.len();
        let chosen: Vec<&Text> = batch.iter().map(|&place| &texts[place]).collect();
        let packed = Packed::new(&chosen, device)?;
        let found = no_grad(|| compute(&packed, number))?;
        let found = found.cast(DType::F32)?.to_f32_vec()?;
        for (row, place) in found.chunks(width.max(1)).zip(batch) {
            all[place * width..(place + 1) * width].copy_from_slice(row);
        }
    }
    Ok(all)
}

/// Logits, `[texts * labels]`, as probabilities: a sigmoid of each, or a softmax of each row.
pub(crate) fn probabilities(problem: Problem, logits: &[f32], labels: usize) -> Vec<f32> {
    match problem {
        Problem::Multi => logits.iter().map(|x| sigmoid(*x)).collect(),
        Problem::Single => logits.chunks(labels.max(1)).flat_map(softmax).collect(),
    }
}

fn sigmoid(x: f32) -> f32 {
    (1.0 / (1.0 + (-f64::from(x)).exp())) as f32
}

fn softmax(row: &[f32]) -> Vec<f32> {
    let all = crate::loss::logsumexp(row);
    row.iter()
        .map(|x| (f64::from(*x) - all).exp() as f32)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_hold_all_texts_the_longest_first_and_no_more_tokens_than_they_may() {
        let texts: Vec<Text> = (0..100)
            .map(|place| Text {
                ids: vec![1; 1 + place * 37 % 500],
                special: vec![false; 1 + place * 37 % 500],
            })
            .collect();
        let batches = batches_by_length(&texts);
        let tokens =
            |batch: &Vec<usize>| batch.iter().map(|&place| texts[place].len()).sum::<usize>();
        assert!(batches.iter().all(|batch| tokens(batch) <= BATCH_TOKENS));
        let order = batches.concat();
        assert!(order.is_sorted_by_key(|&place| std::cmp::Reverse(texts[place].len())));
        assert_eq!(order.len(), 100);
    }

    #[test]
    fn large_logits_are_no_problem() {
        assert_eq!(
            probabilities(Problem::Multi, &[200.0, -200.0], 2),
            [1.0, 0.0]
        );
        assert_eq!(
            probabilities(Problem::Single, &[500.0, 500.0, -500.0], 3),
            [0.5, 0.5, 0.0]
        );
    }
}
