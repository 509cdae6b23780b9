//! The histogram: how values are distributed.

use super::axis::{Axis, Scale, Tick, drawable, nice_ticks};
use super::frame::{self, PAD};
use super::labels::stagger;
use super::panel::{draw_x_ticks, fit_in_a_row};
use crate::report::number;
use crate::report::svg::{Anchor, Canvas, Sketch, text_width};

/// Counts of values in adjoining intervals.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// What the chart shows.
    pub title: String,
    /// What the horizontal axis measures, such as `words per text`.
    pub x_label: String,
    /// How the horizontal axis is divided. On a log axis the interval that begins at 0 has the width of one doubling.
    pub scale: Scale,
    /// The intervals, from left to right.
    pub bins: Vec<Bin>,
    /// Values to point out, such as the median.
    pub marks: Vec<Mark>,
}

/// How many values lie in `from..to`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bin {
    /// The smallest value that belongs.
    pub from: f64,
    /// The smallest value that does not belong any more.
    pub to: f64,
    /// How many there are.
    pub count: u64,
}

/// A value pointed out by a line.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Where.
    pub value: f64,
    /// What it is, such as `median 52`.
    pub label: String,
}

impl Histogram {
    /// Counts `values` in at most 40 intervals of equal width (Freedman and Diaconis, 1981), or, on a log axis, in
    /// 0..1, 1..2, 2..4, 4..8 and so on. Values that are not finite are left out, on a log axis negative ones too.
    pub fn of(title: &str, x_label: &str, scale: Scale, values: &[f64]) -> Self {
        let mut values: Vec<f64> = values
            .iter()
            .copied()
            .filter(|&value| {
                drawable(value, Scale::Linear) && (scale == Scale::Linear || value >= 0.0)
            })
            .collect();
        values.sort_by(f64::total_cmp);
        let edges = match scale {
            Scale::Linear => even_edges(&values),
            Scale::Log2 => doubling_edges(&values),
        };
        let bins = edges.windows(2).map(|pair| {
            let below = |edge: f64| values.partition_point(|&value| value < edge);
            let last = pair[1] == edges[edges.len() - 1];
            let end = if last { values.len() } else { below(pair[1]) };
            Bin {
                from: pair[0],
                to: pair[1],
                count: (end - below(pair[0])) as u64,
            }
        });
        Self {
            title: title.to_owned(),
            x_label: x_label.to_owned(),
            scale,
            bins: bins.collect(),
            marks: Vec::new(),
        }
    }

    /// The chart as an SVG file.
    pub fn to_svg(&self) -> String {
        frame::render(&self.title, 640.0, |width| self.draw(width))
    }

    fn draw(&self, width: f64) -> Option<Sketch> {
        let bins: Vec<&Bin> = self
            .bins
            .iter()
            .filter(|bin| {
                drawable(bin.from, Scale::Linear)
                    && drawable(bin.to, self.scale)
                    && bin.from < bin.to
            })
            .collect();
        let (first, last) = (bins.first()?, bins.last()?);
        let most = bins
            .iter()
            .map(|bin| bin.count)
            .max()
            .filter(|&most| most > 0)?;

        let (mut canvas, top) = frame::titled(&self.title, width);
        let y_ticks = nice_ticks((0.0, most as f64), 4, true);
        let tick_width = y_ticks
            .iter()
            .map(|tick| text_width(&tick.label, 11.0))
            .fold(0.0, f64::max);
        let (left, right) = (PAD + tick_width + 8.0, width - PAD - 18.0);
        let low = if self.scale == Scale::Log2 && first.from <= 0.0 {
            first.to / 2.0
        } else {
            first.from
        };
        let x = Axis::new(self.scale, (low, last.to), left, right);

        let top = top + self.draw_mark_labels(&mut canvas, &x, top);
        let height = if frame::is_narrow(width) {
            180.0
        } else {
            220.0
        };
        let bottom = top + height;
        let peak = y_ticks.last().map_or(1.0, |tick| tick.value);
        let y = Axis::new(Scale::Linear, (0.0, peak), bottom, top);
        for tick in &y_ticks {
            let level = y.pixel(tick.value);
            canvas.line("grid", (left, level), (right, level));
            canvas.text(
                "muted small",
                (left - 8.0, level + 4.0),
                Anchor::End,
                &tick.label,
            );
        }
        for bin in &bins {
            let (from, to, level) = (
                x.pixel(bin.from),
                x.pixel(bin.to),
                y.pixel(bin.count as f64),
            );
            let title = format!(
                "{} to {}: {}",
                number::plain(bin.from),
                number::plain(bin.to),
                number::count(bin.count)
            );
            let gap = if to - from > 4.0 { 1.0 } else { 0.0 };
            canvas.titled(&title, |canvas| {
                canvas.rect(
                    "bar",
                    (from + gap / 2.0, level),
                    (to - from - gap, bottom - level),
                    1.0,
                    "",
                );
            });
        }
        for mark in self.marks() {
            let place = x.pixel(mark.value);
            canvas.line("choice-line", (place, top - 6.0), (place, bottom));
        }
        canvas.line("axis", (left, bottom), (right, bottom));
        let ticks = match self.scale {
            Scale::Linear => {
                let mut ticks = nice_ticks((first.from, last.to), (width / 80.0) as usize, false);
                ticks.retain(|tick| (first.from..=last.to).contains(&tick.value));
                ticks
            }
            Scale::Log2 => edge_ticks(&bins, &x),
        };
        let rows = draw_x_ticks(&mut canvas, &ticks, &x, bottom);
        let label_y = bottom + 8.0 + 14.0 * rows as f64 + 15.0;
        canvas.text(
            "muted",
            ((left + right) / 2.0, label_y),
            Anchor::Middle,
            &self.x_label,
        );
        Some(canvas.finish(width, label_y + 7.0 + PAD))
    }

