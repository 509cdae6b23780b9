//! `method = "contextual"`.

use methods::{Changeable, Contextual as Options, Edit, Text, contextual};
use nn::bert::Pretrained;
use nn::{EncoderConfig, MaskedLm, ModelConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tensor::RandomKey;
use text::tokens::{Encoding, Options as Lengths, Tokenizer};

use super::super::rows::texts;
use super::super::transformer::tokens::Tokens;
use super::super::{
    Check, ColumnType, Context, InputPort, OutputPort, PortType, Resources, Step, StepError,
    StepKind,
};
use super::made;

/// Makes new texts by words that a masked language model finds fitting (Kobayashi 2018): in place of words, or between them.
///
/// The output `augmented` has `copies` rows for each row of the input, with its other columns, and the column `augmented_from` with
/// the number of that row. Only words of letters that are one token of the vocabulary are changed; what stands behind the model's
/// longest text stays as it is.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Contextual {
    /// The column of texts; a null is an empty text.
    #[serde(default = "text_column")]
    text: String,
    /// New texts for each text.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    copies: usize,
    /// The share of a text's words that are changed, at least one.
    #[serde(default = "share")]
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1))]
    share: f64,
    /// `substitute` replaces words, `insert` puts words before others.
    #[serde(default)]
    edit: EditKind,
    /// A word is drawn among so many, the most probable ones.
    #[serde(default = "ten")]
    #[schemars(range(min = 1))]
    top_k: usize,
    /// By which the model's scores are divided before a word is drawn: below 1, probable words are drawn more often.
    #[serde(default = "unit")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    temperature: f64,
}

/// What is done at a place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum EditKind {
    /// The word is replaced.
    #[default]
    Substitute,
    /// A word is put before it.
    Insert,
}

fn text_column() -> String {
    "text".to_owned()
}

fn one() -> usize {
    1
}

fn share() -> f64 {
    0.15
}

fn ten() -> usize {
    10
}

fn unit() -> f64 {
    1.0
}

impl StepKind for Contextual {
    const OP: &'static str = "augment";
    const METHOD: Option<&'static str> = Some("contextual");
    const VERSION: u32 = 1;
}

impl Step for Contextual {
    fn inputs(&self) -> Vec<InputPort> {
        vec![
            InputPort::one("table", PortType::Table),
            InputPort::one("model", PortType::Model),
        ]
    }

    fn outputs(&self) -> Vec<OutputPort> {
        vec![OutputPort::new("augmented", PortType::Table)]
    }

    fn check(&self, check: &mut Check) {
        check.require("text", "table", &self.text, ColumnType::Text);
        made::check(check);
    }

    fn seeded(&self) -> bool {
        true
    }

    fn resources(&self) -> Resources {
        Resources::of_tensors()
    }

    fn run(&self, context: &Context<'_>) -> Result<(), StepError> {
        let folder = context.path("model")?;
        let config = EncoderConfig::from_file(folder.join("config.json"))?;
        let tokens = Tokens::open(folder, None)?.within(config.max_tokens());
        let table = context.table("table")?;
        let column = table.text_column(&self.text)?;
        let texts = texts(&column);
        let lengths = Lengths {
            max_length: tokens.max_length(),
            ..Lengths::default()
        };
        let tokenizer = tokens.tokenizer();
        let encodings = tokenizer.encode(&texts, &lengths, context.workers())?;
        let vocabulary = tokens.vocabulary()?;
        let is_word = words_of(tokenizer, &vocabulary.special)?;
        let open: Vec<Vec<usize>> = texts
            .iter()
            .zip(&encodings)
            .map(|(text, encoding)| whole_words(text, encoding, &is_word))
            .collect();
        let inputs: Vec<Text> = encodings
            .iter()
            .map(|encoding| Text {
                ids: encoding.ids.clone(),
                special: encoding.special.clone(),
            })
            .collect();
        let device = context.open_device()?;
        let key = RandomKey::new(context.seed);
        let (network, _) = MaskedLm::from_folder(folder, key, &device)?;
        let options = Options {
            edit: match self.edit {
                EditKind::Substitute => Edit::Substitute,
                EditKind::Insert => Edit::Insert,
            },
            share: self.share,
            top_k: self.top_k,
            temperature: self.temperature,
        };
        let source = Changeable {
            texts: &inputs,
            open: &open,
            is_word: &is_word,
            vocabulary: &vocabulary,
        };
        let all = (self.copies * texts.len()) as u64;
        let mut versions = Vec::with_capacity(self.copies);
        for copy in 0..self.copies {
            let stop = |done: usize| {
                let done = (copy * texts.len() + done) as u64;
                context.progress.update(done, all, "texts");
                context.is_cancelled()
            };
            let changes = contextual(&network, &source, &options, key.fold(copy as u64), &stop)?;
            let mut made = Vec::with_capacity(texts.len());
            for ((text, encoding), changes) in texts.iter().zip(&encodings).zip(changes) {
                let changes = changes.into_iter().map(|change| {
                    let word = tokenizer.decode(&[change.word], true)?;
                    Ok((encoding.offsets[change.place], word.trim().to_owned()))
                });
                let changes = changes.collect::<Result<Vec<_>, StepError>>()?;
                made.push(changed(text, &changes, options.edit));
            }
            versions.push(made);
        }
        made::write(context, &table, &self.text, versions)
    }
}

