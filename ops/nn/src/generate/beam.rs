//! Beam search: several ways to go on at a time, as `transformers` searches.

use tensor::Tensor;

use super::reader::{Reader, candidates};
use super::rules::{self, Next};
use super::{EarlyStopping, GenerateOptions, LanguageModel, Written};
use crate::Result;

/// A way to go on that is not finished.
#[derive(Clone, Debug)]
struct Beam {
    history: Vec<u32>,
    /// The sum of log-probabilities.
    score: f32,
    /// Its row in what was read last.
    read: usize,
}

/// The search for one prompt.
struct Search<'a> {
    options: &'a GenerateOptions,
    prompt: usize,
    running: Vec<Beam>,
    /// The best first.
    finished: Vec<Written>,
}

impl Search<'_> {
    /// Takes the continuations of running beams, the best first, which all have `written` new tokens.
    fn advance(&mut self, continuations: Vec<Beam>, written: usize) {
        let Self {
            options, prompt, ..
        } = *self;
        let ends = |beam: &Beam| {
            let last = beam.history.last();
            written == options.max_new_tokens
                || last.is_some_and(|token| options.eos_token_ids.contains(token))
        };
        let mut going_on = Vec::new();
        for (rank, beam) in continuations.into_iter().enumerate() {
            match ends(&beam) {
                // Others are there only so that enough beams go on.
                true if rank < options.beams => self.finished.push(Written {
                    score: beam.score / self.divisor(written),
                    tokens: beam.history[prompt..].to_vec(),
                }),
                true => {}
                false if going_on.len() < options.beams => going_on.push(beam),
                false => {}
            }
        }
        self.finished
            .sort_by(|one, other| other.score.total_cmp(&one.score));
        self.finished.truncate(options.beams);
        self.running = match self.goes_on(&going_on, written) {
            true => going_on,
            false => Vec::new(),
        };
    }

    fn divisor(&self, length: usize) -> f32 {
        (length as f64).powf(f64::from(self.options.length_penalty)) as f32
    }

    /// Whether it pays to write on.
    fn goes_on(&self, running: &[Beam], written: usize) -> bool {
        let options = self.options;
        let Some(best) = running.first() else {
            return false;
        };
        let worst = match self.finished.get(options.beams - 1) {
            None => return true,
            Some(worst) => worst.score,
        };
        let length = match options.early_stopping {
            EarlyStopping::Full => return false,
            EarlyStopping::Impossible if options.length_penalty > 0.0 => options.max_new_tokens,
            EarlyStopping::Impossible | EarlyStopping::Unlikely => written,
        };
        best.score / self.divisor(length) > worst
    }
}

pub(super) fn search<M: LanguageModel + ?Sized>(
    mut reader: Reader<'_, M>,
    prompts: &[Vec<u32>],
    options: &GenerateOptions,
) -> Result<Vec<Vec<Written>>> {
    let mut searches: Vec<Search<'_>> = prompts
        .iter()
        .enumerate()
        .map(|(read, prompt)| Search {
            options,
            prompt: prompt.len(),
            running: vec![Beam {
                history: prompt.clone(),
                score: 0.0,
                read,
            }],
            finished: Vec::new(),
        })
        .collect();
    let kept = options.beams * (1 + options.eos_token_ids.len()).max(2);
    let all: Vec<u32> = (0..prompts.len() as u32).collect();
    let mut scores = reader.read(prompts, &all)?;
    for written in 1..=options.max_new_tokens {
        let mut found = continuations(&searches, &scores, kept, written - 1)?.into_iter();
        for search in &mut searches {
            let own = found.by_ref().take(search.running.len()).flatten();
            let mut own: Vec<Beam> = own.collect();
            if own.is_empty() {
                // It is over, or no token is allowed: what there is, is what remains.
                for beam in std::mem::take(&mut search.running) {
                    let tokens = beam.history[search.prompt..].to_vec();
                    let score = beam.score / search.divisor(tokens.len().max(1));
                    search.finished.push(Written { tokens, score });
                }
                continue;
            }
            own.sort_by(|one, other| other.score.total_cmp(&one.score));
            own.truncate(kept);
            search.advance(own, written);
        }
        let running = || searches.iter().flat_map(|search| &search.running);
        let tokens: Vec<&[u32]> = running()
            .map(|beam| &beam.history[beam.history.len() - 1..])
            .collect();
        if tokens.is_empty() {
            break;
        }
        let parents: Vec<u32> = running().map(|beam| beam.read as u32).collect();
        scores = reader.read(&tokens, &parents)?;
        let running = searches.iter_mut().flat_map(|search| &mut search.running);
        for (read, beam) in running.enumerate() {
            beam.read = read;
        }
    }
    let best = searches.into_iter().map(|search| {
        let mut finished = search.finished;
        finished.truncate(options.per_prompt);
        finished
    });
    Ok(best.collect())
}

/// For each running beam of all searches the beams that it may become.
fn continuations(
    searches: &[Search<'_>],
    scores: &Tensor,
    kept: usize,
    written: usize,
) -> Result<Vec<Vec<Beam>>> {
    let running: Vec<&Beam> = searches.iter().flat_map(|search| &search.running).collect();
    let Some(options) = searches.first().map(|search| search.options) else {
        return Ok(Vec::new());
    };
    let rules: Vec<Next> = running
        .iter()
        .map(|beam| rules::next(options, &beam.history, written))
        .collect();
    let found = candidates(scores, kept, &rules)?;
    let all = running.iter().zip(found).map(|(beam, found)| {
        let found = found.into_iter().map(|candidate| {
            let mut history = Vec::with_capacity(beam.history.len() + 1);
            history.extend(&beam.history);
            history.push(candidate.token);
            Beam {
                history,
                score: beam.score + candidate.log_probability,
                read: beam.read,
            }
        });
        found.collect()
    });
    Ok(all.collect())
}
