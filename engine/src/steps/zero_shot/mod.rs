//! `op = "zero_shot"`: labels without a single example.
//!
//! - `labels`: the names, and the phrases that stand for them
//! - `pairs`: the scores of all pairs of a text and a sentence about a label

mod labels;
mod pairs;
#[cfg(test)]
mod tests;

use std::time::Instant;

use nn::zero_shot::NliModel;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tensor::RandomKey;
use text::Scores;

use super::rows::texts;
use super::transformer::folder::require_trained;
use super::transformer::tokens::Tokens;
use super::words::number;
use super::{
    Check, ColumnType, Context, InputPort, OutputPort, PortType, Resources, Step, StepError,
    StepKind, scored,
};
use labels::Labels;
use pairs::Pairs;

/// Gives texts labels that no example was ever shown of (Yin et al. 2019): a model of natural language inference says how well a
/// sentence about the label follows from the text.
///
/// The output `predictions` has the columns of the input, the column `predicted` with the labels of each row, and a column
/// `score.LABEL` with the probability of each label, as that of `predict`: `evaluate` takes it, and finds the threshold or the number of
/// labels on the rows of its port `valid`. Texts that are too long are cut; the sentences never are.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ZeroShot {
    /// The column of texts; a null is an empty text.
    #[serde(default = "text_column")]
    text: String,
    /// The labels.
    ///
    /// - `["bug", "question"]`: names that stand for themselves in the sentence;
    /// - `{ bug = ["a bug", "a crash"], question = "a question" }`: phrases that stand for each, of which the best one counts.
    labels: Labels,
    /// The sentence about a label, which stands in place of `{}`.
    #[serde(default = "hypothesis")]
    hypothesis: String,
    /// Whether a text may carry several labels: each is then judged by itself, by whether its sentence follows or contradicts. Else all
    /// share one probability, and without `threshold` and `top_k` the likeliest is predicted.
    #[serde(default = "yes")]
    multi_label: bool,
    /// Predicts every label whose score is above it. Default: 0.5 where `multi_label`.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1))]
    threshold: Option<f64>,
    /// Predicts so many labels for each row, those with the highest scores, instead.
    #[serde(default)]
    #[schemars(range(min = 1))]
    top_k: Option<usize>,
    /// Tokens of a text and a sentence together at most, the special ones included. Default: what the model's tokenizer says, and
    /// never more than the model takes.
    #[serde(default)]
    #[schemars(range(min = 5))]
    max_length: Option<usize>,
    /// Tokens that are computed at once; less takes less memory.
    #[serde(default = "batch_tokens")]
    #[schemars(range(min = 1))]
    batch_tokens: usize,
}

fn text_column() -> String {
    "text".to_owned()
}

fn hypothesis() -> String {
    "This example is {}.".to_owned()
}

fn yes() -> bool {
    true
}

fn batch_tokens() -> usize {
    methods::BATCH_TOKENS
}

impl StepKind for ZeroShot {
    const OP: &'static str = "zero_shot";
    const VERSION: u32 = 1;
}

impl Step for ZeroShot {
    fn inputs(&self) -> Vec<InputPort> {
        vec![
            InputPort::one("table", PortType::Table),
            InputPort::one("model", PortType::Model),
        ]
    }

    fn outputs(&self) -> Vec<OutputPort> {
        vec![OutputPort::new("predictions", PortType::Table)]
    }

    fn check(&self, check: &mut Check) {
        check.require("text", "table", &self.text, ColumnType::Text);
        self.labels.check(check);
        if self.hypothesis.matches("{}").count() != 1 {
            check.problem(
                "hypothesis",
                "the sentence must have {} once, where the label goes",
                Some(format!("write \"{}\"", hypothesis())),
            );
        }
        scored::check(check, self.threshold, self.top_k);
        scored::state(check, self.labels.phrases().keys().copied());
    }

    fn resources(&self) -> Resources {
        Resources::of_tensors()
    }

    fn run(&self, context: &Context<'_>) -> Result<(), StepError> {
        let folder = context.path("model")?;
        let device = context.open_device()?;
        let (model, report) = NliModel::from_folder(folder, RandomKey::new(0), &device)?;
        require_trained(
            &report,
            "classifier",
            "take one that was trained on natural language inference, such as facebook/bart-large-mnli",
        )?;
        let tokens = Tokens::open(folder, self.max_length)?.within(model.max_tokens());
        let phrases = self.labels.phrases();
        let sentences: Vec<String> = phrases
            .values()
            .flatten()
            .map(|phrase| self.hypothesis.replacen("{}", phrase, 1))
            .collect();
        let pairs = Pairs::new(&model, &tokens, &sentences, self.batch_tokens, context)?;
        let table = context.table("table")?;
        let column = table.text_column(&self.text)?;
        let texts = texts(&column);
        // A label that is alone shares its probability with none.
        let multi_label = self.multi_label || phrases.len() == 1;
        let began = Instant::now();
        let judged = pairs.scores(&texts, multi_label, &device)?;
        let seconds = began.elapsed().as_secs_f64();
        let mut values = Vec::with_capacity(texts.len() * phrases.len());
        for row in judged.scores.chunks_exact(sentences.len().max(1)) {
            let begin = values.len();
            let mut rest = row;
            for phrases in phrases.values() {
                let (own, others) = rest.split_at(phrases.len());
                values.push(best(own));
                rest = others;
            }
            if !multi_label {
                let all: f64 = values[begin..].iter().sum();
                values[begin..].iter_mut().for_each(|value| *value /= all);
            }
        }
        let names: Vec<String> = phrases.keys().map(|&name| name.to_owned()).collect();
        let scores = Scores::new(texts.len(), names.len(), values)?;
        let rule = (self.threshold, self.top_k);
        let predicted = scored::decide(&scores, &names, !multi_label, rule)?;
        scored::write(context, table, &scores, &predicted)?;
        context.note(format!(
            "{} sentences a text, {} tokens/s",
            number(sentences.len()),
            number((judged.tokens as f64 / seconds.max(1e-9)) as usize)
        ));
        if judged.cut > 0 {
            context.note(format!(
                "{} of {} texts cut to {} tokens with their sentence",
                number(judged.cut),
                number(texts.len()),
                number(tokens.max_length().unwrap_or(usize::MAX))
            ));
        }
        Ok(())
    }
}

/// The largest; none of a model that computes no numbers.
fn best(scores: &[f32]) -> f64 {
    let larger = |best: f32, score: &f32| match best.is_nan() || best >= *score {
        true => best,
        false => *score,
    };
    f64::from(scores.iter().fold(f32::NEG_INFINITY, larger))
}
