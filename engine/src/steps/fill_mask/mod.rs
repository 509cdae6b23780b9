//! `op = "fill_mask"`: the words that fit into a gap of a sentence about a text.
//!
//! - `sentence`: a text in the sentence, as tokens
//! - `targets`: labels, and the words that stand for them

mod sentence;
mod targets;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use arrow_schema::{DataType, Field, Schema};
use methods::batches_of_lengths;
use nn::bert::{Filling, Fillings, Pretrained};
use nn::{EncoderConfig, Forward, MaskedLm, ModelConfig, Packed};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use table::{Table, columns};
use tensor::{Device, RandomKey};
use text::Scores;

use super::rows::texts;
use super::transformer::folder::require_trained;
use super::transformer::tokens::Tokens;
use super::words::number;
use super::{
    Check, ColumnType, Context, InputPort, OutputPort, PortType, Resources, Step, StepError,
    StepKind, scored,
};
use sentence::{Filled, Sentence};
use targets::Words;

/// Asks a masked language model for the word in the gap of a sentence about each text.
///
/// Without `targets` the output `fillings` has a row for each text and each of its `top_k` likeliest words: `row` (the number of the
/// text's row in the input, from 0), `rank` (from 1), `token`, `score` (its probability among all words) and `text` (the sentence with
/// the word in it).
///
/// With `targets` labels are judged by the words that stand for them, and no example is needed. The output is `predictions` instead,
/// with the columns of the input, the column `predicted`, and a column `score.LABEL` for each label: the probability of its words
/// together, as a share of that of all words of `targets`. `evaluate` takes it, and finds the threshold or the number of labels on the
/// rows of its port `valid`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FillMask {
    /// The column of texts; a null is an empty text.
    #[serde(default = "text_column")]
    text: String,
    /// The sentence: `{text}` is the text, which is cut where all would be too long, `{mask}` the gap.
    #[serde(default = "pattern")]
    pattern: String,
    /// Labels, and the words that stand for each: `{ bug = ["bug", "crash"], question = ["question"] }`. Each word is one token of the
    /// model's vocabulary.
    #[serde(default)]
    targets: BTreeMap<String, Vec<String>>,
    /// Without `targets`, words for each text; default: 5. With `targets`, labels that are predicted for each row, those with the highest
    /// scores; default: the one with the highest.
    #[serde(default)]
    #[schemars(range(min = 1))]
    top_k: Option<usize>,
    /// With `targets`, predicts every label whose score is above it instead.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1))]
    threshold: Option<f64>,
    /// Tokens of a text in its sentence at most, the special ones included. Default: what the model's tokenizer says, and never more
    /// than the model takes.
    #[serde(default)]
    #[schemars(range(min = 4))]
    max_length: Option<usize>,
    /// Tokens that are computed at once; less takes less memory.
    #[serde(default = "batch_tokens")]
    #[schemars(range(min = 1))]
    batch_tokens: usize,
}

fn text_column() -> String {
    "text".to_owned()
}

fn pattern() -> String {
    "{text} This is about {mask}.".to_owned()
}

fn batch_tokens() -> usize {
    methods::BATCH_TOKENS
}

impl StepKind for FillMask {
    const OP: &'static str = "fill_mask";
    const VERSION: u32 = 1;
}

impl Step for FillMask {
    fn inputs(&self) -> Vec<InputPort> {
        vec![
            InputPort::one("table", PortType::Table),
            InputPort::one("model", PortType::Model),
        ]
    }

    fn outputs(&self) -> Vec<OutputPort> {
        let name = match self.targets.is_empty() {
            true => "fillings",
            false => "predictions",
        };
        vec![OutputPort::new(name, PortType::Table)]
    }

    fn check(&self, check: &mut Check) {
        check.require("text", "table", &self.text, ColumnType::Text);
        for part in ["{text}", "{mask}"] {
            if self.pattern.matches(part).count() != 1 {
                check.problem(
                    "pattern",
                    format!("the pattern must have {part} once"),
                    Some(format!("write \"{}\"", pattern())),
                );
            }
        }
        if self.targets.is_empty() {
            if self.threshold.is_some() {
                check.problem(
                    "threshold",
                    "a threshold decides which labels are predicted, and there are none",
                    Some("name labels and their words in `targets`, or leave it out".to_owned()),
                );
            }
            check.output("fillings", Arc::new(fillings_schema()));
            return;
        }
        targets::check(&self.targets, check);
        scored::check(check, self.threshold, self.top_k);
        scored::state(check, self.targets.keys().map(String::as_str));
    }

    fn resources(&self) -> Resources {
        Resources::of_tensors()
    }

