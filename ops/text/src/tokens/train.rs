//! A vocabulary of one's own, learned from texts.

use std::collections::BTreeMap;

use tokenizers::decoders::wordpiece::WordPiece as WordPieceDecoder;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::processors::bert::BertProcessing;
use tokenizers::processors::roberta::RobertaProcessing;
use tokenizers::{
    AddedToken, Model, Normalizer, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer,
    TokenizerBuilder,
};

use super::merges::{Learned, Limits, learn};
use crate::{Error, Result, Workers};

/// Texts that a thread splits at a time.
const GRAIN: usize = 64;
/// What continues a word in WordPiece.
const CONTINUING: &str = "##";

/// How a vocabulary is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Pieces of words as BERT has them: `token`, `##ize`, `##r` (Schuster and Nakajima 2012; Devlin et al. 2019).
    WordPiece,
    /// Merged pairs of bytes as GPT-2 and RoBERTa have them (Sennrich et al. 2016; Radford et al. 2019).
    Bpe,
}

/// What a vocabulary is to be like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VocabularyOptions {
    /// How it is found.
    pub algorithm: Algorithm,
    /// Tokens at most, special ones included.
    pub vocab_size: usize,
    /// How often a pair must stand in the texts to become a token.
    pub min_frequency: u64,
    /// Characters at most that are tokens of their own, the most frequent ones; others are unknown. For WordPiece.
    pub limit_alphabet: usize,
    /// Whether case and accents are dropped. For WordPiece.
    pub lowercase: bool,
}

/// The special tokens of each algorithm, in the order of their numbers.
const BERT: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
const ROBERTA: [&str; 5] = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"];

/// Learns a vocabulary, and gives the `tokenizer.json` that [`Tokenizer::from_bytes`](super::Tokenizer::from_bytes) reads. The same
/// texts give the same bytes.
///
/// # Errors
/// When the vocabulary is too small for its special tokens, the texts hold nothing, or the hook stops the work.
pub fn train(texts: &[&str], options: &VocabularyOptions, workers: Workers<'_>) -> Result<Vec<u8>> {
    const DOING: &str = "learning a vocabulary";
    workers.check(DOING)?;
    if options.vocab_size <= BERT.len() {
        return Err(Error::parameter(
            "vocab_size",
            options.vocab_size,
            "a vocabulary needs room for more than its 5 special tokens",
        ));
    }
    if texts.iter().all(|text| text.trim().is_empty()) {
        return Err(Error::parameter(
            "texts",
            format!("{} blank ones", texts.len()),
            "a vocabulary is learned from words",
        ));
    }
    let text = match options.algorithm {
        Algorithm::WordPiece => word_piece(texts, options, workers)?,
        Algorithm::Bpe => bpe(texts, options, workers)?,
    };
    workers.check(DOING)?;
    text.map(String::into_bytes).map_err(failed)
}

fn failed(error: tokenizers::Error) -> Error {
    Error::Tokenizer {
        origin: "the new vocabulary".to_owned(),
        why: error.to_string(),
    }
}

/// How often each word stands in the texts.
fn words(
    texts: &[&str],
    normalizer: Option<&BertNormalizer>,
    splitter: &(impl PreTokenizer + Sync),
    workers: Workers<'_>,
) -> Result<BTreeMap<String, u64>> {
    let split = |text: &str| -> tokenizers::Result<Vec<String>> {
        let mut pieces = PreTokenizedString::from(text);
        if let Some(normalizer) = normalizer {
            pieces.normalize(|piece| normalizer.normalize(piece))?;
        }
        splitter.pre_tokenize(&mut pieces)?;
        let splits = pieces.get_splits(OffsetReferential::Original, OffsetType::Byte);
        Ok(splits
            .into_iter()
            .map(|(word, ..)| word.to_owned())
            .collect())
    };
    let parts = workers.map("splitting texts into words", texts.len(), GRAIN, |range| {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for row in range {
            for word in split(texts[row])? {
                *counts.entry(word).or_default() += 1;
            }
        }
        Ok(counts)
    })?;
    let mut all: BTreeMap<String, u64> = BTreeMap::new();
    for part in parts {
        for (word, count) in part.map_err(failed)? {
            *all.entry(word).or_default() += count;
        }
    }
    Ok(all)
}

