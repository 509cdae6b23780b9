//! Labels from a causal language model that is shown examples and trains nothing (Brown et al. 2020), calibrated by what it says
//! of inputs without content (Zhao et al. 2021, "Calibrate before use").

use nn::generate::{LanguageModel, continuation_scores};
use nn::{Cache, Forward};
use serde::{Deserialize, Serialize};
use tensor::RandomKey;

use crate::loss::logsumexp;
use crate::random::permutation;
use crate::{BATCH_TOKENS, MethodError, Result, Targets, Text};

const METHOD: &str = "in_context";

/// A causal language model as this needs it.
pub trait CausalScorer {
    /// The tokens of a prompt and what continues it at most.
    fn max_tokens(&self) -> usize;

    /// Tokens that were read before every prompt and that each holds in memory.
    fn tokens_before(&self) -> usize {
        0
    }

    /// The logarithm of the probability of each continuation behind each prompt, of all its tokens together.
    ///
    /// # Errors
    /// Those of the model.
    fn log_probabilities(
        &self,
        prompts: &[Vec<u32>],
        continuations: &[Vec<u32>],
    ) -> Result<Vec<Vec<f32>>>;
}

/// A language model of [`nn`].
#[derive(Clone, Debug)]
pub struct Causal<'a, M> {
    /// The model.
    pub model: &'a M,
    /// A cache of it with one row, of which nothing was read, such as [`nn::gpt2::Gpt2Model::cache`] gives, or what stands before all
    /// prompts: see [`nn::generate::read_prefix`].
    pub cache: Cache,
    /// How it computes.
    pub forward: Forward,
}

impl<M: LanguageModel> CausalScorer for Causal<'_, M> {
    fn max_tokens(&self) -> usize {
        let read = self.tokens_before();
        self.model.max_tokens().saturating_sub(read)
    }

    fn tokens_before(&self) -> usize {
        self.cache.lengths().first().copied().unwrap_or(0)
    }

    fn log_probabilities(
        &self,
        prompts: &[Vec<u32>],
        continuations: &[Vec<u32>],
    ) -> Result<Vec<Vec<f32>>> {
        let cache = self.cache.clone();
        Ok(continuation_scores(
            self.model,
            cache,
            prompts,
            continuations,
            self.forward,
        )?)
    }
}

/// An example with its label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demonstration {
    /// The text's tokens.
    pub text: Vec<u32>,
    /// The number of its label.
    pub label: usize,
}

/// How a text and its label are written, and what stands before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InContext {
    /// What the task is, before all examples.
    pub instruction: Vec<u32>,
    /// Examples.
    pub demonstrations: Vec<Demonstration>,
    /// Before each text, such as "Issue: ".
    pub before: Vec<u32>,
    /// Between a text and its label, such as "\nLabel:".
    pub between: Vec<u32>,
    /// Behind each label, such as "\n\n".
    pub after: Vec<u32>,
    /// For each label the words that stand for it, of one or more tokens.
    pub verbalizers: Vec<Vec<u32>>,
    /// Whether the probability of a word of several tokens is the geometric mean of theirs, so that long ones lose nothing.
    pub by_length: bool,
}

impl InContext {
    /// The prompt for a text, of `most` tokens at most: the last examples are left out as far as it takes, and then the text is
    /// cut at its end.
    ///
    /// # Errors
    /// [`MethodError::Input`] if even without examples and text it is too long.
    pub fn prompt(&self, text: &[u32], most: usize) -> Result<Vec<u32>> {
        let frame = self.instruction.len() + self.before.len() + self.between.len();
        let Some(room) = most.checked_sub(frame + 1) else {
            return Err(MethodError::input(
                METHOD,
                format!(
                    "instruction and template have {frame} tokens, more than the model's {most}; shorten them"
                ),
            ));
        };
        let mut prompt = self.instruction.clone();
        let mut room = room.saturating_sub(text.len());
        for example in &self.demonstrations {
            let written = self.write(&example.text, example.label);
            if written.len() > room {
                break;
            }
            room -= written.len();
            prompt.extend(written);
        }
        let rest = most - (prompt.len() + self.before.len() + self.between.len());
        prompt.extend(&self.before);
        prompt.extend(&text[..text.len().min(rest)]);
        prompt.extend(&self.between);
        Ok(prompt)
    }

