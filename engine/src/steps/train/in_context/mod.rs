//! `method = "in_context"`.

use std::collections::BTreeMap;

use methods::prompt::in_context::{Demonstration, InContext as Shown, choose};
use methods::{Decision, InContextClassifier, Labelled, Problem, Targets, Thresholds};
use nn::gpt2::{Gpt2Config, Gpt2LanguageModel};
use nn::{ModelConfig, Pretrained};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use table::{Table, columns};
use tensor::RandomKey;
use text::Task;
use text::tokens::{Options as Lengths, Tokenizer};

use super::super::model_card::{TRAINING, Training};
use super::super::rows::label_sets;
use super::super::transformer::folder::carry_tokenizer;
use super::super::transformer::tokens::Tokens;
use super::super::words::{first, number};
use super::super::{Check, Context, InputPort, OutputPort, PortType, Resources, StepError};
use super::Method;
use super::examples::{Examples, LabelledRows};
use super::labelled::targets;

/// Stream of the seed that examples are drawn from.
const EXAMPLES: u64 = 0x6578_616d;

/// Shows a causal language model (GPT-2) a few labelled rows before each text and asks it for the label's word (Brown et al. 2020);
/// nothing is trained. What the model says of texts without content is divided out (Zhao et al. 2021, "Calibrate before use").
///
/// The output `model` is a folder with the language model as it was, the examples, the labels' words and the calibration; the output
/// `shown` lists the examples in their order. Where a row may carry several labels, their words share one probability, so the thresholds
/// are found on the rows of the port `valid` if it is fed.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InContext {
    /// What the task is, before all examples.
    #[serde(default)]
    instruction: String,
    /// How a text and its label are written: `{text}` is the text, `{label}` the word of its label, and what follows stands behind each
    /// example.
    #[serde(default = "template")]
    template: String,
    /// The words that stand for labels, of any number of tokens: `{ io = "reading files" }`. Default: the label's name.
    #[serde(default)]
    verbalizers: BTreeMap<String, String>,
    /// How many training rows are shown at most, as many of each label as there are, drawn from the seed; 0 shows none.
    #[serde(default = "eight")]
    demonstrations: usize,
    /// Tokens of a text at most, in examples and where labels are asked for; longer ones are cut. Default: what an even share of the
    /// model's context leaves.
    #[serde(default)]
    #[schemars(range(min = 1))]
    max_length: Option<usize>,
    /// Whether the probability of a word of several tokens is the geometric mean of theirs, so that long words lose nothing.
    #[serde(default = "yes")]
    by_length: bool,
    /// The texts without content that calibrate; none leaves calibration out.
    #[serde(default = "without_content")]
    content_free: Vec<String>,
}

fn template() -> String {
    "{text}\nLabel: {label}\n\n".to_owned()
}

fn eight() -> usize {
    8
}

fn yes() -> bool {
    true
}

fn without_content() -> Vec<String> {
    ["N/A", "[MASK]", ""].map(str::to_owned).to_vec()
}

/// The parts of a template around the text and the label.
struct Parts<'a> {
    before: &'a str,
    between: &'a str,
    after: &'a str,
    /// A blank before the label belongs to its word, as the vocabularies of such models have it.
    blank: &'static str,
}

impl Method for InContext {
    const NAME: &'static str = "in_context";
    const VERSION: u32 = 1;

    fn inputs(&self) -> Vec<InputPort> {
        vec![
            InputPort::one("model", PortType::Model),
            InputPort::optional("valid", PortType::Table),
        ]
    }

    fn outputs(&self) -> Vec<OutputPort> {
        vec![
            OutputPort::new("model", PortType::Model),
            OutputPort::new("shown", PortType::Table),
        ]
    }

    fn check(&self, check: &mut Check) {
        if self
            .parts()
            .is_none_or(|parts| parts.between.trim().is_empty())
        {
            check.problem(
                "template",
                "the template must have {text} once, then words, then {label} once",
                Some(format!("write {:?}", template())),
            );
        }
    }

    fn seeded(&self) -> bool {
        true
    }

    fn resources(&self) -> Resources {
        Resources::of_tensors()
    }

