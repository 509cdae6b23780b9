//! `op = "split"`: the rows of a table in named parts.
//!
//! - `divide`: rows to parts, by each of the methods
//! - `shares`: the table of how each label is shared out

mod divide;
mod shares;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use table::Table;
use text::LabelSets;

use super::words::{number, rows};
use super::{
    Check, ColumnType, Context, InputPort, Ordered, OutputPort, PortType, Step, StepError, StepKind,
};

/// The port of the rows without a label.
const UNLABELED: &str = "unlabeled";
/// The port of the table that [`shares`] makes.
const SHARES: &str = "shares";

/// Divides the rows of a table into named parts, each of which is an output port of that name.
///
/// With `labels`, only rows that carry a label are divided. Those that carry none leave through the port `unlabeled`, and
/// the table `shares` says which share of each label's rows every part got. The rows of a part keep their order.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// How the rows are divided.
    method: Method,
    /// The parts and their shares of the rows, which sum to 1: `{ train = 0.5, valid = 0.25, test = 0.25 }`. The order in
    /// which they are written is that of ports and tables, and moves no row. For the method `column`, their names:
    /// `["train", "valid", "test"]`.
    parts: Parts,
    /// The column with the labels: a list of texts a row, or one text a row. The methods `stratified` and `iterative` need
    /// it.
    #[serde(default)]
    labels: Option<String>,
    /// The column that the methods `group` and `column` go by: texts, whole numbers or truth values.
    #[serde(default)]
    by: Option<String>,
}

/// How rows are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Method {
    /// By chance alone.
    Random,
    /// Every combination of labels by itself, so that with one label a row each part has its share of every class.
    Stratified,
    /// Iterative stratification, for several labels a row: each part gets its share of every label (Sechidis, Tsoumakas and
    /// Vlahavas 2011, "On the stratification of multi-label data", figure 1).
    Iterative,
    /// Rows with one value in the column `by` stay together: the largest group first, to the part that misses most rows.
    /// A row without a value is a group of its own.
    Group,
    /// The column `by` holds the name of each row's part. Rows that name no part are left out, and counted in a note.
    Column,
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Method::Random => "random",
            Method::Stratified => "stratified",
            Method::Iterative => "iterative",
            Method::Group => "group",
            Method::Column => "column",
        }
    }
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Parts {
    Shares(Ordered<f64>),
    Names(Vec<String>),
}

impl Parts {
    fn names(&self) -> Vec<&str> {
        match self {
            Parts::Shares(shares) => shares.names().collect(),
            Parts::Names(names) => names.iter().map(String::as_str).collect(),
        }
    }

    fn shares(&self) -> Vec<f64> {
        match self {
            Parts::Shares(shares) => shares.values().copied().collect(),
            Parts::Names(names) => vec![1.0 / names.len() as f64; names.len()],
        }
    }
}

impl StepKind for Split {
    const OP: &'static str = "split";
    const VERSION: u32 = 2;
}

impl Step for Split {
    fn inputs(&self) -> Vec<InputPort> {
        vec![InputPort::one("table", PortType::Table)]
    }

    fn outputs(&self) -> Vec<OutputPort> {
        let parts = self.parts.names().into_iter();
        let mut ports: Vec<OutputPort> = parts
            .map(|name| OutputPort::new(name, PortType::Table))
            .collect();
        if self.labels.is_some() {
            ports.push(OutputPort::new(UNLABELED, PortType::Table));
            ports.push(OutputPort::new(SHARES, PortType::Table).in_report());
        }
        ports
    }

    fn seeded(&self) -> bool {
        self.method != Method::Column
    }

    fn check(&self, check: &mut Check) {
        self.check_parts(check);
        self.check_columns(check);
        for name in self.parts.names() {
            check.output_like(name, "table", &[]);
        }
        if self.labels.is_some() {
            check.output_like(UNLABELED, "table", &[]);
            check.output(SHARES, shares::schema(&self.parts.names()));
        }
    }

