//! Texts of a table as the tokens of a model.

use std::path::Path;

use methods::{Text, Vocabulary};
use table::{Table, parquet_file};
use text::Workers;
use text::tokens::{Options, Tokenizer, count_truncated};

use super::super::words::number;
use super::super::{Context, StepError, rows};

/// The columns that `tokenize` adds.
pub const TOKEN_IDS: &str = "input_ids";
/// 1 for tokens that are no part of the text, such as `[CLS]`.
pub const SPECIAL: &str = "special_tokens_mask";

/// The tokenizer of a model's folder, or of a folder of its own.
pub struct Tokens {
    tokenizer: Tokenizer,
    max_length: Option<usize>,
    /// What the model takes at most, where that is known.
    context: Option<usize>,
}

impl Tokens {
    /// Reads it. Texts are cut to `max_length` tokens; where that is not given, to what the folder says.
    pub fn open(folder: &Path, max_length: Option<usize>) -> Result<Tokens, StepError> {
        let tokenizer = Tokenizer::from_file(folder)?;
        Ok(Tokens {
            max_length: max_length.or(tokenizer.model_max_length()),
            context: None,
            tokenizer,
        })
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// How long texts may be.
    pub fn max_length(&self) -> Option<usize> {
        self.max_length
    }

    /// The same with texts of at most `limit` tokens, which is what a model takes.
    #[must_use]
    pub fn within(self, limit: usize) -> Tokens {
        Tokens {
            max_length: Some(self.max_length.map_or(limit, |length| length.min(limit))),
            context: Some(limit),
            ..self
        }
    }

    /// What methods need to know of it.
    pub fn vocabulary(&self) -> Result<Vocabulary, StepError> {
        let special = self.tokenizer.special();
        let all = [
            &special.mask,
            &special.pad,
            &special.cls,
            &special.sep,
            &special.unk,
            &special.bos,
            &special.eos,
        ];
        let mut ids: Vec<u32> = all.into_iter().flatten().map(|token| token.id).collect();
        ids.sort_unstable();
        ids.dedup();
        Ok(Vocabulary {
            size: self.tokenizer.vocab_size(),
            mask: self.tokenizer.mask()?.id,
            pad: self.tokenizer.pad()?.id,
            special: ids,
        })
    }

    /// The tokens of texts, and how many texts were cut.
    pub fn encode(
        &self,
        texts: &[&str],
        workers: Workers<'_>,
    ) -> Result<(Vec<Text>, usize), StepError> {
        let options = Options {
            max_length: self.max_length,
            ..Options::default()
        };
        let encodings = self.tokenizer.encode(texts, &options, workers)?;
        let cut = count_truncated(&encodings);
        let texts = encodings.into_iter().map(|encoding| Text {
            ids: encoding.ids,
            special: encoding.special,
        });
        Ok((texts.collect(), cut))
    }

    /// The tokens of the rows that feed `port`: those that `tokenize` wrote, where the table has them, else those of the column
    /// `text`, which is read with them.
    pub fn of_port(
        &self,
        context: &Context<'_>,
        port: &str,
        text: &str,
    ) -> Result<Vec<Text>, StepError> {
        let path = context.path(port)?;
        let schema = parquet_file::parquet_schema(path)?;
        if schema.column_with_name(TOKEN_IDS).is_some() {
            let table = context.columns(port, &[TOKEN_IDS, SPECIAL])?;
            return self.of_columns(&table, port);
        }
        let table = context.columns(port, &[text])?;
        let column = table.text_column(text)?;
        let (texts, cut) = self.encode(&rows::texts(&column), context.workers())?;
        if cut > 0 {
            context.note(format!(
                "{port}: {} of {} texts cut to {} tokens",
                number(cut),
                number(texts.len()),
                number(self.max_length.unwrap_or(usize::MAX))
            ));
        }
        Ok(texts)
    }

    fn of_columns(&self, table: &Table, port: &str) -> Result<Vec<Text>, StepError> {
        let ids = table.int_lists(TOKEN_IDS)?;
        let special = table.int_lists(SPECIAL)?;
        let size = self.tokenizer.vocab_size() as i64;
        let limit = self.max_length.unwrap_or(usize::MAX);
        let texts = ids.rows().zip(special.rows()).enumerate();
        texts
            .map(|(row, (ids, special))| {
                if let Some(id) = ids.iter().find(|id| !(0..size).contains(*id)) {
                    return Err(StepError::new(format!(
                        "row {row} of the input `{port}` has token {id}, and the model's vocabulary ends at {}",
                        size - 1
                    ))
                    .help("feed `tokenize` the same model or tokenizer as this step"));
                }
                if ids.len() > limit {
                    return Err(StepError::new(format!(
                        "row {row} of the input `{port}` has {} tokens, and {limit} are the most here",
                        ids.len()
                    ))
                    .help(match self.context {
                        Some(context) if context <= limit => format!(
                            "tokenize with max_length = {limit}: the model takes no more"
                        ),
                        _ => format!(
                            "tokenize with max_length = {limit}, or raise max_length here"
                        ),
                    }));
                }
                Ok(Text {
                    ids: ids.iter().map(|id| *id as u32).collect(),
                    special: special.iter().map(|flag| *flag != 0).collect(),
                })
            })
            .collect()
    }
}
