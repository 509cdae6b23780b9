//! How much of a long text has to be read for its first tokens.
//!
//! Normalising and splitting take longer than the look-up of pieces, and most of an issue of 10,000 characters is thrown away
//! for 128 tokens. Where a space after a visible ASCII character always ends a token, and what follows it has no influence on
//! what precedes it, the text up to there gives the same tokens as the whole.

use tokenizers::{NormalizerWrapper, PreTokenizerWrapper};

/// True when a text may be cut at [`end`]: the normaliser works on characters and the splitter ends words at spaces.
pub(super) fn is_local(tokenizer: &tokenizers::Tokenizer) -> bool {
    let normalizer = match tokenizer.get_normalizer() {
        None => true,
        Some(normalizer) => matches!(
            normalizer,
            NormalizerWrapper::BertNormalizer(_)
                | NormalizerWrapper::Lowercase(_)
                | NormalizerWrapper::StripAccents(_)
                | NormalizerWrapper::NFC(_)
                | NormalizerWrapper::NFD(_)
        ),
    };
    let splitter = match tokenizer.get_pre_tokenizer() {
        None => false,
        Some(PreTokenizerWrapper::ByteLevel(bytes)) => bytes.use_regex,
        Some(splitter) => matches!(
            splitter,
            PreTokenizerWrapper::BertPreTokenizer(_)
                | PreTokenizerWrapper::Whitespace(_)
                | PreTokenizerWrapper::WhitespaceSplit(_)
        ),
    };
    // An added token with a space inside may lie across the cut.
    let added = tokenizer
        .get_added_vocabulary()
        .get_added_tokens_decoder()
        .values()
        .all(|token| !token.content.contains(char::is_whitespace));
    normalizer && splitter && added
}

/// The first place from `from` on where a text may be cut, `None` when there is none.
pub(super) fn end(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    (from.max(1)..bytes.len()).find(|&at| bytes[at] == b' ' && bytes[at - 1].is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_at_a_space_after_a_visible_ascii_character() {
        assert_eq!(end("ab cd ef", 0), Some(2));
        assert_eq!(end("ab cd ef", 3), Some(5));
        assert_eq!(end("ab cd ef", 6), None);
        assert_eq!(end("a  b", 2), None);
        assert_eq!(end("é b", 0), None);
        assert_eq!(end("", 0), None);
    }
}
