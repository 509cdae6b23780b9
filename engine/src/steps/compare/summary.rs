//! The table of means and standard deviations.

use table::{Table, columns};

use super::super::StepError;
use super::scores::Score;
use crate::report::number;

/// The scores of one line, by x.
pub struct Curve {
    /// Its name.
    pub line: String,
    /// Its places, ascending.
    pub places: Vec<Place>,
}

/// The scores at one x.
pub struct Place {
    /// Where it is on the axis; the mean over the band.
    pub x: f64,
    /// What the coordinate says.
    pub name: String,
    /// `[metrics, band]`
    pub values: Vec<Vec<f64>>,
}

/// The curves, in the order in which their lines first appear, without the places that are to be left out.
pub fn curves(scores: &[Score], left_out: &[String]) -> Vec<Curve> {
    let mut curves: Vec<Curve> = Vec::new();
    for line in distinct(scores.iter().map(|score| score.line.as_str())) {
        let of_line: Vec<&Score> = scores.iter().filter(|score| score.line == line).collect();
        let names = distinct(of_line.iter().map(|score| score.x_name.as_str()));
        let mut places: Vec<Place> = names
            .into_iter()
            .filter(|name| !left_out.iter().any(|other| other == name))
            .map(|name| {
                let here: Vec<&&Score> = of_line
                    .iter()
                    .filter(|score| score.x_name == name)
                    .collect();
                let metrics = here.first().map_or(0, |score| score.values.len());
                let of_metric =
                    |metric: usize| here.iter().map(|score| score.values[metric]).collect();
                Place {
                    x: mean(&here.iter().map(|score| score.x).collect::<Vec<_>>()),
                    name: name.to_owned(),
                    values: (0..metrics).map(of_metric).collect(),
                }
            })
            .collect();
        places.sort_by(|a, b| a.x.total_cmp(&b.x));
        curves.push(Curve {
            line: line.to_owned(),
            places,
        });
    }
    curves
}

/// The places of all curves, each once: its name, and its x as the mean over the curves.
pub fn places(curves: &[Curve]) -> Vec<(String, f64)> {
    let all = || curves.iter().flat_map(|curve| &curve.places);
    let mut places: Vec<(String, f64)> = distinct(all().map(|place| place.name.as_str()))
        .into_iter()
        .map(|name| {
            let xs: Vec<f64> = all()
                .filter(|place| place.name == name)
                .map(|place| place.x)
                .collect();
            (name.to_owned(), mean(&xs))
        })
        .collect();
    places.sort_by(|a, b| a.1.total_cmp(&b.1));
    places
}

/// The words for a place: `8`, or `all (828)`, or `128 (95)` where there are no more rows than that.
pub fn place_label(name: &str, x: f64) -> String {
    match name.parse::<f64>() {
        Ok(number) if number == x || number == x.round() => name.to_owned(),
        _ => format!("{name} ({})", number::plain(x.round())),
    }
}

/// A row for each line and metric, a column for each x.
pub fn table(metrics: &[String], curves: &[Curve]) -> Result<Table, StepError> {
    let rows: Vec<(usize, &Curve)> = curves
        .iter()
        .flat_map(|curve| (0..metrics.len()).map(move |metric| (metric, curve)))
        .collect();
    let mut named = vec![
        (
            "line".to_owned(),
            columns::text(rows.iter().map(|(_, curve)| &curve.line)),
        ),
        (
            "metric".to_owned(),
            columns::text(
                rows.iter()
                    .map(|(metric, _)| metric_label(&metrics[*metric])),
            ),
        ),
    ];
    for (name, x) in places(curves) {
        let cell = |(metric, curve): &(usize, &Curve)| {
            let place = curve.places.iter().find(|place| place.name == name)?;
            Some(cell(&place.values[*metric]))
        };
        let cells: Vec<Option<String>> = rows.iter().map(cell).collect();
        named.push((place_label(&name, x), columns::optional_text(cells)));
    }
    Ok(Table::from_columns(named)?)
}

/// `micro_f1` as people write it.
pub fn metric_label(metric: &str) -> String {
    match metric.strip_suffix("_f1") {
        Some(average) => format!("{average} F1"),
        None => metric.replace('_', " "),
    }
}

/// `.621`, or `.621±.012` with the sample standard deviation of several values.
fn cell(values: &[f64]) -> String {
    let short = |value: f64| {
        let text = number::fraction(value);
        match text.strip_prefix("0.") {
            Some(decimals) => format!(".{decimals}"),
            None => text,
        }
    };
    let mean = mean(values);
    if values.len() < 2 {
        return short(mean);
    }
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let deviation = (squares / (values.len() - 1) as f64).sqrt();
    format!("{}±{}", short(mean), short(deviation))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen
}
