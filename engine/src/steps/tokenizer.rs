//! `op = "tokenizer"`: a vocabulary learned from texts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use text::tokens::{Algorithm, SpecialNames, Tokenizer, VocabularyOptions, train};

use super::rows::texts;
use super::words::{number, rows};
use super::{
    Check, ColumnType, Context, InputPort, OutputPort, PortType, Resources, Step, StepError,
    StepKind,
};

/// Learns a vocabulary from texts, for a model that is trained from scratch.
///
/// The output `tokenizer` is a folder with tokenizer.json, as `transformers` reads it. A vocabulary is never learned from rows that a
/// model is later tested on: it would know their words.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LearnTokenizer {
    /// The column of texts; a null is an empty text.
    #[serde(default = "text_column")]
    text: String,
    /// How the vocabulary is found: `wordpiece` as for BERT, or `bpe`, on bytes, as for RoBERTa and GPT-2.
    #[serde(default)]
    algorithm: Vocabulary,
    /// Tokens at most, special ones included.
    #[serde(default = "eight_thousand")]
    #[schemars(range(min = 6))]
    vocab_size: usize,
    /// How often a pair of neighbours must occur to become a token.
    #[serde(default = "two")]
    #[schemars(range(min = 1))]
    min_frequency: u64,
    /// wordpiece only: characters at most that are tokens of their own, the most frequent ones; others are unknown.
    #[serde(default = "thousand")]
    #[schemars(range(min = 1))]
    limit_alphabet: usize,
    /// wordpiece only: whether case and accents are dropped.
    #[serde(default = "yes")]
    lowercase: bool,
    /// Tokens of a text at most wherever a model with this tokenizer is used.
    #[serde(default = "short")]
    #[schemars(range(min = 3))]
    max_length: usize,
}

/// How a vocabulary is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Vocabulary {
    /// Pieces of words.
    #[default]
    Wordpiece,
    /// Merged pairs of bytes.
    Bpe,
}

fn text_column() -> String {
    "text".to_owned()
}

fn eight_thousand() -> usize {
    8000
}

fn two() -> u64 {
    2
}

fn thousand() -> usize {
    1000
}

fn yes() -> bool {
    true
}

fn short() -> usize {
    128
}

impl StepKind for LearnTokenizer {
    const OP: &'static str = "tokenizer";
    const VERSION: u32 = 1;
}

impl Step for LearnTokenizer {
    fn inputs(&self) -> Vec<InputPort> {
        vec![InputPort::one("texts", PortType::Table)]
    }

    fn outputs(&self) -> Vec<OutputPort> {
        vec![OutputPort::new("tokenizer", PortType::Tokenizer)]
    }

    fn check(&self, check: &mut Check) {
        check.require("text", "texts", &self.text, ColumnType::Text);
    }

    fn resources(&self) -> Resources {
        Resources {
            cores: usize::MAX,
            ..Resources::default()
        }
    }

    fn run(&self, context: &Context<'_>) -> Result<(), StepError> {
        let table = context.columns("texts", &[&self.text])?;
        let column = table.text_column(&self.text)?;
        let texts = texts(&column);
        let options = VocabularyOptions {
            algorithm: match self.algorithm {
                Vocabulary::Wordpiece => Algorithm::WordPiece,
                Vocabulary::Bpe => Algorithm::Bpe,
            },
            vocab_size: self.vocab_size,
            min_frequency: self.min_frequency,
            limit_alphabet: self.limit_alphabet,
            lowercase: self.lowercase,
        };
        let bytes = train(&texts, &options, context.workers())?;
        let learned = Tokenizer::from_bytes(&bytes, &SpecialNames::default())?;
        let folder = context.output_path("tokenizer");
        let write = |name: &str, content: &[u8]| {
            let path = folder.join(name);
            std::fs::write(&path, content).map_err(|error| StepError::io("writing", &path, &error))
        };
        std::fs::create_dir_all(&folder)
            .map_err(|error| StepError::io("making the folder", &folder, &error))?;
        write("tokenizer.json", &bytes)?;
        let config = self.config(&learned);
        write("tokenizer_config.json", format!("{config:#}\n").as_bytes())?;
        context.note(format!(
            "{} tokens from {}",
            number(learned.vocab_size()),
            rows(texts.len())
        ));
        Ok(())
    }
}

impl LearnTokenizer {
    /// What `transformers` needs beside tokenizer.json.
    fn config(&self, learned: &Tokenizer) -> serde_json::Value {
        let special = learned.special();
        let class = match self.algorithm {
            Vocabulary::Wordpiece => "BertTokenizerFast",
            Vocabulary::Bpe => "RobertaTokenizerFast",
        };
        let mut config = serde_json::json!({
            "tokenizer_class": class,
            "model_max_length": self.max_length,
        });
        if self.algorithm == Vocabulary::Wordpiece {
            config["do_lower_case"] = self.lowercase.into();
        }
        for (role, token) in [
            ("mask_token", &special.mask),
            ("pad_token", &special.pad),
            ("cls_token", &special.cls),
            ("sep_token", &special.sep),
            ("unk_token", &special.unk),
        ] {
            if let Some(token) = token {
                config[role] = token.text.as_str().into();
            }
        }
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::testing::{Trial, labelled};
    use serde_json::json;

    #[test]
    fn a_tokenizer_folder_says_what_it_is() {
        let rows = labelled(&[
            ("the loader crashes", ""),
            ("the loader loads the file", ""),
        ]);
        let outcome = Trial::new::<LearnTokenizer>(json!({ "vocab_size": 60, "max_length": 32 }))
            .input("texts", &rows)
            .run();
        let folder = outcome.path("tokenizer");
        let tokenizer = Tokenizer::from_file(&folder).unwrap();
        assert_eq!(tokenizer.model_max_length(), Some(32));
        assert_eq!(tokenizer.mask().unwrap().text, "[MASK]");
        assert!(tokenizer.token_to_id("loader").is_some());
        assert!(
            outcome.notes[0].contains("tokens from 2 rows"),
            "{:?}",
            outcome.notes
        );
    }

    #[test]
    fn blank_texts_are_an_error() {
        let said = Trial::new::<LearnTokenizer>(json!({}))
            .input("texts", &labelled(&[("", "")]))
            .fails();
        assert!(said.contains("blank"), "{said}");
    }
}
