//! Labels, and the words that stand for them.

use std::collections::BTreeMap;

use nn::bert::Filling;

use super::super::words::number;
use super::super::{Check, Context, StepError};
use super::sentence::Sentence;

type Targets = BTreeMap<String, Vec<String>>;

/// Notes words that stand for no label.
pub fn check(targets: &Targets, check: &mut Check) {
    let mut problem = |message: String, help: &str| {
        check.problem("targets", message, Some(help.to_owned()));
    };
    if targets.len() == 1 {
        problem(
            "there is one label only, whose score would always be 1".to_owned(),
            "name words for other labels as well, or for what is no such text",
        );
    }
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for (label, words) in targets {
        if label.trim().is_empty() {
            problem("a label has no name".to_owned(), "give it one");
        }
        if words.is_empty() {
            problem(
                format!("no word stands for the label `{label}`"),
                "give it one or more words",
            );
        }
        for word in words {
            if word.trim().is_empty() {
                problem(
                    format!("a word for the label `{label}` is empty"),
                    "leave it out",
                );
            } else if let Some(other) = seen.insert(word.trim(), label) {
                problem(
                    format!("the word `{word}` stands for `{other}` and for `{label}`"),
                    "give it to one of them, once",
                );
            }
        }
    }
}

/// The words as tokens.
pub struct Words {
    /// All of them.
    pub tokens: Vec<u32>,
    /// The number of the label that each stands for.
    labels: Vec<usize>,
    count: usize,
}

impl Words {
    /// Fails for a word that is not one token.
    pub fn new(
        targets: &Targets,
        sentence: &Sentence<'_>,
        context: &Context<'_>,
    ) -> Result<Words, StepError> {
        let mut found = Words {
            tokens: Vec::new(),
            labels: Vec::new(),
            count: targets.len(),
        };
        let blank = if sentence.has_blank() { " " } else { "" };
        for (label, (name, words)) in targets.iter().enumerate() {
            for word in words {
                let ids = sentence.plain(&format!("{blank}{}", word.trim()), context)?;
                let [token] = ids[..] else {
                    return Err(StepError::new(format!(
                        "the word `{word}` for `{name}` is {} tokens of the vocabulary, and must be one",
                        number(ids.len())
                    ))
                    .help("name another word in `targets`"));
                };
                if sentence.is_unknown(token) {
                    return Err(StepError::new(format!(
                        "the model's vocabulary does not have the word `{word}` for `{name}`"
                    ))
                    .help("name another word in `targets`"));
                }
                if let Some(at) = found.tokens.iter().position(|other| *other == token) {
                    let other = targets.keys().nth(found.labels[at]);
                    return Err(StepError::new(format!(
                        "the word `{word}` for `{name}` is the same token as a word for `{}`",
                        other.map_or("another label", String::as_str)
                    ))
                    .help("name another word in `targets`"));
                }
                found.tokens.push(token);
                found.labels.push(label);
            }
        }
        Ok(found)
    }

    /// The share of each label in the probability of all words.
    pub fn scores(&self, found: &[Filling]) -> Vec<f64> {
        let mut scores = vec![0.0; self.count];
        for filling in found {
            let at = self.tokens.iter().position(|token| *token == filling.token);
            if let Some(label) = at.map(|at| self.labels[at]) {
                scores[label] += f64::from(filling.probability);
            }
        }
        let all: f64 = scores.iter().sum();
        match all > 0.0 || all.is_nan() {
            true => scores.iter().map(|score| score / all).collect(),
            // Words that are all too unlikely for single precision are alike.
            false => vec![1.0 / self.count as f64; self.count],
        }
    }
}