    fn write(&self, text: &[u32], label: usize) -> Vec<u32> {
        [
            &self.before,
            text,
            &self.between,
            &self.verbalizers[label],
            &self.after,
        ]
        .concat()
    }

    /// What stands before every text, the instruction and all examples, and how the rest is written: what a model can read once for
    /// all texts.
    pub fn split(&self) -> (Vec<u32>, Self) {
        let mut before = self.instruction.clone();
        for example in &self.demonstrations {
            before.extend(self.write(&example.text, example.label));
        }
        let rest = Self {
            instruction: Vec::new(),
            demonstrations: Vec::new(),
            ..self.clone()
        };
        (before, rest)
    }

    pub(super) fn check(&self) -> Result<()> {
        let refuse = |reason: &str| Err(MethodError::input(METHOD, reason));
        if self.verbalizers.is_empty() || self.verbalizers.iter().any(Vec::is_empty) {
            return refuse("every label needs a word of one token or more");
        }
        let labels = self.verbalizers.len();
        match self
            .demonstrations
            .iter()
            .any(|example| example.label >= labels)
        {
            true => refuse(
                "an example has a label that there is no word for; check the labels' numbers",
            ),
            false => Ok(()),
        }
    }

    /// The probability of each label of each text among all labels, `[texts * labels]`. Special tokens of texts are left out.
    ///
    /// # Errors
    /// [`MethodError::Input`] for prompts that do not fit the model; those of the model.
    pub fn probabilities<S: CausalScorer>(&self, model: &S, texts: &[Text]) -> Result<Vec<f32>> {
        self.probabilities_until(model, texts, &|_| false)
    }

    /// The same; `stop` is told how many texts are done, and ends the work by saying true.
    ///
    /// # Errors
    /// [`MethodError::Interrupted`], and as [`InContext::probabilities`].
    pub fn probabilities_until<S: CausalScorer>(
        &self,
        model: &S,
        texts: &[Text],
        stop: &dyn Fn(usize) -> bool,
    ) -> Result<Vec<f32>> {
        self.check()?;
        let longest = self.verbalizers.iter().map(Vec::len).max().unwrap_or(0);
        let most = model.max_tokens().saturating_sub(longest);
        let own = |text: &Text| -> Vec<u32> {
            let pairs = text.ids.iter().zip(&text.special);
            let words = pairs.filter(|(_, special)| !**special);
            words.map(|(id, _)| *id).collect()
        };
        let prompts = (texts.iter())
            .map(|text| self.prompt(&own(text), most))
            .collect::<Result<Vec<_>>>()?;
        let mut all = Vec::with_capacity(texts.len() * self.verbalizers.len());
        let mut rest = &prompts[..];
        // A word of several tokens goes on from a copy of what was read before it.
        let copies = self.verbalizers.iter().filter(|words| words.len() > 1);
        let copies = copies.count().max(1);
        while !rest.is_empty() {
            let done = prompts.len() - rest.len();
            if stop(done) {
                return Err(MethodError::Interrupted {
                    method: METHOD,
                    step: done as u64,
                    steps: prompts.len() as u64,
                    saved: false,
                });
            }
            let mut tokens = 0;
            let fits = |prompt: &&Vec<u32>| {
                tokens += copies * (model.tokens_before() + prompt.len());
                tokens <= BATCH_TOKENS
            };
            let count = rest.iter().take_while(fits).count().max(1);
            let (batch, others) = rest.split_at(count);
            for scores in model.log_probabilities(batch, &self.verbalizers)? {
                all.extend(self.among_labels(&scores));
            }
            rest = others;
        }
        Ok(all)
    }

