//! One way to go on at a time: the likeliest token, or one that is drawn.

use tensor::RandomKey;

use super::reader::{Candidate, Reader, candidates};
use super::rules::{self, Next};
use super::{GenerateOptions, LanguageModel, Sampling, Written};
use crate::Result;

/// A text that is being written.
struct Row {
    /// Which of all texts it is.
    place: usize,
    history: Vec<u32>,
    score: f32,
    /// Its row in what was read last.
    read: usize,
    key: Option<RandomKey>,
}

pub(super) fn search<M: LanguageModel + ?Sized>(
    mut reader: Reader<'_, M>,
    prompts: &[Vec<u32>],
    options: &GenerateOptions,
) -> Result<Vec<Vec<Written>>> {
    let copies = options.per_prompt;
    let mut done: Vec<Option<Written>> = vec![None; prompts.len() * copies];
    let mut rows: Vec<Row> = (0..done.len())
        .map(|place| Row {
            place,
            history: prompts[place / copies].clone(),
            score: 0.0,
            read: place / copies,
            key: options
                .sampling
                .map(|sampling| sampling.key.fold(place as u64)),
        })
        .collect();
    let all: Vec<u32> = (0..prompts.len() as u32).collect();
    let mut scores = reader.read(prompts, &all)?;
    for written in 0..options.max_new_tokens {
        let rules: Vec<Next> = rows
            .iter()
            .map(|row| rules::next(options, &row.history, written))
            .collect();
        // Before the first token, copies of a prompt share a row.
        let of_rows: Vec<u32> = rows.iter().map(|row| row.read as u32).collect();
        let of_rows = tensor::Tensor::new(&of_rows, [of_rows.len()], scores.device())?;
        let found = match options.sampling {
            None => candidates(&scores.index_select(0, &of_rows)?, 1, &rules)?
                .into_iter()
                .map(|row| row.first().copied())
                .collect::<Vec<_>>(),
            Some(sampling) => {
                let width = scores.shape()[1];
                let values = scores.index_select(0, &of_rows)?.to_f32_vec()?;
                (values.chunks_exact(width).zip(&rules).zip(&rows))
                    .map(|((values, rule), row)| draw(values, rule, &sampling, row.key, written))
                    .collect()
            }
        };
        let mut going_on = Vec::new();
        for (mut row, candidate) in rows.into_iter().zip(found) {
            let is_last = match candidate {
                // No token is allowed: the text ends here.
                None => true,
                Some(Candidate {
                    token,
                    log_probability,
                }) => {
                    row.history.push(token);
                    row.score += log_probability;
                    options.eos_token_ids.contains(&token) || written + 1 == options.max_new_tokens
                }
            };
            match is_last {
                true => {
                    let prompt = prompts[row.place / copies].len();
                    done[row.place] = Some(Written {
                        tokens: row.history.split_off(prompt),
                        score: row.score,
                    });
                }
                false => going_on.push(row),
            }
        }
        rows = going_on;
        if rows.is_empty() {
            break;
        }
        let tokens: Vec<&[u32]> = rows
            .iter()
            .map(|row| &row.history[row.history.len() - 1..])
            .collect();
        let parents: Vec<u32> = rows.iter().map(|row| row.read as u32).collect();
        scores = reader.read(&tokens, &parents)?;
        for (place, row) in rows.iter_mut().enumerate() {
            row.read = place;
        }
    }
    let mut done = done.into_iter().flatten();
    let of_prompt = |_| done.by_ref().take(copies).collect();
    Ok((0..prompts.len()).map(of_prompt).collect())
}

