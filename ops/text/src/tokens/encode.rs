//! Texts and pairs of texts into token ids, in parallel.

use super::options::{Options, Side, Truncation};
use super::{Encoding, Tokenizer, prefix};
use crate::{Error, Result, Workers};
use tokenizers::utils::truncation::TruncationDirection;
use tokenizers::{Model, OffsetType, PreTokenizer};

/// Texts that a thread takes at a time.
const GRAIN: usize = 16;

impl Tokenizer {
    /// The tokens of each text, in order.
    ///
    /// # Errors
    /// When `max_length` has no room beside the special tokens, the tokenizer fails on a text, or the hook stops the work.
    pub fn encode(
        &self,
        texts: &[&str],
        options: &Options,
        workers: Workers<'_>,
    ) -> Result<Vec<Encoding>> {
        let room = self.room(options, false)?;
        self.all(texts.len(), workers, |row| {
            self.single(texts[row], room, options)
                .map_err(|error| text_failed(row, &*error))
        })
    }

    /// The tokens of each pair of texts, in order. Both together have at most `max_length` tokens.
    ///
    /// # Errors
    /// As [`encode`](Self::encode), and when one text alone is to be cut and the other leaves no room for it.
    pub fn encode_pairs(
        &self,
        pairs: &[(&str, &str)],
        options: &Options,
        workers: Workers<'_>,
    ) -> Result<Vec<Encoding>> {
        let room = self.room(options, true)?;
        self.all(pairs.len(), workers, |row| {
            self.pair(pairs[row], row, room, options)
        })
    }

    fn all(
        &self,
        rows: usize,
        workers: Workers<'_>,
        encode: impl Fn(usize) -> Result<Encoding> + Sync,
    ) -> Result<Vec<Encoding>> {
        let parts = workers.map("tokenizing", rows, GRAIN, |range| {
            range.map(&encode).collect::<Result<Vec<_>>>()
        })?;
        let mut encodings = Vec::with_capacity(rows);
        for part in parts {
            encodings.extend(part?);
        }
        Ok(encodings)
    }

    /// How many tokens of texts fit beside the special ones.
    fn room(&self, options: &Options, is_pair: bool) -> Result<usize> {
        let Some(max_length) = options.max_length else {
            return Ok(usize::MAX);
        };
        let added = if options.add_special {
            self.added_tokens(is_pair)
        } else {
            0
        };
        if max_length <= added {
            return Err(Error::NoRoom { max_length, added });
        }
        Ok(max_length - added)
    }

    fn single(&self, text: &str, room: usize, options: &Options) -> tokenizers::Result<Encoding> {
        let mut tokens = self.tokens(text, 0, room.saturating_add(1), options.side)?;
        let truncated = cut(&mut tokens, room, options.side);
        let whole = self.inner.post_process(tokens, None, options.add_special)?;
        Ok(finish(&whole, truncated))
    }

    fn pair(
        &self,
        (first, second): (&str, &str),
        row: usize,
        room: usize,
        options: &Options,
    ) -> Result<Encoding> {
        let tokens = |enough| -> Result<_> {
            let of = |text, kind| {
                self.tokens(text, kind, enough, options.side)
                    .map_err(|error| text_failed(row, &*error))
            };
            Ok((of(first, 0)?, of(second, 1)?))
        };
        let enough = room.saturating_add(1);
        let (mut first, mut second) = tokens(enough)?;
        // Of two long texts the longer one gets the odd token, and to know it both have to be read to their ends.
        let odd = room % 2 == 1 && options.truncation == Truncation::LongestFirst;
        if odd && first.len().min(second.len()) >= enough {
            (first, second) = tokens(usize::MAX)?;
        }
        let (left, right) = shares(first.len(), second.len(), room, options.truncation).ok_or(
            Error::NoRoomInPair {
                row,
                kept: match options.truncation {
                    Truncation::OnlySecond => first.len(),
                    _ => second.len(),
                },
                room,
            },
        )?;
        let cut_first = cut(&mut first, left, options.side);
        let cut_second = cut(&mut second, right, options.side);
        let whole = self
            .inner
            .post_process(first, Some(second), options.add_special)
            .map_err(|error| text_failed(row, &*error))?;
        Ok(finish(&whole, cut_first || cut_second))
    }

