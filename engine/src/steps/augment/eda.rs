//! `method = "eda"`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use text::Rng;
use text::augment::{Eda as Changes, Operation, WordNet};

use super::super::rows::texts;
use super::super::{
    Check, ColumnType, Context, InputPort, OutputPort, PortType, Step, StepError, StepKind,
};
use super::made;

/// Makes new texts by changing a few words at random (Wei and Zou 2019): synonyms, insertions, swaps, deletions.
///
/// The output `augmented` has `copies` rows for each row of the input, with its other columns, and the column `augmented_from` with
/// the number of that row. Code between backticks, addresses, and names with digits or underscores stay as they are.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Eda {
    /// The column of texts; a null is an empty text.
    #[serde(default = "text_column")]
    text: String,
    /// New texts for each text.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    copies: usize,
    /// The share of a text's words that are changed, at least one.
    #[serde(default = "tenth")]
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1))]
    share: f64,
    /// What is done; one of them is drawn for each new text. `synonyms` and `insert` (of synonyms) need WordNet to be installed
    /// (Debian: wordnet-base).
    #[serde(default = "without_wordnet")]
    #[schemars(length(min = 1))]
    operations: Vec<Done>,
}

/// What is done to words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Done {
    /// Words are replaced by synonyms.
    Synonyms,
    /// Synonyms of words are put in somewhere.
    Insert,
    /// Two words change places.
    Swap,
    /// Words are left out.
    Delete,
}

fn text_column() -> String {
    "text".to_owned()
}

fn one() -> usize {
    1
}

fn tenth() -> f64 {
    0.1
}

fn without_wordnet() -> Vec<Done> {
    vec![Done::Swap, Done::Delete]
}

impl StepKind for Eda {
    const OP: &'static str = "augment";
    const METHOD: Option<&'static str> = Some("eda");
    const VERSION: u32 = 1;
}

impl Step for Eda {
    fn inputs(&self) -> Vec<InputPort> {
        vec![InputPort::one("table", PortType::Table)]
    }

    fn outputs(&self) -> Vec<OutputPort> {
        vec![OutputPort::new("augmented", PortType::Table)]
    }

    fn check(&self, check: &mut Check) {
        check.require("text", "table", &self.text, ColumnType::Text);
        made::check(check);
    }

    fn seeded(&self) -> bool {
        true
    }

    fn run(&self, context: &Context<'_>) -> Result<(), StepError> {
        let operations: Vec<Operation> = self
            .operations
            .iter()
            .map(|done| match done {
                Done::Synonyms => Operation::Synonyms,
                Done::Insert => Operation::Insert,
                Done::Swap => Operation::Swap,
                Done::Delete => Operation::Delete,
            })
            .collect();
        let needs = [Operation::Synonyms, Operation::Insert];
        let wordnet = match operations.iter().any(|done| needs.contains(done)) {
            true => Some(WordNet::installed()?),
            false => None,
        };
        let changes = Changes {
            operations,
            share: self.share,
            wordnet: wordnet.as_ref(),
        };
        changes.check()?;
        let table = context.table("table")?;
        let column = table.text_column(&self.text)?;
        let texts = texts(&column);
        let mut versions = Vec::with_capacity(self.copies);
        for copy in 0..self.copies {
            context.check()?;
            let begin = (copy * texts.len()) as u64;
            let made = (begin..).zip(&texts);
            versions.push(
                made.map(|(stream, text)| {
                    changes.apply(text, &mut Rng::stream(context.seed, stream))
                })
                .collect(),
            );
        }
        made::write(context, &table, &self.text, versions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::testing::{Trial, labelled};
    use serde_json::json;

    #[test]
    fn new_rows_keep_labels_and_say_where_they_are_from() {
        let rows = labelled(&[
            ("the loader crashes often", "bug"),
            ("add a new reader please", ""),
        ]);
        let outcome = Trial::new::<Eda>(json!({ "copies": 2, "share": 0.5 }))
            .input("table", &rows)
            .run();
        assert_eq!(outcome.ints("augmented", "augmented_from"), [0, 1, 0, 1]);
        assert_eq!(outcome.labels("augmented", "labels")[2], ["bug"]);
        let texts = outcome.texts("augmented", "text");
        assert_ne!(texts[0], "the loader crashes often");
        assert_ne!(texts[0], texts[2]);
    }
}
