//! A text in a sentence with a gap, as tokens.

use text::Workers;
use text::tokens::{Encoding, Options, Tokenizer};

use super::super::transformer::tokens::Tokens;
use super::super::{Context, StepError};

/// The sentence, and how texts are put into it.
pub struct Sentence<'a> {
    /// The token that stands in the gap.
    pub mask: u32,
    /// Tokens at most.
    pub most: usize,
    pattern: &'a str,
    tokenizer: &'a Tokenizer,
    mask_text: String,
    /// Tokens that the sentence leaves for a text.
    room: usize,
}

/// A text in the sentence.
pub struct Filled {
    /// Its tokens.
    pub ids: Vec<u32>,
    /// How many masks are before the gap.
    pub gap: usize,
    /// What stands before the gap.
    pub before: String,
    /// What stands behind it.
    pub after: String,
    /// Whether the text goes on.
    pub is_cut: bool,
}

/// A text in the sentence, as one string.
struct Written {
    whole: String,
    /// The bytes of the text.
    text: (usize, usize),
    /// The bytes of the mask.
    mask: (usize, usize),
}

impl<'a> Sentence<'a> {
    /// Fails for a tokenizer without a mask, and for a sentence that leaves no place for texts.
    pub fn new(
        pattern: &'a str,
        tokens: &'a Tokens,
        context: &Context<'_>,
    ) -> Result<Sentence<'a>, StepError> {
        let tokenizer = tokens.tokenizer();
        let mask = tokenizer.mask()?;
        let mut sentence = Sentence {
            mask: mask.id,
            most: tokens.max_length().unwrap_or(usize::MAX),
            pattern,
            tokenizer,
            mask_text: mask.text.clone(),
            room: usize::MAX,
        };
        let empty = sentence.write("");
        let workers = Workers::new(context.threads());
        let encoded = tokenizer.encode(&[&empty.whole], &Options::default(), workers)?;
        let own: usize = encoded.iter().map(Encoding::len).sum();
        if own >= sentence.most {
            return Err(StepError::new(format!(
                "the pattern `{pattern}` has {own} tokens, which leaves none of {} for the text",
                sentence.most
            ))
            .help("shorten `pattern`, or raise max_length as far as the model allows"));
        }
        sentence.room = sentence.most.saturating_sub(own);
        Ok(sentence)
    }

    /// Whether the word in the gap has a blank before it.
    pub fn has_blank(&self) -> bool {
        let before = self.pattern.split("{mask}").next().unwrap_or_default();
        before.ends_with(char::is_whitespace)
    }

    /// Whether a token stands for whatever the vocabulary does not have.
    pub fn is_unknown(&self, token: u32) -> bool {
        let unknown = &self.tokenizer.special().unk;
        unknown.as_ref().is_some_and(|unknown| unknown.id == token)
    }

    /// The tokens of a part of a sentence, without special ones.
    pub fn plain(&self, part: &str, context: &Context<'_>) -> Result<Vec<u32>, StepError> {
        let plain = Options {
            add_special: false,
            ..Options::default()
        };
        let workers = Workers::new(context.threads());
        let encoded = self.tokenizer.encode(&[part], &plain, workers)?;
        Ok(encoded.into_iter().flat_map(|part| part.ids).collect())
    }

    /// Puts texts into the sentence, cut where it would be too long.
    pub fn fill(&self, texts: &[&str], context: &Context<'_>) -> Result<Vec<Filled>, StepError> {
        // What lies far behind the end need not be put together and read once more.
        let alone = Options {
            max_length: Some(self.room),
            add_special: false,
            ..Options::default()
        };
        let texts_alone = self.tokenizer.encode(texts, &alone, context.workers())?;
        let is_cut: Vec<bool> = texts_alone.iter().map(|text| text.truncated).collect();
        let written: Vec<Written> = (texts.iter().zip(&texts_alone))
            .map(|(text, alone)| {
                let end = match alone.truncated {
                    true => alone.offsets.last().map_or(0, |(_, end)| *end as usize),
                    false => text.len(),
                };
                self.write(text.get(..end).unwrap_or(text))
            })
            .collect();
        drop(texts_alone);
        let wholes: Vec<&str> = written.iter().map(|written| &written.whole[..]).collect();
        let encodings = (self.tokenizer).encode(&wholes, &Options::default(), context.workers())?;
        (written.iter().zip(encodings).zip(is_cut))
            .map(|((written, encoding), is_cut)| self.filled(written, encoding, is_cut))
            .collect()
    }

    fn filled(
        &self,
        written: &Written,
        encoding: Encoding,
        is_cut: bool,
    ) -> Result<Filled, StepError> {
        let (begin, end) = written.mask;
        let is_gap = |place: usize| {
            // A tokenizer may count blanks beside the mask as parts of it.
            let (from, to) = encoding.offsets[place];
            encoding.ids[place] == self.mask
                && !encoding.special[place]
                && from as usize <= begin
                && to as usize >= end
        };
        let gap = (0..encoding.len()).find(|&place| is_gap(place)).ok_or_else(|| {
            StepError::new(format!(
                "the tokenizer takes its mask, `{}`, to pieces",
                self.mask_text
            ))
            .help("name it among `added_tokens` in the tokenizer.json of the model, with \"special\": true")
        })?;
        let mut ids = encoding.ids;
        let mut masks = ids[..gap].iter().filter(|id| **id == self.mask).count();
        // Beside others, the text may have become some tokens more.
        let mut too_many = ids.len().saturating_sub(self.most);
        for place in (0..ids.len()).rev() {
            let (from, to) = encoding.offsets[place];
            let (from, to) = (from as usize, to as usize);
            let is_text = from < to && written.text.0 <= from && to <= written.text.1;
            if too_many > 0 && is_text && !encoding.special[place] {
                let gone = ids.remove(place);
                masks -= usize::from(place < gap && gone == self.mask);
                too_many -= 1;
            }
        }
        Ok(Filled {
            is_cut: is_cut || ids.len() < encoding.offsets.len(),
            ids,
            gap: masks,
            before: written.whole[..begin].to_owned(),
            after: written.whole[end..].to_owned(),
        })
    }

    fn write(&self, text: &str) -> Written {
        let mut written = Written {
            whole: String::with_capacity(self.pattern.len() + text.len()),
            text: (0, 0),
            mask: (0, 0),
        };
        let mut rest = self.pattern;
        while !rest.is_empty() {
            let next = [("{text}", text), ("{mask}", &self.mask_text)]
                .into_iter()
                .filter_map(|(part, put)| Some((rest.find(part)?, part, put)))
                .min();
            let (at, part, put) = next.unwrap_or((rest.len(), "", ""));
            written.whole.push_str(&rest[..at]);
            let begin = written.whole.len();
            written.whole.push_str(put);
            let place = (begin, written.whole.len());
            match part {
                "{text}" => written.text = place,
                "{mask}" => written.mask = place,
                _ => {}
            }
            rest = &rest[at + part.len()..];
        }
        written
    }
}
