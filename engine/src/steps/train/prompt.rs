//! `method = "prompt"`.

use std::collections::BTreeMap;

use methods::Thresholds;
use methods::prompt::{Objective, Pattern, Piece, Prompt as Filled, Prompting, prompt};
use nn::MaskedLm;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use text::tokens::{Options as Lengths, Tokenizer};

use super::super::transformer::tuning::Tuning;
use super::super::{Check, Context, StepError};
use super::labelled::{OnLabelled, Setup};
use super::verbalizers::{Candidates, tell_apart};

/// Letters that a part of a word has at least to stand for a label.
const PIECE: usize = 3;

/// Prompts a masked language model (Schick and Schütze 2021): it fills the gap of a sentence about the text with a label's word, and is
/// trained to, by ADAPET's loss (Tam et al. 2021) or by PET's.
///
/// The model must have been trained as a masked language model. Where a row may carry several labels, words share one probability, so
/// the thresholds are found on the rows of the port `valid` if it is fed.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prompt {
    /// The sentence: `{text}` is the text, `{mask}` the gap.
    #[serde(default = "sentence")]
    pattern: String,
    /// The words that stand for labels, each one token of the vocabulary: `{ "dataset request" = ["dataset", "request"] }`. Default: the
    /// words of the label's name that no other label's has.
    #[serde(default)]
    verbalizers: BTreeMap<String, Vec<String>>,
    /// `decoupled` is ADAPET's loss; `among_labels` is PET's, for rows of one label each.
    #[serde(default)]
    objective: ObjectiveKind,
    /// The share of a text's words that are hidden for ADAPET's label-conditioned part of the loss; 0 leaves it out.
    #[serde(default = "share")]
    #[schemars(range(min = 0, max = 1))]
    conditioned: f64,
}

/// Which loss is used at the gap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ObjectiveKind {
    /// ADAPET's.
    #[default]
    Decoupled,
    /// PET's.
    AmongLabels,
}

fn sentence() -> String {
    "This is about {mask}: {text}".to_owned()
}

fn share() -> f64 {
    0.105
}

impl OnLabelled for Prompt {
    const NAME: &'static str = "prompt";
    const VERSION: u32 = 2;

    fn check(&self, check: &mut Check) {
        for part in ["{text}", "{mask}"] {
            if self.pattern.matches(part).count() != 1 {
                check.problem(
                    "pattern",
                    format!("the pattern must have {part} once"),
                    Some("write \"This is about {mask}: {text}\"".to_owned()),
                );
            }
        }
    }

    fn train(
        &self,
        setup: &Setup,
        tuning: &Tuning,
        context: &Context<'_>,
    ) -> Result<(), StepError> {
        let tokenizer = setup.tokens.tokenizer();
        let limit = setup.config.max_tokens();
        let filled = Filled {
            pattern: Pattern {
                pieces: self.pieces(tokenizer, context)?,
                max_tokens: setup.tokens.max_length().unwrap_or(limit),
            },
            verbalizers: self.words(&setup.labels, tokenizer, context)?,
        };
        let options = Prompting {
            optimisation: tuning.optimisation(),
            selection: tuning.selection(),
            thresholds: match setup.validation() {
                Some(_) => Thresholds::One,
                None => Thresholds::Half,
            },
            objective: match self.objective {
                ObjectiveKind::Decoupled => Objective::Decoupled,
                ObjectiveKind::AmongLabels => Objective::AmongLabels,
            },
            conditioned: (self.conditioned > 0.0).then_some(self.conditioned),
        };
        let network: MaskedLm = setup.load(context)?;
        let vocabulary = setup.tokens.vocabulary()?;
        setup.train(
            context,
            |session| {
                let rows = (setup.training(), setup.validation());
                let labels = &setup.labels;
                let (model, outcome) = prompt(
                    network,
                    &vocabulary,
                    &filled,
                    labels,
                    rows,
                    &options,
                    session,
                )?;
                Ok((model, vec![outcome]))
            },
            |model, folder| model.save(folder),
        )
    }
}

