//! Every metrics file at its place: line, x, band.

use std::path::Path;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use serde_json::Value as Json;
use table::{Table, columns};

use super::super::context::Input;
use super::super::{Context, StepError};
use super::Compare;

/// The columns of the table of scores before the metrics.
pub const COLUMNS: [&str; 4] = ["line", "x", "x_name", "band"];

/// One metrics file.
#[derive(Debug)]
pub struct Score {
    /// The name of its line.
    pub line: String,
    /// Where it stands on the axis.
    pub x: f64,
    /// What the coordinate says: `8`, or `all`.
    pub x_name: String,
    /// The coordinate, if it is a number.
    pub number: Option<f64>,
    /// How many rows the model was trained on, if the metrics say so.
    pub rows: Option<f64>,
    /// The value that it has of the band; empty where there is none.
    pub band: String,
    /// The figures, in the order of `metrics`.
    pub values: Vec<f64>,
}

/// Reads every metrics file.
pub fn gather(compare: &Compare, context: &Context<'_>) -> Result<Vec<Score>, StepError> {
    let mut scores: Vec<Score> = Vec::new();
    for input in context.all("metrics") {
        let score = read(compare, input, context)?;
        let same = |other: &&Score| {
            (&other.line, &other.x_name, &other.band) == (&score.line, &score.x_name, &score.band)
        };
        if scores.iter().any(|other| same(&other)) {
            let mut place = format!("line `{}`, {} = {}", score.line, compare.x, score.x_name);
            if !score.band.is_empty() {
                place.push_str(&format!(", {} = {}", compare.band, score.band));
            }
            return Err(StepError::new(format!(
                "two metrics stand at the same place: {place} (coordinates [{}])",
                input.coordinates
            ))
            .help(
                "give the inputs names, input = { a = \"...\", b = \"...\" }, or let `line` or `band` name the axis in which they differ",
            ));
        }
        scores.push(score);
    }
    Ok(scores)
}

fn read(compare: &Compare, input: &Input, context: &Context<'_>) -> Result<Score, StepError> {
    let metrics: Json = context.read_json(&input.path)?;
    let word = |name: &str| input.coordinates.get(name).map(plain);
    let line = word(&compare.line)
        .or_else(|| word("input"))
        .or_else(|| metrics.get("method").map(plain))
        .unwrap_or_else(|| "metrics".to_owned());
    let (x, x_name, number) = place(compare, input, &metrics)?;
    let values = compare
        .metrics
        .iter()
        .map(|name| figure(&metrics, name, &line, &input.path))
        .collect::<Result<_, _>>()?;
    Ok(Score {
        line,
        x,
        x_name,
        number,
        rows: training_rows(&metrics),
        band: word(&compare.band).unwrap_or_default(),
        values,
    })
}

/// Where a metrics file stands on the axis, the words for it, and the coordinate if it is a number.
fn place(
    compare: &Compare,
    input: &Input,
    metrics: &Json,
) -> Result<(f64, String, Option<f64>), StepError> {
    let axis = &compare.x;
    let Some(coordinate) = input.coordinates.get(axis) else {
        let axes: Vec<&str> = input.coordinates.names().collect();
        return Err(StepError::new(format!(
            "what feeds `metrics` has no coordinate `{axis}` (coordinates [{}])",
            input.coordinates
        ))
        .help(format!(
            "name one of its axes by `x`: {}; axes come from the `matrix` of the steps before",
            axes.join(", ")
        )));
    };
    let name = plain(coordinate);
    if let Some(number) = coordinate.as_f64() {
        return Ok((number, name, Some(number)));
    }
    match training_rows(metrics) {
        Some(rows) => Ok((rows, name, None)),
        None => Err(StepError::new(format!(
            "{axis} = {name} is no number, and the metrics have no `training_rows` to take its place"
        ))
        .help("connect the port `model` of the `evaluate` step")),
    }
}

fn training_rows(metrics: &Json) -> Option<f64> {
    metrics.get("training_rows").and_then(Json::as_f64)
}

/// The number at a dotted path. A label's name may hold dots itself, so the longest key that fits is followed.
fn figure(metrics: &Json, name: &str, line: &str, path: &Path) -> Result<f64, StepError> {
    number_at(metrics, name).ok_or_else(|| {
        let numbers: Vec<&str> = metrics
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(_, value)| value.is_number())
            .map(|(key, _)| key.as_str())
            .collect();
        StepError::new(format!(
            "the metrics of `{line}` have no number `{name}` ({})",
            path.display()
        ))
        .help(format!("numbers in it: {}", numbers.join(", ")))
    })
}

fn number_at(json: &Json, path: &str) -> Option<f64> {
    if let Some(value) = json.get(path) {
        return value.as_f64();
    }
    let cuts: Vec<usize> = path.match_indices('.').map(|(at, _)| at).collect();
    cuts.into_iter().rev().find_map(|at| {
        let inner = json.get(&path[..at])?;
        number_at(inner, &path[at + 1..])
    })
}

fn plain(value: &Json) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// The columns of the table of scores.
pub fn schema(metrics: &[String]) -> SchemaRef {
    let types = [
        DataType::Utf8,
        DataType::Float64,
        DataType::Utf8,
        DataType::Utf8,
    ];
    let places = COLUMNS
        .iter()
        .zip(types)
        .map(|(name, data_type)| Field::new(*name, data_type, true));
    let figures = metrics
        .iter()
        .map(|name| Field::new(name, DataType::Float64, true));
    Arc::new(Schema::new(places.chain(figures).collect::<Vec<_>>()))
}

/// A row for each metrics file.
pub fn table(metrics: &[String], scores: &[Score]) -> Result<Table, StepError> {
    let mut named = vec![
        (
            "line",
            columns::text(scores.iter().map(|score| &score.line)),
        ),
        ("x", columns::floats(scores.iter().map(|score| score.x))),
        (
            "x_name",
            columns::text(scores.iter().map(|score| &score.x_name)),
        ),
        (
            "band",
            columns::text(scores.iter().map(|score| &score.band)),
        ),
    ];
    for (at, name) in metrics.iter().enumerate() {
        let values = scores.iter().map(|score| score.values[at]);
        named.push((name, columns::floats(values)));
    }
    Ok(Table::from_columns(named)?)
}