    fn train(&self, examples: &Examples, context: &Context<'_>) -> Result<(), StepError> {
        let folder = context.path("model")?;
        let path = folder.join("config.json");
        let mut config = Gpt2Config::from_file(&path).map_err(|error| {
            StepError::from(error)
                .help("in-context learning takes a causal language model: feed `model` from a GPT-2, such as \"gpt2\" or \"distilgpt2\"")
        })?;
        let most = config.n_positions;
        let labelled = examples.read(context)?;
        let labels = labelled.labels.vocabulary().to_vec();
        let problem = match labelled.task {
            Task::MultiLabel => Problem::Multi,
            Task::MultiClass => Problem::Single,
        };
        let key = RandomKey::new(context.seed).fold(EXAMPLES);
        let all = targets(&labelled.labels, problem)?;
        let chosen = choose(&all, labels.len(), self.demonstrations, key);
        let tokenizer = Tokens::open(folder, None)?;
        let mut shown = self.frame(&labels, tokenizer.tokenizer(), context)?;
        let max_length = self.length(&shown, chosen.len(), most)?;
        let tokens = Tokens::open(folder, Some(max_length))?;
        let texts = tokens.of_port(context, "train", examples.text())?;
        for &(row, label) in &chosen {
            let pairs = texts[row].ids.iter().zip(&texts[row].special);
            let own = pairs.filter(|(_, special)| !**special);
            shown.demonstrations.push(Demonstration {
                text: own.map(|(id, _)| *id).collect(),
                label,
            });
        }
        let empty: Vec<&str> = self.content_free.iter().map(String::as_str).collect();
        let (empty, _) = tokens.encode(&empty, context.workers())?;
        let decision = Decision {
            problem,
            thresholds: vec![0.5; labels.len()],
            labels: labels.clone(),
        };
        let training = Training {
            method: Self::NAME.to_owned(),
            rows: all.len(),
        };
        let training = serde_json::to_value(training)
            .map_err(|error| StepError::new(format!("describing the training: {error}")))?;
        config.other.insert(TRAINING.to_owned(), training);
        context.check()?;
        let device = context.open_device()?;
        let (network, _) =
            Gpt2LanguageModel::from_folder_with(folder, &config, RandomKey::new(0), &device)?;
        let mut model = InContextClassifier::new(network, shown, &empty, decision)?;
        if problem == Problem::Multi && context.optional_path("valid").is_some() {
            let (texts, targets) = self.validation(examples, &labels, &tokens, context)?;
            let validation = Labelled {
                texts: &texts,
                targets: &targets,
            };
            model.tune(Thresholds::One, &validation, &|done| {
                let (done, all) = (done as u64, texts.len() as u64);
                context.progress.update(done, all, "validation texts");
                context.is_cancelled()
            })?;
        }
        let to = context.output_path("model");
        carry_tokenizer(folder, &to, Some(max_length))?;
        model.save(&to)?;
        context.write_table("shown", &table(&chosen, &labelled, &labels)?)?;
        note(&chosen, max_length, &labels, context);
        Ok(())
    }
}

