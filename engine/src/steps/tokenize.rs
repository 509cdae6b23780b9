//! `op = "tokenize"`: texts as tokens of a vocabulary.

use std::time::Instant;

use arrow_schema::Field;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use table::columns;
use text::tokens::{Options, Tokenizer, count_truncated};

use super::rows::texts;
use super::transformer::tokens::{SPECIAL, TOKEN_IDS};
use super::words::{number, rows};
use super::{
    Check, ColumnType, Context, InputPort, OutputPort, PortType, Resources, Step, StepError,
    StepKind,
};

/// Turns texts into the tokens of a model.
///
/// The output `tokens` has the columns of the input and `input_ids`, the numbers of each text's tokens with the special ones, and
/// `special_tokens_mask`, 1 for those. Steps that work with a transformer take these where a table has them, and tokenize the texts
/// themselves where it has not; the results are the same.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tokenize {
    /// The column of texts; a null is an empty text.
    #[serde(default = "text_column")]
    text: String,
    /// Tokens of a text at most, the special ones included; longer texts are cut. Default: what the tokenizer says.
    #[serde(default)]
    #[schemars(range(min = 3))]
    max_length: Option<usize>,
    /// Whether the column `offsets` is added: for each token the byte of the text where it begins and the one behind it.
    #[serde(default)]
    offsets: bool,
}

fn text_column() -> String {
    "text".to_owned()
}

impl StepKind for Tokenize {
    const OP: &'static str = "tokenize";
    const VERSION: u32 = 1;
}

impl Step for Tokenize {
    fn inputs(&self) -> Vec<InputPort> {
        vec![
            InputPort::one("table", PortType::Table),
            InputPort::one("tokenizer", PortType::Tokenizer),
        ]
    }

    fn outputs(&self) -> Vec<OutputPort> {
        vec![OutputPort::new("tokens", PortType::Table)]
    }

    fn check(&self, check: &mut Check) {
        check.require("text", "table", &self.text, ColumnType::Text);
        let mut names = vec![TOKEN_IDS, SPECIAL];
        if self.offsets {
            names.push("offsets");
        }
        let fields: Vec<Field> = names
            .into_iter()
            .map(|name| Field::new(name, columns::int_list_type(), true))
            .collect();
        check.output_like("tokens", "table", &fields);
    }

    fn resources(&self) -> Resources {
        Resources {
            cores: usize::MAX,
            ..Resources::default()
        }
    }

    fn run(&self, context: &Context<'_>) -> Result<(), StepError> {
        let tokenizer = Tokenizer::from_file(context.path("tokenizer")?)?;
        let table = context.table("table")?;
        let column = table.text_column(&self.text)?;
        let options = Options {
            max_length: self.max_length.or(tokenizer.model_max_length()),
            ..Options::default()
        };
        let began = Instant::now();
        let encodings = tokenizer.encode(&texts(&column), &options, context.workers())?;
        let seconds = began.elapsed().as_secs_f64();
        let ids = encodings
            .iter()
            .map(|text| text.ids.iter().map(|id| i64::from(*id)));
        let special = encodings
            .iter()
            .map(|text| text.special.iter().map(|flag| i64::from(*flag)));
        let mut tokens = table
            .with_column(TOKEN_IDS, columns::int_lists(ids))?
            .with_column(SPECIAL, columns::int_lists(special))?;
        if self.offsets {
            let places = encodings.iter().map(|text| {
                let ends = text.offsets.iter();
                ends.flat_map(|(start, end)| [i64::from(*start), i64::from(*end)])
            });
            tokens = tokens.with_column("offsets", columns::int_lists(places))?;
        }
        context.write_table("tokens", &tokens)?;
        let all: usize = encodings.iter().map(text::tokens::Encoding::len).sum();
        context.note(format!(
            "{} tokens in {}, {} tokens/s",
            number(all),
            rows(encodings.len()),
            number((all as f64 / seconds.max(1e-9)) as usize)
        ));
        let cut = count_truncated(&encodings);
        if let (1.., Some(length)) = (cut, options.max_length) {
            context.note(format!("{} cut to {} tokens", rows(cut), number(length)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::testing::{Trial, labelled};
    use crate::steps::tokenizer::LearnTokenizer;
    use serde_json::json;

    #[test]
    fn texts_become_tokens_beside_their_other_columns() {
        let rows = labelled(&[("the loader crashes", "bug"), ("the loader", "")]);
        let learned = Trial::new::<LearnTokenizer>(json!({ "vocab_size": 60 }))
            .input("texts", &rows)
            .run();
        let outcome = Trial::new::<Tokenize>(json!({ "max_length": 4, "offsets": true }))
            .input("table", &rows)
            .artifact("tokenizer", &learned.path("tokenizer"), &[])
            .run();
        let table = outcome.table("tokens");
        let ids = table.int_lists("input_ids").unwrap();
        let lengths: Vec<usize> = ids.rows().map(<[i64]>::len).collect();
        assert_eq!(lengths, [4, 4]);
        let special = table.int_lists("special_tokens_mask").unwrap();
        assert_eq!(special.rows().next(), Some(&[1, 0, 0, 1][..]));
        let offsets = table.int_lists("offsets").unwrap();
        assert_eq!(offsets.rows().next(), Some(&[0, 0, 0, 3, 4, 10, 0, 0][..]));
        assert_eq!(outcome.labels("tokens", "labels")[0], ["bug"]);
        assert_eq!(outcome.notes[1], "1 row cut to 4 tokens");
    }
}
