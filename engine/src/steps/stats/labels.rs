//! How many rows carry each label, and how many labels a row carries.

use std::cmp::Reverse;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use table::{Table, columns};
use text::{LabelSets, stats};

use crate::report::plot::{Bar, BarChart, Unit};
use crate::steps::words::{number, rows};
use crate::steps::{Context, StepError};

pub(super) fn labels_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("label", DataType::Utf8, true),
        Field::new("rows", DataType::Int64, true),
        Field::new("share", DataType::Float64, true),
    ]))
}

pub(super) fn labels_per_row_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("labels", DataType::Int64, true),
        Field::new("rows", DataType::Int64, true),
        Field::new("share", DataType::Float64, true),
    ]))
}

pub(super) fn run(table: &Table, column: &str, context: &Context<'_>) -> Result<(), StepError> {
    let lists = table.string_lists(column)?;
    let names: Vec<Vec<&str>> = lists.rows().map(Iterator::collect).collect();
    let labels = LabelSets::from_names(&names);
    context.check()?;
    let per_row = stats::labels_per_row(&labels);
    let labelled = labels.rows() - per_row.first().copied().unwrap_or(0);
    give_labels(&labels, labelled, context)?;
    give_labels_per_row(&per_row, labels.rows(), context)?;
    let mut note = format!(
        "{} labels on {} of {}",
        number(labels.labels()),
        number(labelled),
        rows(labels.rows())
    );
    if labelled > 0 {
        let each = labels.assigned() as f64 / labelled as f64;
        note.push_str(&format!(", {each:.2} each"));
    }
    context.note(note);
    Ok(())
}

fn give_labels(
    labels: &LabelSets,
    labelled: usize,
    context: &Context<'_>,
) -> Result<(), StepError> {
    let mut counted: Vec<(&String, usize)> =
        labels.vocabulary().iter().zip(labels.counts()).collect();
    counted.sort_by_key(|(name, rows)| (Reverse(*rows), *name));
    let share = |(_, rows): &(&String, usize)| *rows as f64 / labelled as f64;
    let table = Table::from_columns(vec![
        ("label", columns::text(counted.iter().map(|(name, _)| name))),
        (
            "rows",
            columns::ints(counted.iter().map(|(_, rows)| *rows as i64)),
        ),
        ("share", columns::floats(counted.iter().map(share))),
    ])?;
    context.write_table("labels", &table)?;
    let bar = |(name, rows): &(&String, usize)| Bar {
        label: (*name).clone(),
        value: *rows as f64,
        ..Bar::default()
    };
    let chart = BarChart {
        title: "Rows by label".to_owned(),
        unit: Unit::Count,
        bars: counted.iter().map(bar).collect(),
    };
    context.write_text("labels_figure", &chart.to_svg())
}

fn give_labels_per_row(
    per_row: &[usize],
    total: usize,
    context: &Context<'_>,
) -> Result<(), StepError> {
    let share = |rows: &usize| *rows as f64 / total as f64;
    let table = Table::from_columns(vec![
        ("labels", columns::ints((0..).take(per_row.len()))),
        (
            "rows",
            columns::ints(per_row.iter().map(|rows| *rows as i64)),
        ),
        ("share", columns::floats(per_row.iter().map(share))),
    ])?;
    context.write_table("labels_per_row", &table)?;
    let bar = |(labels, rows): (usize, &usize)| Bar {
        label: match labels {
            0 => "no label".to_owned(),
            1 => "1 label".to_owned(),
            several => format!("{several} labels"),
        },
        value: *rows as f64,
        ..Bar::default()
    };
    let chart = BarChart {
        title: "Rows by number of labels".to_owned(),
        unit: Unit::Count,
        bars: per_row.iter().enumerate().map(bar).collect(),
    };
    context.write_text("labels_per_row_figure", &chart.to_svg())
}