    fn run(&self, context: &Context<'_>) -> Result<(), StepError> {
        let table = context.table("table")?;
        let labels = match &self.labels {
            Some(column) => Some(label_sets(&table, column)?),
            None => None,
        };
        let labelled: Vec<usize> = match &labels {
            Some(labels) => (0..labels.rows())
                .filter(|&row| !labels.row(row).is_empty())
                .collect(),
            None => (0..table.num_rows()).collect(),
        };
        let chosen = labels.as_ref().map(|labels| labels.select(&labelled));
        context.check()?;
        let parts: Vec<Vec<usize>> = self
            .divide(&table, &labelled, chosen.as_ref(), context)?
            .into_iter()
            .map(|part| part.into_iter().map(|at| labelled[at]).collect())
            .collect();
        let names = self.parts.names();
        let mut sizes = Vec::with_capacity(names.len() + 1);
        for (name, part) in names.iter().zip(&parts) {
            context.check()?;
            context.write_table(name, &table.take(part)?)?;
            sizes.push(format!("{} {name}", number(part.len())));
        }
        if let Some(labels) = &labels {
            let unlabelled: Vec<usize> = (0..labels.rows())
                .filter(|&row| labels.row(row).is_empty())
                .collect();
            context.write_table(UNLABELED, &table.take(&unlabelled)?)?;
            context.write_table(SHARES, &shares::table(labels, &names, &parts)?)?;
            sizes.push(format!("{} without a label", number(unlabelled.len())));
        }
        context.note(format!("{}: {}", rows(table.num_rows()), sizes.join(", ")));
        Ok(())
    }
}

impl Split {
    fn check_parts(&self, check: &mut Check) {
        let names = self.parts.names();
        match &self.parts {
            Parts::Shares(_) if self.method == Method::Column => {
                let message = "the method `column` takes the rows' own word for their part";
                let list: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
                let help = format!("write parts = [{}]", list.join(", "));
                check.problem("parts", message, Some(help));
            }
            Parts::Names(_) if self.method != Method::Column => {
                let message = format!(
                    "the method `{}` needs the share of each part",
                    self.method.name()
                );
                let help = "write parts = { train = 0.5, valid = 0.25, test = 0.25 }".to_owned();
                check.problem("parts", message, Some(help));
            }
            Parts::Shares(shares) => {
                for (name, share) in shares.iter().filter(|(_, share)| **share < 0.0) {
                    let message = format!("the share of `{name}` is negative: {share}");
                    check.problem(&format!("parts.{name}"), message, None);
                }
                let sum: f64 = shares.values().sum();
                if (sum - 1.0).abs() >= 1e-6 {
                    let message = format!("the shares sum to {}, not to 1", rounded(sum));
                    check.problem("parts", message, None);
                }
            }
            Parts::Names(_) => {}
        }
        for (at, name) in names.iter().enumerate() {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
            let parameter = match &self.parts {
                Parts::Shares(_) => format!("parts.{name}"),
                Parts::Names(_) => "parts".to_owned(),
            };
            if name.is_empty() || !name.bytes().all(plain) {
                let message = format!("`{name}` cannot be the name of a part");
                let help = "use letters, digits, _ and -".to_owned();
                check.problem(&parameter, message, Some(help));
            }
            if [UNLABELED, SHARES].contains(name) {
                let message = format!("no part can be called `{name}`: that is another output");
                check.problem(&parameter, message, Some("rename the part".to_owned()));
            }
            if names[..at].contains(name) {
                check.problem(&parameter, format!("two parts are called `{name}`"), None);
            }
        }
    }

    fn check_columns(&self, check: &mut Check) {
        let method = self.method.name();
        match (&self.labels, self.method) {
            (Some(column), _) => check.require("labels", "table", column, ColumnType::Labels),
            (None, Method::Stratified | Method::Iterative) => {
                let message = format!("the method `{method}` needs the column with the labels");
                check.problem("", message, Some("add labels = \"labels\"".to_owned()));
            }
            (None, _) => {}
        }
        match (&self.by, self.method) {
            (Some(column), Method::Group | Method::Column) => {
                check.require("by", "table", column, ColumnType::Any);
                if let Some(schema) = check.columns("table")
                    && let Ok(field) = schema.field_with_name(column)
                    && !divide::can_name(field.data_type())
                {
                    let message = format!(
                        "the column `{column}` holds {}, which cannot name a group or a part",
                        table::type_name(field.data_type())
                    );
                    let help = "name a column of texts, whole numbers or truth values".to_owned();
                    check.problem("by", message, Some(help));
                }
            }
            (None, Method::Group | Method::Column) => {
                let message = format!("the method `{method}` needs the column to go by");
                check.problem("", message, Some("add by = \"COLUMN\"".to_owned()));
            }
            (Some(_), _) => {
                let message = format!("the method `{method}` goes by no column");
                let help = "take `by` away, or use the method `group` or `column`".to_owned();
                check.problem("by", message, Some(help));
            }
            (None, _) => {}
        }
    }
}

/// The labels of every row.
fn label_sets(table: &Table, column: &str) -> Result<LabelSets, StepError> {
    let lists = table.string_lists(column)?;
    let names: Vec<Vec<&str>> = lists.rows().map(Iterator::collect).collect();
    Ok(LabelSets::from_names(&names))
}

/// A sum of shares as people would write it.
fn rounded(sum: f64) -> f64 {
    (sum * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests;