    fn run(&self, context: &Context<'_>) -> Result<(), StepError> {
        let folder = context.path("model")?;
        let config = EncoderConfig::from_file(folder.join("config.json"))?;
        let tokens = Tokens::open(folder, self.max_length)?.within(config.max_tokens());
        let sentence = Sentence::new(&self.pattern, &tokens, context)?;
        let words = match self.targets.is_empty() {
            true => None,
            false => Some(Words::new(&self.targets, &sentence, context)?),
        };
        let device = context.open_device()?;
        let (model, report) = MaskedLm::from_folder(folder, RandomKey::new(0), &device)?;
        require_trained(
            &report,
            "head that fills masks",
            "take one that was trained as a masked language model, such as bert-base-uncased, or train it by `train` with method = \"mlm\"",
        )?;
        let table = context.table("table")?;
        let column = table.text_column(&self.text)?;
        let texts = texts(&column);
        let filled = sentence.fill(&texts, context)?;
        let began = Instant::now();
        let asked = match &words {
            None => Fillings::Top(self.top_k.unwrap_or(5)),
            Some(words) => Fillings::Of(&words.tokens),
        };
        let found = self.ask((&model, &device), &filled, sentence.mask, asked, context)?;
        let seconds = began.elapsed().as_secs_f64();
        match words {
            None => self.write_fillings(context, &found, &filled, &tokens)?,
            Some(words) => {
                let labels: Vec<String> = self.targets.keys().cloned().collect();
                let values = found.iter().flat_map(|found| words.scores(found));
                let scores = Scores::new(texts.len(), labels.len(), values.collect())?;
                let rule = (self.threshold, self.top_k);
                let predicted = scored::decide(&scores, &labels, true, rule)?;
                scored::write(context, table, &scores, &predicted)?;
            }
        }
        let all: usize = filled.iter().map(|filled| filled.ids.len()).sum();
        context.note(format!(
            "{} tokens/s",
            number((all as f64 / seconds.max(1e-9)) as usize)
        ));
        let cut = filled.iter().filter(|filled| filled.is_cut).count();
        if cut > 0 {
            context.note(format!(
                "{} of {} texts cut to {} tokens with their sentence",
                number(cut),
                number(texts.len()),
                number(sentence.most)
            ));
        }
        Ok(())
    }
}

impl FillMask {
    /// The words for the gap of each text, in batches of texts of about the same length.
    fn ask(
        &self,
        (model, device): (&MaskedLm, &Device),
        filled: &[Filled],
        mask: u32,
        asked: Fillings<'_>,
        context: &Context<'_>,
    ) -> Result<Vec<Vec<Filling>>, StepError> {
        let lengths: Vec<usize> = filled.iter().map(|filled| filled.ids.len()).collect();
        let mut all = vec![Vec::new(); filled.len()];
        let mut done = 0;
        for batch in batches_of_lengths(&lengths, self.batch_tokens) {
            context.check()?;
            let ids: Vec<&[u32]> = batch.iter().map(|&place| &filled[place].ids[..]).collect();
            let packed = Packed::new(&ids, device)?;
            let found = model.fill(&packed, mask, asked, Forward::inference())?;
            for (masks, &place) in found.into_iter().zip(&batch) {
                // A text may have masks of its own.
                all[place] = masks.into_iter().nth(filled[place].gap).unwrap_or_default();
            }
            done += batch.len();
            let total = filled.len() as u64;
            context.progress.update(done as u64, total, "texts");
        }
        Ok(all)
    }

    fn write_fillings(
        &self,
        context: &Context<'_>,
        found: &[Vec<Filling>],
        filled: &[Filled],
        tokens: &Tokens,
    ) -> Result<(), StepError> {
        let (mut rows, mut ranks, mut scores) = (Vec::new(), Vec::new(), Vec::new());
        let (mut words, mut sentences) = (Vec::new(), Vec::new());
        for (row, (found, filled)) in (0..).zip(found.iter().zip(filled)) {
            for (rank, filling) in (1..).zip(found) {
                let word = tokens.tokenizer().decode(&[filling.token], false)?;
                rows.push(row);
                ranks.push(rank);
                scores.push(f64::from(filling.probability));
                sentences.push(format!("{}{}{}", filled.before, word.trim(), filled.after));
                words.push(word.trim().to_owned());
            }
        }
        let table = Table::from_columns(vec![
            ("row", columns::ints(rows)),
            ("rank", columns::ints(ranks)),
            ("token", columns::text(&words)),
            ("score", columns::floats(scores)),
            ("text", columns::text(&sentences)),
        ])?;
        context.write_table("fillings", &table)?;
        context.note(format!(
            "{} words for {} texts",
            number(words.len()),
            number(filled.len())
        ));
        Ok(())
    }
}

fn fillings_schema() -> Schema {
    let fields = [
        ("row", DataType::Int64),
        ("rank", DataType::Int64),
        ("token", DataType::Utf8),
        ("score", DataType::Float64),
        ("text", DataType::Utf8),
    ];
    let fields = fields.map(|(name, data_type)| Field::new(name, data_type, true));
    Schema::new(fields.to_vec())
}