    /// The tokens of a text, at least `enough` of them at the side that stays where it has so many.
    fn tokens(
        &self,
        text: &str,
        kind: u32,
        enough: usize,
        side: Side,
    ) -> tokenizers::Result<tokenizers::Encoding> {
        if self.local && side == Side::Right {
            // Most texts have five bytes a token or fewer.
            let mut read = enough.saturating_mul(6);
            for _ in 0..2 {
                let Some(end) = prefix::end(text, read) else {
                    break;
                };
                let tokens = self.tokens_of(&text[..end], kind, enough, side)?;
                if tokens.len() >= enough {
                    return Ok(tokens);
                }
                read = read.saturating_mul(4);
            }
        }
        self.tokens_of(text, kind, enough, side)
    }

    fn tokens_of(
        &self,
        text: &str,
        kind: u32,
        enough: usize,
        side: Side,
    ) -> tokenizers::Result<tokenizers::Encoding> {
        let mut pieces = self
            .inner
            .get_added_vocabulary()
            .extract_and_normalize(self.inner.get_normalizer(), text);
        if let Some(splitter) = self.inner.get_pre_tokenizer() {
            splitter.pre_tokenize(&mut pieces)?;
        }
        let model = self.inner.get_model();
        pieces.tokenize_with_limit(|piece| model.tokenize(piece.get()), enough, direction(side))?;
        pieces.into_encoding(None, kind, OffsetType::Byte)
    }
}

/// Cuts down to `length` tokens; true when some went.
fn cut(tokens: &mut tokenizers::Encoding, length: usize, side: Side) -> bool {
    if tokens.len() <= length {
        return false;
    }
    tokens.truncate(length, 0, direction(side));
    // What was cut off would otherwise be merged with everything that follows.
    tokens.take_overflowing();
    true
}

fn direction(side: Side) -> TruncationDirection {
    match side {
        Side::Right => TruncationDirection::Right,
        Side::Left => TruncationDirection::Left,
    }
}

/// How many tokens of each text stay, `None` when that of the one that is to be cut would be none.
fn shares(first: usize, second: usize, room: usize, rule: Truncation) -> Option<(usize, usize)> {
    if first.saturating_add(second) <= room {
        return Some((first, second));
    }
    let rest = |kept: usize| room.checked_sub(kept).filter(|&rest| rest > 0);
    match rule {
        Truncation::OnlyFirst => Some((rest(second)?, second)),
        Truncation::OnlySecond => Some((first, rest(first)?)),
        Truncation::LongestFirst => {
            let shorter = first.min(second).min(room / 2);
            let longer = room - shorter;
            // The longer of the two gets the odd token; of equals, the second.
            Some(if first > second {
                (longer, shorter)
            } else {
                (shorter, longer)
            })
        }
    }
}

fn finish(tokens: &tokenizers::Encoding, truncated: bool) -> Encoding {
    // Offsets are bytes of a text in memory; one of 4 GiB would be cut into rows long before.
    let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Encoding {
        ids: tokens.get_ids().to_vec(),
        type_ids: tokens.get_type_ids().to_vec(),
        special: tokens
            .get_special_tokens_mask()
            .iter()
            .map(|&special| special == 1)
            .collect(),
        offsets: tokens
            .get_offsets()
            .iter()
            .map(|&(start, end)| (place(start), place(end)))
            .collect(),
        truncated,
    }
}

fn text_failed(row: usize, error: &(dyn std::error::Error + Send + Sync)) -> Error {
    Error::Tokenizer {
        origin: "the tokenizer".into(),
        why: format!(
            "it fails on text {row} (counted from 0): {error}; drop the text, or check the vocabulary's unknown token"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_text_gives_way_down_to_the_shorter_one() {
        let shares = |first, second| shares(first, second, 9, Truncation::LongestFirst);
        assert_eq!(shares(4, 5), Some((4, 5)));
        assert_eq!(shares(2, 20), Some((2, 7)));
        assert_eq!(shares(20, 2), Some((7, 2)));
        assert_eq!(shares(20, 30), Some((4, 5)));
        assert_eq!(shares(30, 20), Some((5, 4)));
        assert_eq!(shares(0, 30), Some((0, 9)));
    }

    #[test]
    fn one_text_alone_gives_way_while_it_keeps_a_token() {
        assert_eq!(shares(9, 3, 9, Truncation::OnlyFirst), Some((6, 3)));
        assert_eq!(shares(3, 9, 9, Truncation::OnlyFirst), None);
        assert_eq!(shares(3, 9, 9, Truncation::OnlySecond), Some((3, 6)));
    }
}