fn word_piece(
    texts: &[&str],
    options: &VocabularyOptions,
    workers: Workers<'_>,
) -> Result<tokenizers::Result<String>> {
    let normalizer = BertNormalizer::new(true, true, Some(options.lowercase), options.lowercase);
    let words = words(texts, Some(&normalizer), &BertPreTokenizer, workers)?;
    let learned = learn(
        &words,
        &Limits {
            vocab_size: options.vocab_size,
            min_frequency: options.min_frequency,
            alphabet: Some(options.limit_alphabet),
            special: &BERT,
            initial: &[],
            continuing: CONTINUING,
        },
        workers,
    )?;
    let build = || {
        let vocabulary = learned.vocabulary.into_iter().zip(0..);
        let model = WordPiece::builder()
            .vocab(vocabulary.collect::<Vocab>())
            .unk_token(BERT[1].to_owned())
            .build()?;
        let tokenizer = TokenizerBuilder::new()
            .with_model(model)
            .with_normalizer(Some(normalizer))
            .with_pre_tokenizer(Some(BertPreTokenizer))
            .with_post_processor(Some(BertProcessing::new(
                (BERT[3].to_owned(), 3),
                (BERT[2].to_owned(), 2),
            )))
            .with_decoder(Some(WordPieceDecoder::default()))
            .build()?;
        finished(tokenizer, &BERT)
    };
    Ok(build())
}

fn bpe(
    texts: &[&str],
    options: &VocabularyOptions,
    workers: Workers<'_>,
) -> Result<tokenizers::Result<String>> {
    let bytes = ByteLevel::new(false, true, true);
    let words = words(texts, None, &bytes, workers)?;
    let mut alphabet: Vec<char> = ByteLevel::alphabet().into_iter().collect();
    alphabet.sort_unstable();
    let Learned { vocabulary, merges } = learn(
        &words,
        &Limits {
            vocab_size: options.vocab_size,
            min_frequency: options.min_frequency,
            alphabet: None,
            special: &ROBERTA,
            initial: &alphabet,
            continuing: "",
        },
        workers,
    )?;
    let build = || {
        let model = BPE::builder()
            .vocab_and_merges(vocabulary.into_iter().zip(0..).collect::<Vocab>(), merges)
            .build()?;
        let tokenizer = TokenizerBuilder::new()
            .with_model(model)
            .with_normalizer(None::<BertNormalizer>)
            .with_pre_tokenizer(Some(bytes))
            .with_post_processor(Some(
                RobertaProcessing::new((ROBERTA[2].to_owned(), 2), (ROBERTA[0].to_owned(), 0))
                    .add_prefix_space(false),
            ))
            .with_decoder(Some(bytes))
            .build()?;
        finished(tokenizer, &ROBERTA)
    };
    Ok(build())
}

