//! The sweep: how a score follows a setting, and the setting that was chosen.

use super::axis::{Scale, drawable, extent, nice_ticks};
use super::frame::{self, PAD};
use super::panel::{Axes, Curve, EndLabels};
use super::{Series, Unit, legend};
use crate::report::svg::{Anchor, Sketch, number, text_width};

/// Size at which semi-bold text of 12 pixels is as wide as regular text.
const BOLD: f64 = 12.8;

/// Level curves of a score over a setting, such as F1 over the decision threshold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SweepChart {
    /// What the chart shows.
    pub title: String,
    /// The setting, such as `threshold`.
    pub x_label: String,
    /// The curves, such as `micro F1` and `macro F1`. Each holds its level up to its next point.
    pub series: Vec<Series>,
    /// What is measured.
    pub y_unit: Unit,
    /// The setting that was chosen.
    pub chosen: Option<Choice>,
}

/// The chosen point of a sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The chosen setting.
    pub x: f64,
    /// The score there.
    pub y: f64,
    /// What to say beside it, such as `0.32: micro F1 0.816`.
    pub label: String,
}

impl SweepChart {
    /// The chart as an SVG file.
    pub fn to_svg(&self) -> String {
        frame::render(&self.title, 640.0, |width| self.draw(width))
    }

    fn draw(&self, width: f64) -> Option<Sketch> {
        let points: Vec<_> = self
            .series
            .iter()
            .flat_map(|series| &series.points)
            .filter(|point| drawable(point.x, Scale::Linear) && drawable(point.y, Scale::Linear))
            .collect();
        let chosen = self.chosen.as_ref().filter(|choice| {
            drawable(choice.x, Scale::Linear) && drawable(choice.y, Scale::Linear)
        });
        let x_range = extent(
            points
                .iter()
                .map(|point| point.x)
                .chain(chosen.map(|choice| choice.x)),
            Scale::Linear,
        )?;
        let levels = points
            .iter()
            .flat_map(|point| [point.band().0, point.band().1]);
        let y_range = extent(levels.chain(chosen.map(|choice| choice.y)), Scale::Linear)?;

        let (mut canvas, mut top) = frame::titled(&self.title, width);
        let names: Vec<&str> = self
            .series
            .iter()
            .map(|series| series.name.as_str())
            .collect();
        if names.len() > 1 {
            top = legend::draw(&mut canvas, &names, false, top, width) + 8.0;
        }
        let mut x_ticks = nice_ticks(x_range, (width / 90.0) as usize, false);
        x_ticks.retain(|tick| (x_range.0..=x_range.1).contains(&tick.value));
        let series: Vec<(usize, &Series)> = self.series.iter().enumerate().collect();
        let drawn = Axes {
            heading: if names.len() == 1 { names[0] } else { "" },
            headroom: if chosen.is_some() { 22.0 } else { 0.0 },
            x_label: &self.x_label,
            x_scale: Scale::Linear,
            x_range,
            x_ticks: &x_ticks,
            y_ticks: &nice_ticks(y_range, 5, false),
            y_unit: self.y_unit,
            series: &series,
            ends: EndLabels::None,
            curve: Curve::Steps,
            left: PAD,
            top,
            width: width - 2.0 * PAD,
            height: if frame::is_narrow(width) {
                190.0
            } else {
                240.0
            },
        }
        .draw(&mut canvas);

        if let Some(choice) = chosen {
            let (x, y) = (drawn.x.pixel(choice.x), drawn.y.pixel(choice.y));
            canvas.line("choice-line", (x, drawn.y.start), (x, drawn.y.end - 5.0));
            canvas.titled(&choice.label, |canvas| {
                canvas.push(format_args!(
                    "<circle class=\"choice\" cx=\"{}\" cy=\"{}\" r=\"5.5\"/>",
                    number(x),
                    number(y)
                ));
            });
            let half = text_width(&choice.label, BOLD) / 2.0;
            let centre = x.min(drawn.x.end - half).max(drawn.x.start + half);
            canvas.text(
                "strong",
                (centre, drawn.y.end - 9.0),
                Anchor::Middle,
                &choice.label,
            );
        }
        Some(canvas.finish(width, drawn.bottom + PAD))
    }
}
