//! `op = "slices"`: training slices of growing size.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use text::slices::{self, balanced_order};
use text::{LabelSets, Rng};

use super::words::{number, rows};
use super::{
    Check, ColumnType, Context, InputPort, OutputPort, PortType, Step, StepError, StepKind,
};

/// Takes slices of several sizes from the rows, one output port a size: `slices.8`, `slices.all`.
///
/// A smaller slice lies within every larger one, so that scores differ by what was added alone. How slices are balanced by label
/// is a question of what is asked. To learn what labelling so many of the rows would give, each label keeps its share
/// (`balance = "proportional"`): a model learns from it how frequent labels are. With as many rows for every label
/// (`balance = "equal"`), as few-shot benchmarks have it, rare labels are learned sooner and macro F1 is higher; but what
/// the model learns of their frequencies is wrong for the rows that it will see, and micro F1 is lower, most of all where one
/// threshold decides for all labels. Then `evaluate` with `decide = "threshold_per_label"` mends a part of it.
///
/// The rows of a slice keep their order. Rows without a label come into a slice only when no others are left. A slice that is larger
/// than the table holds all rows, and a note says so.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Slices {
    /// The column with the labels: a list of texts a row, or one text a row. Default: labels.
    #[serde(default = "labels")]
    labels: String,
    /// The sizes in rows, or `"all"`. Default: [8, 16, 32, 64, 128, "all"].
    #[serde(default = "sizes")]
    sizes: Vec<Size>,
    /// How the labels of a slice are balanced.
    #[serde(default)]
    balance: Balance,
}

/// How the labels of a slice are balanced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Balance {
    /// Each label has its share of the rows, rounded: a small picture of the table.
    #[default]
    Proportional,
    /// Each label has as many rows as every other, as far as there are; the frequent ones come first.
    Equal,
    /// Not at all: rows are drawn by chance, and need no labels.
    None,
}

/// The size of a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Size {
    Rows(u32),
    All(All),
}

/// Every row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum All {
    All,
}

impl Size {
    fn of(self, total: usize) -> usize {
        match self {
            Size::Rows(rows) => total.min(rows as usize),
            Size::All(All::All) => total,
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Size::Rows(rows) => write!(f, "{rows}"),
            Size::All(All::All) => f.write_str("all"),
        }
    }
}

fn labels() -> String {
    "labels".to_owned()
}

fn sizes() -> Vec<Size> {
    let rows = [8, 16, 32, 64, 128].map(Size::Rows);
    rows.into_iter().chain([Size::All(All::All)]).collect()
}

impl StepKind for Slices {
    const OP: &'static str = "slices";
    const VERSION: u32 = 2;
}

impl Step for Slices {
    fn inputs(&self) -> Vec<InputPort> {
        vec![InputPort::one("table", PortType::Table)]
    }

    fn outputs(&self) -> Vec<OutputPort> {
        let port = |size: &Size| OutputPort::new(size.to_string(), PortType::Table);
        self.sizes.iter().map(port).collect()
    }

    fn seeded(&self) -> bool {
        true
    }

    fn check(&self, check: &mut Check) {
        if self.balance != Balance::None {
            check.require("labels", "table", &self.labels, ColumnType::Labels);
        }
        if self.sizes.is_empty() {
            check.problem("sizes", "there is no size, so nothing would be made", None);
        }
        if self.sizes.contains(&Size::Rows(0)) {
            check.problem("sizes", "a slice has at least 1 row", None);
        }
        for size in &self.sizes {
            check.output_like(&size.to_string(), "table", &[]);
        }
    }

