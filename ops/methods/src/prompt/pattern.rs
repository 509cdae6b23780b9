//! [`Pattern`] and [`Prompt`]: a text as a sentence with a gap, and the words that stand for labels (Schick & Schütze 2021).

use serde::{Deserialize, Serialize};

use crate::{MethodError, Result, Text, Vocabulary};

const METHOD: &str = "prompt";

/// A part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Piece {
    /// These tokens.
    Tokens(Vec<u32>),
    /// The text's own tokens, without special ones, cut at the end where all would be too long.
    Text,
    /// The gap.
    Mask,
}

/// A text as a sentence with one gap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pattern {
    /// Its parts from first to last, special tokens such as `[CLS]` among them.
    pub pieces: Vec<Piece>,
    /// Tokens at most, with the text.
    pub max_tokens: usize,
}

/// A text in its pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filled {
    /// Its tokens, with the mask in the gap. Only the text's own tokens are not special.
    pub text: Text,
    /// The place of the gap.
    pub gap: usize,
}

impl Pattern {
    /// A text in this pattern.
    pub fn fill(&self, text: &Text, mask: u32) -> Filled {
        let own: Vec<u32> = (text.ids.iter().zip(&text.special))
            .filter(|(_, special)| !**special)
            .map(|(id, _)| *id)
            .collect();
        let texts = self.count(|piece| matches!(piece, Piece::Text)).max(1);
        let room = self.max_tokens.saturating_sub(self.fixed()) / texts;
        let own = &own[..own.len().min(room)];
        let mut filled = Filled {
            text: Text::default(),
            gap: 0,
        };
        for piece in &self.pieces {
            let (ids, special) = match piece {
                Piece::Tokens(ids) => (&ids[..], true),
                Piece::Text => (own, false),
                Piece::Mask => {
                    filled.gap = filled.text.len();
                    (&[mask][..], true)
                }
            };
            filled.text.ids.extend(ids);
            filled.text.special.extend(ids.iter().map(|_| special));
        }
        filled
    }

    fn count(&self, keep: impl Fn(&Piece) -> bool) -> usize {
        self.pieces.iter().filter(|piece| keep(piece)).count()
    }

    /// Tokens without those of the text.
    fn fixed(&self) -> usize {
        let lengths = self.pieces.iter().map(|piece| match piece {
            Piece::Tokens(ids) => ids.len(),
            Piece::Text => 0,
            Piece::Mask => 1,
        });
        lengths.sum()
    }
}

/// A pattern, and the words that stand for labels in its gap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// The pattern.
    pub pattern: Pattern,
    /// For each label one or more words of one token; the mean of their probabilities is the label's.
    pub verbalizers: Vec<Vec<u32>>,
}

impl Prompt {
    /// Fails for a prompt that the model can do nothing with.
    pub(crate) fn check(
        &self,
        vocabulary: &Vocabulary,
        labels: &[String],
        most: usize,
    ) -> Result<()> {
        let refuse = |reason: String| Err(MethodError::input(METHOD, reason));
        let pattern = &self.pattern;
        if pattern.count(|piece| matches!(piece, Piece::Mask)) != 1 {
            return refuse(
                "the pattern must have one mask, the gap for the label's word".to_owned(),
            );
        }
        if pattern.count(|piece| matches!(piece, Piece::Text)) == 0 {
            return refuse("the pattern must have the text in it".to_owned());
        }
        if pattern.max_tokens > most {
            return refuse(format!(
                "patterns may have {} tokens, but the model takes {most}; set max_tokens to {most} or less",
                pattern.max_tokens
            ));
        }
        if pattern.fixed() >= pattern.max_tokens {
            return refuse(format!(
                "the pattern has {} tokens of its own, which leaves none of {} for the text; shorten it",
                pattern.fixed(),
                pattern.max_tokens
            ));
        }
        if self.verbalizers.len() != labels.len() {
            return refuse(format!(
                "there are {} labels, but words for {}; give every label one or more words",
                labels.len(),
                self.verbalizers.len()
            ));
        }
        let fixed = pattern.pieces.iter().flat_map(|piece| match piece {
            Piece::Tokens(ids) => &ids[..],
            _ => &[],
        });
        let all = fixed.chain(self.verbalizers.iter().flatten());
        if let Some(id) = all.into_iter().find(|&&id| id as usize >= vocabulary.size) {
            return refuse(format!(
                "token {id} is none of the vocabulary's {}; use the tokenizer of this model",
                vocabulary.size
            ));
        }
        for (words, label) in self.verbalizers.iter().zip(labels) {
            if words.is_empty() {
                return refuse(format!("label `{label}` has no word; give it one"));
            }
            let others = self.verbalizers.iter().zip(labels);
            let same = others
                .filter(|(_, other)| *other != label)
                .find(|(other, _)| other.iter().any(|word| words.contains(word)));
            if let Some((_, other)) = same {
                return refuse(format!(
                    "labels `{label}` and `{other}` have a word in common, so that nothing tells them apart; give them others"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_so_that_the_pattern_around_them_fits() {
        let pattern = Pattern {
            pieces: vec![
                Piece::Tokens(vec![1]),
                Piece::Text,
                Piece::Tokens(vec![50, 51]),
                Piece::Mask,
                Piece::Tokens(vec![2]),
            ],
            max_tokens: 8,
        };
        let text = Text {
            ids: vec![1, 10, 11, 12, 13, 2],
            special: vec![true, false, false, false, false, true],
        };
        let filled = pattern.fill(&text, 3);
        assert_eq!(filled.text.ids, [1, 10, 11, 12, 50, 51, 3, 2]);
        assert_eq!(
            filled.text.special,
            [true, false, false, false, true, true, true, true]
        );
        assert_eq!(filled.gap, 6);
    }
}