impl InContext {
    fn parts(&self) -> Option<Parts<'_>> {
        let once = |part| self.template.matches(part).count() == 1;
        if !once("{text}") || !once("{label}") {
            return None;
        }
        let (before, rest) = self.template.split_once("{text}")?;
        let (between, after) = rest.split_once("{label}")?;
        let (between, blank) = match between.strip_suffix(' ') {
            Some(between) => (between, " "),
            None => (between, ""),
        };
        Some(Parts {
            before,
            between,
            after,
            blank,
        })
    }

    /// Everything but the examples.
    fn frame(
        &self,
        labels: &[String],
        tokenizer: &Tokenizer,
        context: &Context<'_>,
    ) -> Result<Shown, StepError> {
        if let Some(unknown) = self.verbalizers.keys().find(|name| !labels.contains(name)) {
            return Err(StepError::new(format!(
                "`verbalizers` has words for `{unknown}`, and no training row carries that label"
            ))
            .help(format!("labels: {}", labels.join(", "))));
        }
        let parts = self.parts();
        let parts = parts.ok_or_else(|| StepError::new("the template lacks {text} or {label}"))?;
        let tokens = |text: &str| plain(tokenizer, text, context);
        let mut verbalizers: Vec<Vec<u32>> = Vec::with_capacity(labels.len());
        for label in labels {
            let word = self.verbalizers.get(label).unwrap_or(label);
            let ids = tokens(&format!("{}{word}", parts.blank))?;
            let same = verbalizers.iter().position(|other| *other == ids);
            let fault = match same {
                _ if ids.is_empty() => "has no tokens".to_owned(),
                Some(other) => format!("is also that of `{}`", labels[other]),
                None => {
                    verbalizers.push(ids);
                    continue;
                }
            };
            return Err(StepError::new(format!(
                "the word `{word}` for the label `{label}` {fault}"
            ))
            .help("name another one in `verbalizers`"));
        }
        Ok(Shown {
            instruction: tokens(&self.instruction)?,
            demonstrations: Vec::new(),
            before: tokens(parts.before)?,
            between: tokens(parts.between)?,
            after: tokens(parts.after)?,
            verbalizers,
            by_length: self.by_length,
        })
    }

    /// How long texts may be, so that a text and all examples fit the model's `most` tokens.
    fn length(&self, frame: &Shown, shown: usize, most: usize) -> Result<usize, StepError> {
        let word = frame.verbalizers.iter().map(Vec::len).max().unwrap_or(0);
        let asked = frame.before.len() + frame.between.len() + word;
        let example = asked + frame.after.len();
        let fixed = frame.instruction.len() + asked + shown * example;
        let even = most.saturating_sub(fixed) / (shown + 1);
        match self.max_length {
            Some(length) if length <= even => Ok(length),
            None if even > 0 => Ok(even),
            given => {
                let length = given.unwrap_or(1);
                let room = most.saturating_sub(frame.instruction.len() + asked + length);
                Err(StepError::new(format!(
                    "{} and a text of {} tokens do not fit into the model's {most}: instruction and template take {fixed}",
                    examples(shown),
                    number(length)
                ))
                .help(match room {
                    0 => "shorten the instruction, the template or max_length".to_owned(),
                    _ => format!("set demonstrations = {}, or a smaller max_length", room / (example + length)),
                }))
            }
        }
    }

    fn validation(
        &self,
        examples: &Examples,
        labels: &[String],
        tokens: &Tokens,
        context: &Context<'_>,
    ) -> Result<(Vec<methods::Text>, Targets), StepError> {
        let table = context.columns("valid", &[examples.labels()])?;
        let lists = table.string_lists(examples.labels())?;
        let (sets, _) = label_sets(&lists, labels.to_vec())?;
        let texts = tokens.of_port(context, "valid", examples.text())?;
        Ok((texts, targets(&sets, Problem::Multi)?))
    }
}

fn examples(count: usize) -> String {
    let unit = if count == 1 { "example" } else { "examples" };
    format!("{} {unit}", number(count))
}

/// The examples in their order.
fn table(
    chosen: &[(usize, usize)],
    labelled: &LabelledRows,
    labels: &[String],
) -> Result<Table, StepError> {
    let texts = labelled.texts();
    let row = |&(row, _): &(usize, usize)| row as i64;
    let text = |&(row, _): &(usize, usize)| texts[row];
    let label = |&(_, label): &(usize, usize)| labels[label].as_str();
    Ok(Table::from_columns(vec![
        ("row", columns::ints(chosen.iter().map(row))),
        ("text", columns::text(chosen.iter().map(text))),
        ("label", columns::text(chosen.iter().map(label))),
    ])?)
}

fn note(chosen: &[(usize, usize)], max_length: usize, labels: &[String], context: &Context<'_>) {
    context.note(format!(
        "{} labels, {} of up to {} tokens",
        number(labels.len()),
        examples(chosen.len()),
        number(max_length)
    ));
    let missing = labels.iter().enumerate();
    let missing = missing.filter(|(label, _)| chosen.iter().all(|(_, shown)| shown != label));
    let missing: Vec<&str> = missing.map(|(_, name)| name.as_str()).collect();
    if !missing.is_empty() && !chosen.is_empty() {
        context.note(format!("no example of {}", first(missing, 5)));
    }
}

/// The tokens of a text without special ones.
fn plain(tokenizer: &Tokenizer, text: &str, context: &Context<'_>) -> Result<Vec<u32>, StepError> {
    let lengths = Lengths {
        add_special: false,
        ..Lengths::default()
    };
    let encoded = tokenizer.encode(&[text], &lengths, context.workers())?;
    let ids = encoded.into_iter().flat_map(|encoding| encoding.ids);
    Ok(ids.collect())
}

#[cfg(test)]
mod tests;
