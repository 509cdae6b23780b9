//! Rows to parts.

use std::collections::BTreeMap;

use arrow_array::Array;
use arrow_schema::DataType;
use table::Table;
use text::{LabelSets, split};

use super::{Method, Split};
use crate::steps::words::{first, number};
use crate::steps::{Context, StepError};
use table::near_miss;

/// How many values of a column a message lists.
const VALUES_LISTED: usize = 8;

impl Split {
    /// The rows of each part, as places in `chosen`, the rows of the table that are to be divided; `labels` are theirs.
    pub(super) fn divide(
        &self,
        table: &Table,
        chosen: &[usize],
        labels: Option<&LabelSets>,
        context: &Context<'_>,
    ) -> Result<Vec<Vec<usize>>, StepError> {
        if self.method == Method::Column {
            let (column, values) = self.values(table, chosen)?;
            return self.by_name(column, &values, context);
        }
        // Shared out in the order of their names, so that writing the parts in another order moves no row.
        let (names, shares) = (self.parts.names(), self.parts.shares());
        let mut order: Vec<usize> = (0..names.len()).collect();
        order.sort_by_key(|&part| names[part]);
        let sorted: Vec<f64> = order.iter().map(|&part| shares[part]).collect();
        let rows = self.share_out(&sorted, table, chosen, labels, context.seed)?;
        let mut parts = vec![Vec::new(); names.len()];
        for (part, rows) in order.into_iter().zip(rows) {
            parts[part] = rows;
        }
        Ok(parts)
    }

    fn share_out(
        &self,
        shares: &[f64],
        table: &Table,
        chosen: &[usize],
        labels: Option<&LabelSets>,
        seed: u64,
    ) -> Result<Vec<Vec<usize>>, StepError> {
        let labels = || {
            labels.ok_or_else(|| {
                StepError::new(format!(
                    "the method `{}` needs `labels`",
                    self.method.name()
                ))
            })
        };
        match self.method {
            Method::Stratified => Ok(split::stratified(labels()?, shares, seed)?),
            Method::Iterative => Ok(split::iterative(labels()?, shares, seed)?),
            Method::Group => {
                let (_, values) = self.values(table, chosen)?;
                let groups = group_names(&values);
                let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
                Ok(split::by_group(&groups, shares, seed)?)
            }
            Method::Random | Method::Column => Ok(split::random(chosen.len(), shares, seed)?),
        }
    }

    /// The column that `by` names, and its values.
    fn values(
        &self,
        table: &Table,
        chosen: &[usize],
    ) -> Result<(&str, Vec<Option<String>>), StepError> {
        let column = self.by.as_deref().ok_or_else(|| {
            StepError::new(format!("the method `{}` needs `by`", self.method.name()))
        })?;
        Ok((column, values(table, column, chosen)?))
    }

    /// Every row to the part that its value names.
    fn by_name(
        &self,
        column: &str,
        values: &[Option<String>],
        context: &Context<'_>,
    ) -> Result<Vec<Vec<usize>>, StepError> {
        let names = self.parts.names();
        let mut parts: Vec<Vec<usize>> = vec![Vec::new(); names.len()];
        let mut others: BTreeMap<&str, usize> = BTreeMap::new();
        for (row, value) in values.iter().enumerate() {
            let value = value.as_deref();
            match names.iter().position(|name| Some(*name) == value) {
                Some(part) => parts[part].push(row),
                None => *others.entry(value.unwrap_or("no value")).or_default() += 1,
            }
        }
        let listed = || {
            let words = others
                .iter()
                .map(|(value, rows)| format!("{value} ({})", number(*rows)));
            first(words, VALUES_LISTED)
        };
        if let Some((name, _)) = names.iter().zip(&parts).find(|(_, rows)| rows.is_empty()) {
            let error = StepError::new(format!("no row holds `{name}` in the column `{column}`"));
            return Err(match near_miss(name, others.keys().copied()) {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None => error.help(format!("other values in it: {}", listed())),
            });
        }
        if !others.is_empty() {
            context.note(format!("left out, as they name no part: {}", listed()));
        }
        Ok(parts)
    }
}

/// Whether values of this type can name a group or a part.
pub(super) fn can_name(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Utf8 | DataType::Int64 | DataType::Boolean | DataType::Null
    )
}

/// The values of a column in the rows `chosen`, as texts.
fn values(table: &Table, column: &str, chosen: &[usize]) -> Result<Vec<Option<String>>, StepError> {
    fn pick<T: ToString>(
        chosen: &[usize],
        value: impl Fn(usize) -> Option<T>,
    ) -> Vec<Option<String>> {
        let text = |&row: &usize| value(row).map(|value| value.to_string());
        chosen.iter().map(text).collect()
    }
    Ok(match table.data_type(column)? {
        DataType::Int64 => {
            let values = table.int_column(column)?;
            pick(chosen, |row| {
                values.is_valid(row).then(|| values.value(row))
            })
        }
        DataType::Boolean => {
            let values = table.bool_column(column)?;
            pick(chosen, |row| {
                values.is_valid(row).then(|| values.value(row))
            })
        }
        _ => {
            let values = table.text_column(column)?;
            pick(chosen, |row| {
                values.is_valid(row).then(|| values.value(row))
            })
        }
    })
}

/// A name for the group of each row, where a row without a value is alone.
fn group_names(values: &[Option<String>]) -> Vec<String> {
    let name = |(row, value): (usize, &Option<String>)| match value {
        Some(value) => format!("={value}"),
        None => format!("row {row}"),
    };
    values.iter().enumerate().map(name).collect()
}
