//! The learning curves.

use super::Compare;
use super::summary::{Curve, metric_label, place_label, places};
use crate::report::plot::{LineChart, Panel, Point, Scale, Series, Spread, Tick, Unit};

/// A panel for each metric, a line for each curve, around it the smallest to the largest value.
pub fn draw(compare: &Compare, curves: &[Curve]) -> String {
    let panel = |(metric, name): (usize, &String)| {
        let series = curves.iter().map(|curve| Series {
            name: curve.line.clone(),
            points: curve
                .places
                .iter()
                .map(|place| Point::repeated(place.x, &place.values[metric], Spread::Range))
                .collect(),
        });
        Panel {
            title: metric_label(name),
            series: series.collect(),
        }
    };
    let places = places(curves);
    let is_positive = places.iter().all(|(_, x)| *x > 0.0);
    let ticks = places.iter().map(|(name, x)| Tick {
        value: *x,
        label: place_label(name, *x),
    });
    let names: Vec<String> = compare
        .metrics
        .iter()
        .map(|name| metric_label(name))
        .collect();
    let chart = LineChart {
        title: format!("{} by {}", names.join(" and "), compare.x_label),
        x_label: compare.x_label.clone(),
        x_scale: if is_positive {
            Scale::Log2
        } else {
            Scale::Linear
        },
        x_ticks: ticks.collect(),
        panels: compare.metrics.iter().enumerate().map(panel).collect(),
        y_unit: Unit::Fraction,
        shared_y: false,
    };
    chart.to_svg()
}
