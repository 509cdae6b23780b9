//! How long the texts are.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use table::{Table, columns};
use text::stats;

use crate::report::number::plain;
use crate::report::plot::{Bin, Histogram, Mark, Scale};
use crate::steps::words::{number, rows};
use crate::steps::{Context, StepError};

/// Texts with at least `from` and fewer than `to` words.
pub(super) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("from", DataType::Int64, true),
        Field::new("to", DataType::Int64, true),
        Field::new("rows", DataType::Int64, true),
        Field::new("share", DataType::Float64, true),
    ]))
}

pub(super) fn run(table: &Table, column: &str, context: &Context<'_>) -> Result<(), StepError> {
    let column = table.text_column(column)?;
    let texts: Vec<&str> = column.iter().map(Option::unwrap_or_default).collect();
    let counts = stats::words_per_text(&texts, &context.workers())?;
    let counts: Vec<f64> = counts.into_iter().map(|words| words as f64).collect();
    let bins = stats::histogram(&counts, &doubling_edges(&counts))?;
    let share = |bin: &stats::Bin| bin.count as f64 / counts.len() as f64;
    let bins = if counts.is_empty() { &[][..] } else { &bins };
    let table = Table::from_columns(vec![
        ("from", columns::ints(bins.iter().map(|bin| bin.low as i64))),
        ("to", columns::ints(bins.iter().map(|bin| bin.high as i64))),
        (
            "rows",
            columns::ints(bins.iter().map(|bin| bin.count as i64)),
        ),
        ("share", columns::floats(bins.iter().map(share))),
    ])?;
    context.write_table("words", &table)?;

    let mut figure = Histogram {
        title: "Words per text".to_owned(),
        x_label: "words (log scale)".to_owned(),
        scale: Scale::Log2,
        bins: bins
            .iter()
            .map(|bin| Bin {
                from: bin.low,
                to: bin.high,
                count: bin.count as u64,
            })
            .collect(),
        marks: Vec::new(),
    };
    if let [median, ninth, longest] =
        stats::quantiles(&counts, &[0.5, 0.9, 1.0]).unwrap_or_default()[..]
    {
        // 0 has no place on a log axis.
        let marks = [("median", median), ("90 %", ninth)].into_iter();
        figure.marks = marks
            .filter(|(_, value)| *value > 0.0)
            .map(|(name, value)| Mark {
                value,
                label: format!("{name} {}", plain(value)),
            })
            .collect();
        context.note(format!(
            "words a text: median {}, 90 % up to {}, longest {}",
            plain(median),
            plain(ninth),
            plain(longest)
        ));
    }
    context.write_text("words_figure", &figure.to_svg())?;
    let empty = counts.iter().filter(|words| **words == 0.0).count();
    if empty > 0 {
        let verb = if empty == 1 { "has" } else { "have" };
        context.note(format!(
            "{} of {} {verb} no words",
            number(empty),
            rows(counts.len())
        ));
    }
    Ok(())
}

/// 0, 1, 2, 4, 8 and so on, until the greatest value has its place.
fn doubling_edges(values: &[f64]) -> Vec<f64> {
    let greatest = values.iter().copied().fold(0.0, f64::max);
    let mut edges = vec![0.0, 1.0];
    let mut edge = 1.0;
    while edge <= greatest {
        edge *= 2.0;
        edges.push(edge);
    }
    edges
}
