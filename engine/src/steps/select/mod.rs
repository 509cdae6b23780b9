//! `op = "select"`: other columns, and fewer rows.
//!
//! - `schema`: what the columns are after each stage, and every mistake on the way

mod schema;

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use table::Table;
use table::expr::{Expression, concat_text};
use table::parquet_file::ParquetTableWriter;

use super::words::{number, rows};
use super::{Check, Context, InputPort, Ordered, OutputPort, PortType, Step, StepError, StepKind};

/// Makes columns, filters rows, chooses and renames columns.
///
/// In this order: `concat`, `derive`, `filter`, then `columns` or `drop`, and `rename` last. So a filter may use what was
/// made before, and everything but the values of `rename` speaks of the names that columns have before it.
///
/// Expressions know text in quotes, numbers, `true`, `false`, `null` and columns (in backticks where their names are no
/// words); `and or not == != < <= > >= + - * / %`, `in [..]`, `not in [..]`, `is null`, `is not null`; `len`, `words`,
/// `lower`, `upper`, `trim`, `contains(text, part)`, `starts_with`, `ends_with`, `matches(text, "regular expression")`,
/// `has(list, "item")`, `coalesce(a, b)` and `year(text)`. What touches a null is null, and a row whose filter is null is
/// dropped: `not is_pull_request and words(body) >= 5 and has(labels, "bug")`.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Select {
    /// New columns, each of texts of others joined: `text = { columns = ["title", "body"], separator = "\n\n" }`. Nulls
    /// and empty texts are left out together with their separator; where all are null, so is the text.
    #[serde(default, skip_serializing_if = "Ordered::is_empty")]
    concat: Ordered<Concat>,
    /// New columns, each with its expression: `length = "words(text)"`. They see the columns of the input and of `concat`,
    /// not each other; one of an old name replaces it.
    #[serde(default, skip_serializing_if = "Ordered::is_empty")]
    derive: Ordered<String>,
    /// An expression that is true for the rows to keep. Default: all rows.
    #[serde(default)]
    filter: Option<String>,
    /// The columns to keep, in their new order. Default: all.
    #[serde(default)]
    columns: Option<Vec<String>>,
    /// The columns to leave out. Default: none.
    #[serde(default)]
    drop: Vec<String>,
    /// Old names and new ones: `{ user = "author" }`.
    #[serde(default)]
    rename: BTreeMap<String, String>,
}

/// Texts joined.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Concat {
    /// The columns, in order.
    columns: Vec<String>,
    /// What stands between two of them. Default: one blank.
    #[serde(default = "blank")]
    separator: String,
}

fn blank() -> String {
    " ".to_owned()
}

impl StepKind for Select {
    const OP: &'static str = "select";
    const VERSION: u32 = 2;
}

impl Step for Select {
    fn inputs(&self) -> Vec<InputPort> {
        vec![InputPort::one("table", PortType::Table)]
    }

    fn outputs(&self) -> Vec<OutputPort> {
        vec![OutputPort::new("table", PortType::Table)]
    }

    fn check(&self, check: &mut Check) {
        let parsed = schema::parse(self, check);
        if let Some(schema) = check.columns("table")
            && let Some(schema) = schema::follow(self, &parsed, &schema, check)
        {
            check.output("table", schema);
        }
    }

    fn run(&self, context: &Context<'_>) -> Result<(), StepError> {
        let table = context.table("table")?;
        let stages = Stages::new(self)?;
        let total = table.num_rows();
        let mut done = 0;
        // Batch by batch, so that Ctrl-C is heeded and only one batch of new columns is held beside the input.
        let empty = stages.apply(&Table::empty(table.schema().clone())?)?;
        let path = context.output_path("table");
        let mut writer = ParquetTableWriter::create(&path, empty.schema(), 1)?;
        let mut kept = 0;
        for batch in table.batches() {
            context.check()?;
            let part = stages.apply(&one(table.schema(), batch)?)?;
            for batch in part.batches() {
                writer.write(batch)?;
            }
            kept += part.num_rows();
            done += batch.num_rows() as u64;
            context.progress.update(done, total as u64, "rows");
        }
        writer.finish()?;
        context.note(match self.filter {
            Some(_) => format!("{} of {}", number(kept), rows(total)),
            None => rows(total),
        });
        Ok(())
    }
}

fn one(schema: &SchemaRef, batch: &RecordBatch) -> Result<Table, StepError> {
    Ok(Table::new(schema.clone(), vec![batch.clone()])?)
}

/// The parameters with their expressions parsed.
struct Stages<'a> {
    select: &'a Select,
    derive: Vec<(&'a str, Expression)>,
    filter: Option<Expression>,
}

impl<'a> Stages<'a> {
    fn new(select: &'a Select) -> Result<Stages<'a>, StepError> {
        let derive =
            |(name, text): (&'a str, &String)| Ok::<_, StepError>((name, Expression::parse(text)?));
        Ok(Stages {
            select,
            derive: select.derive.iter().map(derive).collect::<Result<_, _>>()?,
            filter: select
                .filter
                .as_deref()
                .map(Expression::parse)
                .transpose()?,
        })
    }

    fn apply(&self, table: &Table) -> Result<Table, StepError> {
        let mut joined = table.clone();
        for (name, concat) in self.select.concat.iter() {
            // From `table`, so that joined columns do not see each other.
            let column = concat_text(table, &concat.columns, &concat.separator)?;
            joined = joined.with_column(name, column)?;
        }
        let mut derived = joined.clone();
        for (name, expression) in &self.derive {
            derived = derived.with_column(name, expression.evaluate(&joined)?)?;
        }
        let mut result = match &self.filter {
            Some(filter) => filter.filter(&derived)?,
            None => derived,
        };
        if let Some(columns) = &self.select.columns {
            result = result.select(columns)?;
        }
        for name in &self.select.drop {
            result = result.drop_column(name)?;
        }
        rename(&result, &self.select.rename)
    }
}

/// All at once, so that two columns may swap their names.
fn rename(table: &Table, names: &BTreeMap<String, String>) -> Result<Table, StepError> {
    if names.is_empty() {
        return Ok(table.clone());
    }
    let schema = schema::renamed(table.schema(), names);
    Ok(Table::new(schema, table.batches().to_vec())?)
}

#[cfg(test)]
mod tests;
