//! The scores of all pairs of a text and a sentence about a label.

use methods::batches_of_lengths;
use nn::zero_shot::{Entailment, NliModel};
use nn::{Forward, Packed, Pretrained};
use tensor::{DType, Device, Tensor};
use text::Workers;
use text::tokens::{Encoding, Options, Tokenizer, Truncation};

use super::super::transformer::tokens::Tokens;
use super::super::{Context, StepError};

/// Pairs that are tokenized at a time; they take some kilobytes each.
const PAIRS: usize = 4096;

/// A model and the sentences that it judges texts by.
pub struct Pairs<'a> {
    model: &'a NliModel,
    entailment: Entailment,
    tokenizer: &'a Tokenizer,
    options: Options,
    sentences: &'a [String],
    batch_tokens: usize,
    context: &'a Context<'a>,
}

/// What came of it.
#[derive(Default)]
pub struct Judged {
    /// How well each sentence follows from each text, `[texts * sentences]`.
    pub scores: Vec<f32>,
    /// Tokens that were read.
    pub tokens: usize,
    /// Texts that were cut.
    pub cut: usize,
}

impl<'a> Pairs<'a> {
    /// Fails for a sentence that leaves no place for a text.
    pub fn new(
        model: &'a NliModel,
        tokens: &'a Tokens,
        sentences: &'a [String],
        batch_tokens: usize,
        context: &'a Context<'a>,
    ) -> Result<Pairs<'a>, StepError> {
        let tokenizer = tokens.tokenizer();
        let plain = Options {
            add_special: false,
            ..Options::default()
        };
        let borrowed: Vec<&str> = sentences.iter().map(String::as_str).collect();
        let lengths = tokenizer.encode(&borrowed, &plain, Workers::new(context.threads()))?;
        let most = tokens.max_length().unwrap_or(usize::MAX);
        let added = tokenizer.added_tokens(true);
        for (sentence, encoding) in sentences.iter().zip(&lengths) {
            if encoding.len() + added >= most {
                return Err(StepError::new(format!(
                    "the sentence `{sentence}` has {} tokens and {added} special ones around it, which leaves none of {most} for the text",
                    encoding.len()
                ))
                .help("shorten `hypothesis` or the label's phrase, or raise max_length as far as the model allows"));
            }
        }
        Ok(Pairs {
            model,
            entailment: model.entailment()?,
            tokenizer,
            options: Options {
                max_length: tokens.max_length(),
                truncation: Truncation::OnlyFirst,
                ..Options::default()
            },
            sentences,
            batch_tokens,
            context,
        })
    }

    /// The scores of all sentences for each text: probabilities of their own, or of one sentence among all.
    pub fn scores(
        &self,
        texts: &[&str],
        multi_label: bool,
        device: &Device,
    ) -> Result<Judged, StepError> {
        let mut judged = Judged::default();
        let sentences = self.sentences.len().max(1);
        let mut done = 0;
        for texts_at_once in texts.chunks((PAIRS / sentences).max(1)) {
            let pairs: Vec<(&str, &str)> = texts_at_once
                .iter()
                .flat_map(|text| self.sentences.iter().map(|sentence| (*text, &sentence[..])))
                .collect();
            let workers = Workers::new(self.context.threads());
            let encodings = (self.tokenizer).encode_pairs(&pairs, &self.options, workers)?;
            judged.tokens += encodings.iter().map(Encoding::len).sum::<usize>();
            judged.cut += encodings
                .chunks(sentences)
                .filter(|of_text| of_text.iter().any(|pair| pair.truncated))
                .count();
            let logits = self.logits(&encodings, device, |pairs| {
                let done = (done + pairs / sentences) as u64;
                (self.context.progress).update(done, texts.len() as u64, "texts");
            })?;
            let scores = (self.entailment).label_scores(&logits, sentences, multi_label)?;
            judged.scores.extend(scores.to_f32_vec()?);
            done += texts_at_once.len();
        }
        Ok(judged)
    }

    /// `[pairs, classes]`, in batches of pairs of about the same length.
    fn logits(
        &self,
        pairs: &[Encoding],
        device: &Device,
        progress: impl Fn(usize),
    ) -> Result<Tensor, StepError> {
        // Only such models tell a text from a sentence by the types of tokens.
        let has_types = match self.model {
            NliModel::Encoder(model) => model.config().type_vocab_size > 1,
            NliModel::Seq2Seq(_) => false,
        };
        let lengths: Vec<usize> = pairs.iter().map(Encoding::len).collect();
        let mut all: Vec<f32> = Vec::new();
        let (mut classes, mut done) = (0, 0);
        for batch in batches_of_lengths(&lengths, self.batch_tokens) {
            self.context.check()?;
            let ids: Vec<&[u32]> = batch.iter().map(|&place| &pairs[place].ids[..]).collect();
            let mut packed = Packed::new(&ids, device)?;
            if has_types {
                let types = batch.iter().flat_map(|&place| &pairs[place].type_ids);
                packed = packed.with_token_types(&types.copied().collect::<Vec<_>>())?;
            }
            let logits = self.model.forward(&packed, Forward::inference())?;
            let logits = logits.cast(DType::F32)?.to_f32_vec()?;
            classes = logits.len() / batch.len().max(1);
            all.resize(pairs.len() * classes, 0.0);
            for (row, &place) in logits.chunks(classes.max(1)).zip(&batch) {
                all[place * classes..(place + 1) * classes].copy_from_slice(row);
            }
            done += batch.len();
            progress(done);
        }
        Ok(Tensor::new(&all, [pairs.len(), classes], device)?)
    }
}