    /// The scores of words as probabilities of their labels.
    fn among_labels(&self, scores: &[f32]) -> Vec<f32> {
        let scores: Vec<f32> = (scores.iter().zip(&self.verbalizers))
            .map(|(score, words)| match self.by_length {
                true => score / words.len() as f32,
                false => *score,
            })
            .collect();
        let sum = logsumexp(&scores);
        scores
            .iter()
            .map(|score| (f64::from(*score) - sum).exp() as f32)
            .collect()
    }

    /// The same divided by what the model says of `empty` texts, such as "N/A" and nothing at all, on average, and brought to sum 1:
    /// `softmax(W p + b)` of section 5 with `W = diag(p_cf)⁻¹` and `b = 0`, whose softmax the authors' program leaves at dividing by
    /// the sum.
    ///
    /// # Errors
    /// As [`InContext::probabilities`]; [`MethodError::Input`] without any empty text.
    pub fn calibrated<S: CausalScorer>(
        &self,
        model: &S,
        texts: &[Text],
        empty: &[Text],
    ) -> Result<Vec<f32>> {
        if empty.is_empty() {
            return Err(MethodError::input(
                METHOD,
                "calibration takes texts without content, such as \"N/A\"; give one or more",
            ));
        }
        let prior = mean(&self.probabilities(model, empty)?, self.verbalizers.len());
        Ok(calibrate(&self.probabilities(model, texts)?, &prior))
    }
}

/// The mean of rows of probabilities, `[texts * labels] -> [labels]`.
pub(super) fn mean(probabilities: &[f32], labels: usize) -> Vec<f64> {
    let mut mean = vec![0.0_f64; labels];
    let rows = probabilities.chunks(labels.max(1));
    let count = rows.len().max(1) as f64;
    for row in rows {
        let pairs = mean.iter_mut().zip(row);
        pairs.for_each(|(sum, p)| *sum += f64::from(*p));
    }
    mean.iter_mut().for_each(|sum| *sum /= count);
    mean
}

/// Which texts are shown as examples, and of which label: `count` at most, as many of each label as there are, drawn and brought into
/// an order by `key`. Of texts with several labels, those with the fewest are shown first, each once.
pub fn choose(
    targets: &Targets,
    labels: usize,
    count: usize,
    key: RandomKey,
) -> Vec<(usize, usize)> {
    let mut rows = permutation(key, targets.len());
    let carried = |row: usize| (0..labels).filter(|&label| targets.has(row, label)).count();
    rows.sort_by_key(|&row| carried(row));
    let mut shown = vec![false; targets.len()];
    let mut chosen = Vec::new();
    loop {
        let before = chosen.len();
        for label in 0..labels {
            let mut free = rows
                .iter()
                .filter(|&&row| !shown[row] && targets.has(row, label));
            if chosen.len() < count
                && let Some(&row) = free.next()
            {
                shown[row] = true;
                chosen.push((row, label));
            }
        }
        if chosen.len() == before {
            break;
        }
    }
    let order = permutation(key.fold(1), chosen.len());
    order.into_iter().map(|place| chosen[place]).collect()
}

/// Probabilities, `[texts * labels]`, divided by those of texts without content, each row brought to sum 1.
pub fn calibrate(probabilities: &[f32], prior: &[f64]) -> Vec<f32> {
    let rows = probabilities.chunks(prior.len().max(1));
    rows.flat_map(|row| {
        let divided: Vec<f64> = (row.iter().zip(prior))
            .map(|(p, prior)| f64::from(*p) / prior.max(1e-12))
            .collect();
        let sum: f64 = divided.iter().sum();
        divided.into_iter().map(move |p| (p / sum) as f32)
    })
    .collect()
}