/// A token drawn from the probabilities of a row; none if none is allowed.
fn draw(
    log_probabilities: &[f32],
    rule: &Next,
    sampling: &Sampling,
    key: Option<RandomKey>,
    step: usize,
) -> Option<Candidate> {
    let banned = match rule {
        Next::Only(token) => {
            return Some(Candidate {
                token: *token,
                log_probability: 0.0,
            });
        }
        Next::AllBut(banned) => banned,
    };
    let mut tokens: Vec<(u32, f64)> = (0..)
        .zip(log_probabilities)
        .filter(|(token, value)| !banned.contains(token) && value.is_finite())
        .map(|(token, &value)| (token, f64::from(value) / f64::from(sampling.temperature)))
        .collect();
    // Of equal ones the first, on every device.
    let by_value = |a: &(u32, f64), b: &(u32, f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if sampling.top_k > 0 && sampling.top_k < tokens.len() {
        tokens.select_nth_unstable_by(sampling.top_k, by_value);
        tokens.truncate(sampling.top_k);
    }
    tokens.sort_unstable_by(by_value);
    let largest = tokens.first()?.1;
    for (_, value) in &mut tokens {
        *value = (*value - largest).exp();
    }
    let total: f64 = tokens.iter().map(|(_, weight)| weight).sum();
    let mut sum = 0.0;
    let kept = tokens
        .iter()
        .position(|(_, weight)| {
            sum += weight;
            sum >= f64::from(sampling.top_p) * total
        })
        .map_or(tokens.len(), |last| last + 1);
    tokens.truncate(kept);
    let total: f64 = tokens.iter().map(|(_, weight)| weight).sum();
    let [low, high, ..] = key.map_or([0; 4], |key| key.block(step as u64));
    // 53 bits, the most that a number holds.
    let chance = (u64::from(high) << 21 | u64::from(low) >> 11) as f64 / (1_u64 << 53) as f64;
    let mut sum = 0.0;
    let drawn = tokens.iter().find(|(_, weight)| {
        sum += weight;
        chance * total < sum
    });
    let (token, _) = drawn.or(tokens.last())?;
    Some(Candidate {
        token: *token,
        log_probability: log_probabilities[*token as usize],
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn shares(sampling: &Sampling, banned: &[u32]) -> Vec<f64> {
        let probabilities = [0.1_f32, 0.4, 0.2, 0.3];
        let logs = probabilities.map(f32::ln);
        let rule = Next::AllBut(banned.iter().copied().collect::<BTreeSet<_>>());
        let mut counts = vec![0.0; 4];
        for step in 0..20_000 {
            let key = Some(sampling.key);
            let drawn = draw(&logs, &rule, sampling, key, step).expect("a token");
            assert_eq!(drawn.log_probability, logs[drawn.token as usize]);
            counts[drawn.token as usize] += 1.0 / 20_000.0;
        }
        counts
    }

    fn assert_shares(found: &[f64], expected: [f64; 4]) {
        for (found, expected) in found.iter().zip(expected) {
            // Five standard errors of a share of 20,000.
            assert!((found - expected).abs() < 0.018, "{found}, not {expected}");
        }
    }

    #[test]
    fn tokens_are_drawn_as_often_as_they_are_likely() {
        let plain = Sampling::new(RandomKey::new(3));
        assert_shares(&shares(&plain, &[]), [0.1, 0.4, 0.2, 0.3]);
        assert_shares(&shares(&plain, &[1]), [1.0 / 6.0, 0.0, 2.0 / 6.0, 0.5]);
        let top_k = Sampling { top_k: 2, ..plain };
        assert_shares(&shares(&top_k, &[]), [0.0, 4.0 / 7.0, 0.0, 3.0 / 7.0]);
        // 0.4 + 0.3 reach 0.65.
        let top_p = Sampling {
            top_p: 0.65,
            ..plain
        };
        assert_shares(&shares(&top_p, &[]), [0.0, 4.0 / 7.0, 0.0, 3.0 / 7.0]);
        let hot = Sampling {
            temperature: 0.5,
            ..plain
        };
        let squares = [0.01, 0.16, 0.04, 0.09].map(|square| square / 0.3);
        assert_shares(&shares(&hot, &[]), squares);
    }
}