/// Which tokens of the vocabulary are whole words of letters.
fn words_of(tokenizer: &Tokenizer, special: &[u32]) -> Result<Vec<bool>, StepError> {
    let names: Vec<String> = (0..tokenizer.vocab_size() as u32)
        .map(|id| tokenizer.id_to_token(id).unwrap_or_default())
        .collect();
    // Vocabularies of bytes mark what begins a word, others what goes on with one.
    let marks_begin = names.iter().any(|name| name.starts_with('Ġ'));
    (0..)
        .zip(&names)
        .map(|(id, name)| {
            if special.contains(&id) || (marks_begin && !name.starts_with('Ġ')) {
                return Ok(false);
            }
            let word = match marks_begin {
                true => tokenizer.decode(&[id], true)?,
                false => name.clone(),
            };
            let word = word.trim();
            Ok(word.chars().count() > 1 && word.chars().all(char::is_alphabetic))
        })
        .collect()
}

/// The places of tokens that are a whole word of the text each.
fn whole_words(text: &str, encoding: &Encoding, is_word: &[bool]) -> Vec<usize> {
    let is_free = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '_');
    (0..encoding.ids.len())
        .filter(|&place| {
            let (start, end) = encoding.offsets[place];
            let (start, end) = (start as usize, end as usize);
            !encoding.special[place]
                && is_word.get(encoding.ids[place] as usize) == Some(&true)
                && is_free(
                    text.get(..start)
                        .and_then(|before| before.chars().next_back()),
                )
                && is_free(text.get(end..).and_then(|after| after.chars().next()))
        })
        .collect()
}

/// The text with words at places of it, which are in order.
fn changed(text: &str, changes: &[((u32, u32), String)], edit: Edit) -> String {
    let mut new = String::with_capacity(text.len() + 16 * changes.len());
    let mut from = 0;
    for ((start, end), word) in changes {
        let (start, end) = (*start as usize, *end as usize);
        let (Some(before), Some(old)) = (text.get(from..start), text.get(start..end)) else {
            continue;
        };
        new.push_str(before);
        // Some vocabularies count the blank before a word as a part of it.
        let blank = old.len() - old.trim_start().len();
        new.push_str(&old[..blank]);
        let old = &old[blank..];
        let is_capital = old.chars().next().is_some_and(char::is_uppercase);
        let mut letters = word.chars();
        match (is_capital && edit == Edit::Substitute, letters.next()) {
            (true, Some(first)) => new.extend(first.to_uppercase().chain(letters)),
            _ => new.push_str(word),
        }
        if edit == Edit::Insert {
            new.push(' ');
            new.push_str(old);
        }
        from = end;
    }
    new.push_str(text.get(from..).unwrap_or_default());
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_take_the_place_and_the_capital_of_others() {
        let changes = [((0, 3), "a".to_owned()), ((10, 17), "fails".to_owned())];
        assert_eq!(
            changed("The file, crashes?", &changes, Edit::Substitute),
            "A file, fails?"
        );
        assert_eq!(
            changed("The file, crashes?", &changes, Edit::Insert),
            "a The file, fails crashes?"
        );
    }
}