    fn run(&self, context: &Context<'_>) -> Result<(), StepError> {
        let table = context.table("table")?;
        let seed = context.seed;
        let balanced = |balance| -> Result<_, StepError> {
            let lists = table.string_lists(&self.labels)?;
            let names: Vec<Vec<&str>> = lists.rows().map(Iterator::collect).collect();
            let labels = LabelSets::from_names(&names);
            Ok((balanced_order(&labels, balance, seed), Some(labels)))
        };
        let (order, labels) = match self.balance {
            Balance::Proportional => balanced(slices::Balance::Proportional)?,
            Balance::Equal => balanced(slices::Balance::Equal)?,
            Balance::None => (Rng::new(seed).permutation(table.num_rows()), None),
        };
        let mut met = Vec::with_capacity(self.sizes.len());
        let mut too_large = Vec::new();
        for size in &self.sizes {
            context.check()?;
            let mut slice = order[..size.of(order.len())].to_vec();
            slice.sort_unstable();
            context.write_table(&size.to_string(), &table.take(&slice)?)?;
            if let Some(labels) = &labels {
                let counts = labels.select(&slice).counts();
                let carried = counts.into_iter().filter(|&rows| rows > 0).count();
                met.push(format!("{} in {size}", number(carried)));
            }
            if matches!(size, Size::Rows(rows) if *rows as usize > order.len()) {
                too_large.push(size.to_string());
            }
        }
        let total = rows(order.len());
        context.note(match &labels {
            Some(labels) => format!(
                "{total}; of {} labels, {}",
                number(labels.labels()),
                met.join(", ")
            ),
            None => total.clone(),
        });
        if !too_large.is_empty() {
            context.note(format!(
                "only {total}, so all of them make the slice of {}",
                too_large.join(", of ")
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::testing::{Outcome, Trial, labelled};
    use serde_json::json;
    use table::Table;

    fn table() -> Table {
        let texts: Vec<String> = (0..60).map(|row| format!("text {row}")).collect();
        let rows: Vec<(&str, &str)> = texts
            .iter()
            .enumerate()
            .map(|(row, text)| match row % 10 {
                0 => (text.as_str(), "rare"),
                1..=3 => (text.as_str(), "middle"),
                _ => (text.as_str(), "frequent"),
            })
            .collect();
        labelled(&rows)
    }

    fn slices(sizes: serde_json::Value) -> Outcome {
        Trial::new::<Slices>(json!({ "sizes": sizes }))
            .input("table", &table())
            .run()
    }

    #[test]
    fn a_slice_by_chance_needs_no_labels() {
        let outcome = Trial::new::<Slices>(
            json!({ "sizes": [7], "balance": "none", "labels": "of no column" }),
        )
        .input("table", &table())
        .run();
        assert_eq!(outcome.texts("7", "text").len(), 7);
        assert_eq!(outcome.notes, ["60 rows"]);
    }

    #[test]
    fn a_smaller_slice_lies_within_every_larger_one() {
        let outcome = slices(json!([6, 30, "all", 15]));
        let rows = ["6", "15", "30", "all"].map(|port| outcome.texts(port, "text"));
        assert_eq!(rows.each_ref().map(Vec::len), [6, 15, 30, 60]);
        for pair in rows.windows(2) {
            assert!(pair[0].iter().all(|row| pair[1].contains(row)));
        }
        assert_eq!(
            outcome.notes,
            ["60 rows; of 3 labels, 3 in 6, 3 in 30, 3 in all, 3 in 15"]
        );
    }

    /// How many rows of a slice carry each of the labels rare, middle and frequent.
    fn counts(outcome: &Outcome, port: &str) -> [usize; 3] {
        let labels = outcome.labels(port, "labels").concat();
        ["rare", "middle", "frequent"].map(|label| labels.iter().filter(|l| *l == label).count())
    }

    #[test]
    fn every_label_keeps_its_share_in_every_slice() {
        let outcome = slices(json!([10, 30, "all"]));
        assert_eq!(counts(&outcome, "10"), [1, 3, 6]);
        assert_eq!(counts(&outcome, "30"), [3, 9, 18]);
        assert_eq!(counts(&outcome, "all"), [6, 18, 36]);
    }

    #[test]
    fn equal_slices_hold_as_many_rows_of_every_label_and_begin_with_the_frequent_one() {
        let outcome = Trial::new::<Slices>(json!({ "sizes": [1, 6, 15], "balance": "equal" }))
            .input("table", &table())
            .run();
        assert_eq!(counts(&outcome, "1"), [0, 0, 1]);
        assert_eq!(counts(&outcome, "6"), [2, 2, 2]);
        assert_eq!(counts(&outcome, "15"), [5, 5, 5]);
    }

    #[test]
    fn slices_by_chance_are_nested_too_and_follow_the_frequency_of_labels() {
        let outcome = Trial::new::<Slices>(json!({ "sizes": [6, 30], "balance": "none" }))
            .input("table", &table())
            .run();
        let [small, large] = ["6", "30"].map(|port| outcome.texts(port, "text"));
        assert!(small.iter().all(|row| large.contains(row)));
        let labels = outcome.labels("30", "labels").concat();
        let frequent = labels.iter().filter(|label| *label == "frequent").count();
        assert!((12..25).contains(&frequent), "{frequent}");
    }

    #[test]
    fn a_slice_larger_than_the_table_holds_all_rows_and_a_note_says_so() {
        let outcome = slices(json!([128, 8, 1000]));
        assert_eq!(outcome.table("128").num_rows(), 60);
        assert_eq!(
            outcome.notes[1],
            "only 60 rows, so all of them make the slice of 128, of 1000"
        );
    }

    #[test]
    fn sizes_have_a_default() {
        let trial = Trial::new::<Slices>(json!({}));
        let ports: Vec<String> = trial
            .step()
            .outputs()
            .into_iter()
            .map(|port| port.name)
            .collect();
        assert_eq!(ports, ["8", "16", "32", "64", "128", "all"]);
    }

    #[test]
    fn no_size_and_size_0_are_problems() {
        for sizes in [json!([]), json!([0])] {
            let parameters = json!({ "sizes": sizes, "labels": "labels" });
            let trial = Trial::new::<Slices>(parameters).input("table", &table());
            assert_eq!(trial.problems().len(), 1);
        }
    }
}