impl Prompt {
    /// The parts of the pattern, in the special tokens that the tokenizer puts around a text.
    fn pieces(
        &self,
        tokenizer: &Tokenizer,
        context: &Context<'_>,
    ) -> Result<Vec<Piece>, StepError> {
        let special = tokenizer.special();
        let mut pieces = Vec::new();
        pieces.extend(
            special
                .cls
                .iter()
                .map(|token| Piece::Tokens(vec![token.id])),
        );
        let mut rest = self.pattern.as_str();
        while !rest.is_empty() {
            let next = ["{text}", "{mask}"]
                .iter()
                .filter_map(|part| Some((rest.find(part)?, *part)))
                .min();
            let (end, part) = next.unwrap_or((rest.len(), ""));
            let ids = plain(tokenizer, &rest[..end], context)?;
            if !ids.is_empty() {
                pieces.push(Piece::Tokens(ids));
            }
            match part {
                "{text}" => pieces.push(Piece::Text),
                "{mask}" => pieces.push(Piece::Mask),
                _ => {}
            }
            rest = &rest[end + part.len()..];
        }
        pieces.extend(
            special
                .sep
                .iter()
                .map(|token| Piece::Tokens(vec![token.id])),
        );
        Ok(pieces)
    }

    /// The tokens that stand for each label.
    fn words(
        &self,
        labels: &[String],
        tokenizer: &Tokenizer,
        context: &Context<'_>,
    ) -> Result<Vec<Vec<u32>>, StepError> {
        if let Some(unknown) = self.verbalizers.keys().find(|name| !labels.contains(name)) {
            return Err(StepError::new(format!(
                "`verbalizers` has words for `{unknown}`, and no training row carries that label"
            ))
            .help(format!("labels: {}", labels.join(", "))));
        }
        let unknown_word = tokenizer.special().unk.as_ref().map(|token| token.id);
        let words_of = |label: &String| -> Result<Candidates, StepError> {
            let given = self.verbalizers.get(label);
            let names: Vec<String> = match given {
                Some(words) => words.clone(),
                None => label.split_whitespace().map(str::to_owned).collect(),
            };
            let mut found = Candidates {
                are_given: given.is_some(),
                ..Candidates::default()
            };
            for name in &names {
                // A word inside of a sentence has a blank before it.
                let ids = plain(tokenizer, &format!(" {name}"), context)?;
                let is_unknown = |id: &u32| unknown_word == Some(*id);
                match (&ids[..], given) {
                    // All unknown words are one token, which says nothing of any label.
                    (ids, Some(_)) if ids.iter().any(is_unknown) => {
                        return Err(StepError::new(format!(
                            "the word `{name}` for `{label}` is not in the model's vocabulary"
                        ))
                        .help("name another word in `verbalizers`"));
                    }
                    (ids, None) if ids.iter().any(is_unknown) => {}
                    ([only], _) => found.words.push(*only),
                    (_, Some(_)) => {
                        return Err(StepError::new(format!(
                            "the word `{name}` for `{label}` is {} tokens of the vocabulary, and must be one",
                            ids.len()
                        ))
                        .help("name another word in `verbalizers`"));
                    }
                    // The first piece stands for a name that the vocabulary cuts.
                    (_, None) => {
                        found.words.extend(ids.first());
                        for id in ids.iter().skip(1) {
                            let piece = tokenizer.decode(&[*id], false)?;
                            if piece.chars().filter(|c| c.is_alphabetic()).count() >= PIECE {
                                found.parts.push(*id);
                            }
                        }
                    }
                }
            }
            if found.words.is_empty() {
                return Err(StepError::new(format!(
                    "no word of the label `{label}` is in the model's vocabulary"
                ))
                .help(format!(
                    "name words that stand for it: verbalizers = {{ \"{label}\" = [\"WORD\"] }}"
                )));
            }
            Ok(found)
        };
        let found: Vec<Candidates> = labels.iter().map(words_of).collect::<Result<_, _>>()?;
        Ok(tell_apart(&found))
    }
}

/// The tokens of a text without special ones.
fn plain(tokenizer: &Tokenizer, text: &str, context: &Context<'_>) -> Result<Vec<u32>, StepError> {
    let lengths = Lengths {
        add_special: false,
        ..Lengths::default()
    };
    let encoded = tokenizer.encode(&[text], &lengths, context.workers())?;
    Ok(encoded
        .into_iter()
        .flat_map(|encoding| encoding.ids)
        .collect())
}