    fn marks(&self) -> impl Iterator<Item = &Mark> {
        self.marks
            .iter()
            .filter(|mark| drawable(mark.value, Scale::Linear))
    }

    /// Writes what the marks are above the bars; gives the height that took.
    fn draw_mark_labels(&self, canvas: &mut Canvas, x: &Axis, top: f64) -> f64 {
        let mut marks: Vec<&Mark> = self.marks().collect();
        marks.sort_by(|a, b| a.value.total_cmp(&b.value));
        let extents: Vec<(f64, f64)> = marks
            .iter()
            .map(|mark| {
                let half = text_width(&mark.label, 11.0) / 2.0;
                let centre = x
                    .pixel(mark.value)
                    .min(x.end + 18.0 - half)
                    .max(x.start + half);
                (centre, 2.0 * half)
            })
            .collect();
        let rows = stagger(&extents, 10.0, marks.len().max(1));
        for ((mark, (centre, _)), row) in marks.iter().zip(&extents).zip(&rows) {
            let row = row.unwrap_or(0) as f64;
            canvas.text(
                "small",
                (*centre, top + 10.0 + 14.0 * row),
                Anchor::Middle,
                &mark.label,
            );
        }
        rows.iter()
            .flatten()
            .max()
            .map_or(4.0, |row| 14.0 * (row + 1) as f64 + 10.0)
    }
}

/// The interval borders, thinned until their labels fit into one row.
fn edge_ticks(bins: &[&Bin], x: &Axis) -> Vec<Tick> {
    let edges: Vec<f64> = bins
        .iter()
        .map(|bin| bin.from)
        .chain(bins.last().map(|bin| bin.to))
        .collect();
    for stride in 1..=edges.len() {
        let ticks: Vec<Tick> = edges
            .iter()
            .step_by(stride)
            .map(|&edge| Tick::plain(edge))
            .collect();
        let extents: Vec<_> = ticks
            .iter()
            .map(|tick| (x.pixel(tick.value), text_width(&tick.label, 11.0)))
            .collect();
        if fit_in_a_row(&extents) {
            return ticks;
        }
    }
    Vec::new()
}

fn even_edges(sorted: &[f64]) -> Vec<f64> {
    let (Some(&low), Some(&high)) = (sorted.first(), sorted.last()) else {
        return Vec::new();
    };
    let quantile = |share: f64| sorted[((sorted.len() - 1) as f64 * share).round() as usize];
    let spread = quantile(0.75) - quantile(0.25);
    let width = 2.0 * spread / (sorted.len() as f64).cbrt();
    let wanted = if width > 0.0 {
        ((high - low) / width).ceil()
    } else {
        10.0
    };
    let ticks = nice_ticks((low, high), wanted.clamp(5.0, 40.0) as usize, false);
    ticks.iter().map(|tick| tick.value).collect()
}

fn doubling_edges(sorted: &[f64]) -> Vec<f64> {
    let Some(&high) = sorted.last() else {
        return Vec::new();
    };
    let mut edges = vec![0.0, 1.0];
    while edges[edges.len() - 1] <= high {
        edges.push(edges[edges.len() - 1] * 2.0);
    }
    edges
}