/// The text of the file, in which the special tokens are found before texts are split.
fn finished<M, N, PT, PP, D>(
    mut tokenizer: tokenizers::TokenizerImpl<M, N, PT, PP, D>,
    special: &[&str],
) -> tokenizers::Result<String>
where
    M: Model + serde::Serialize,
    N: Normalizer + serde::Serialize,
    PT: PreTokenizer + serde::Serialize,
    PP: tokenizers::PostProcessor + serde::Serialize,
    D: tokenizers::Decoder + serde::Serialize,
{
    let tokens: Vec<AddedToken> = special
        .iter()
        .map(|name| AddedToken::from(*name, true))
        .collect();
    tokenizer.add_special_tokens(tokens)?;
    tokenizer.to_string(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::{Options, SpecialNames, Tokenizer};

    const TEXTS: [&str; 4] = [
        "The loader crashes on empty files",
        "loading an empty file crashes the loader",
        "Crash: file loader, emptied files",
        "files and files of empty loaders",
    ];

    fn options(algorithm: Algorithm) -> VocabularyOptions {
        VocabularyOptions {
            algorithm,
            vocab_size: 320,
            min_frequency: 2,
            limit_alphabet: 1000,
            lowercase: true,
        }
    }

    #[test]
    fn frequent_words_become_tokens_and_others_fall_into_pieces() {
        let bytes = train(&TEXTS, &options(Algorithm::WordPiece), Workers::new(2)).unwrap();
        let tokenizer = Tokenizer::from_bytes(&bytes, &SpecialNames::default()).unwrap();
        assert_eq!(tokenizer.mask().unwrap().id, 4);
        assert_eq!(tokenizer.pad().unwrap().id, 0);
        let encoded = tokenizer
            .encode(&["Empty loader"], &Options::default(), Workers::new(1))
            .unwrap();
        let tokens: Vec<String> = encoded[0]
            .ids
            .iter()
            .filter_map(|id| tokenizer.id_to_token(*id))
            .collect();
        assert_eq!(tokens, ["[CLS]", "empty", "loader", "[SEP]"]);
        assert_eq!(
            tokenizer.decode(&encoded[0].ids, true).unwrap(),
            "empty loader"
        );
    }

    #[test]
    fn bytes_say_any_text() {
        let bytes = train(&TEXTS, &options(Algorithm::Bpe), Workers::new(1)).unwrap();
        let tokenizer = Tokenizer::from_bytes(&bytes, &SpecialNames::default()).unwrap();
        let text = "Größe: 5 µm → leer";
        let encoded = tokenizer
            .encode(&[text], &Options::default(), Workers::new(1))
            .unwrap();
        assert_eq!(encoded[0].ids.first(), Some(&0));
        assert_eq!(encoded[0].ids.last(), Some(&2));
        assert_eq!(tokenizer.decode(&encoded[0].ids, true).unwrap(), text);
    }

    #[test]
    fn merges_are_those_that_the_tokenizers_package_learns() {
        // tests/peers/tokenizer_training.py
        let words: Vec<&str> = "load loader loading loads reload file files filed crash crashes crashed empty emptied index indexes token tokens"
            .split(' ')
            .collect();
        let mut state = 1_u64;
        let mut text = || {
            let drawn: Vec<&str> = (0..12)
                .map(|_| {
                    state = (state * 1_103_515_245 + 12_345) % (1 << 31);
                    words[(state >> 16) as usize % words.len()]
                })
                .collect();
            drawn.join(" ")
        };
        let texts: Vec<String> = (0..500).map(|_| text()).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let bytes = train(&texts, &options(Algorithm::Bpe), Workers::new(2)).unwrap();
        let tokenizer = Tokenizer::from_bytes(&bytes, &SpecialNames::default()).unwrap();
        let expected: Vec<String> = serde_json::from_str(include_str!(
            "../../../../tests/fixtures/tokenizer_training.json"
        ))
        .unwrap();
        assert_eq!(tokenizer.vocab_size(), expected.len());
        for (id, token) in (0..).zip(expected) {
            assert_eq!(tokenizer.id_to_token(id), Some(token));
        }
    }

    #[test]
    fn the_same_texts_give_the_same_bytes() {
        for algorithm in [Algorithm::WordPiece, Algorithm::Bpe] {
            let first = train(&TEXTS, &options(algorithm), Workers::new(1)).unwrap();
            for _ in 0..3 {
                let again = train(&TEXTS, &options(algorithm), Workers::new(2)).unwrap();
                assert!(first == again);
            }
        }
    }

    #[test]
    fn nothing_to_learn_from_is_an_error() {
        let options = options(Algorithm::WordPiece);
        assert!(train(&[" ", ""], &options, Workers::new(1)).is_err());
        let small = VocabularyOptions {
            vocab_size: 5,
            ..options
        };
        let said = train(&TEXTS, &small, Workers::new(1)).unwrap_err();
        assert!(said.to_string().contains("vocab_size"), "{said}");
    }
}
