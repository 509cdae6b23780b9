//! One pair of axes with curves in it.

use super::axis::{Axis, Scale, Tick, drawable};
use super::labels::{spread, stagger};
use super::marker;
use super::series::{Point, Series};
use super::{Unit, labels};
use crate::report::svg::{Anchor, Canvas, text_width};

/// Height of a line of small text.
const LINE: f64 = 14.0;

/// What a panel draws and where; `series` pairs each line with the index of its look.
pub(super) struct Axes<'a> {
    pub heading: &'a str,
    /// Room between the heading and the plot.
    pub headroom: f64,
    pub x_label: &'a str,
    pub x_scale: Scale,
    pub x_range: (f64, f64),
    pub x_ticks: &'a [Tick],
    pub y_ticks: &'a [Tick],
    pub y_unit: Unit,
    pub series: &'a [(usize, &'a Series)],
    pub ends: EndLabels,
    pub curve: Curve,
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

/// What stands at the right end of each line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum EndLabels {
    Names,
    Values,
    None,
}

/// How a line goes from point to point.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    /// Straight, with a marker at every point.
    Marked,
    /// Level up to the next point, without markers.
    Steps,
}

/// Where the values of a drawn panel lie, and where the panel ends below.
pub(super) struct Drawn {
    pub x: Axis,
    pub y: Axis,
    pub bottom: f64,
}

impl Axes<'_> {
    /// Width that the end labels take to the right of the lines.
    pub fn margin(ends: EndLabels, series: &[(usize, &Series)], unit: Unit) -> f64 {
        series
            .iter()
            .map(|(_, series)| match ends {
                EndLabels::Names => text_width(&series.name, 11.0) + 14.0,
                EndLabels::Values => text_width(&end_value(series, unit), 11.0) + 14.0,
                EndLabels::None => 0.0,
            })
            .fold(14.0, f64::max)
    }

    pub fn draw(&self, canvas: &mut Canvas) -> Drawn {
        let mut top = self.top;
        if !self.heading.is_empty() {
            canvas.text(
                "heading",
                (self.left, top + 12.0),
                Anchor::Start,
                self.heading,
            );
            top += 26.0;
        }
        top += self.headroom;
        let tick_width = self
            .y_ticks
            .iter()
            .map(|tick| text_width(&tick.label, 11.0))
            .fold(0.0, f64::max);
        let right_tick = self
            .x_ticks
            .last()
            .map_or(0.0, |tick| text_width(&tick.label, 11.0) / 2.0);
        let plot_left = self.left + tick_width + 8.0;
        let margin = Self::margin(self.ends, self.series, self.y_unit).max(right_tick);
        let plot_right = self.left + self.width - margin;
        let plot_bottom = top + self.height;
        // Room for half a marker at both ends of the lines.
        let x = Axis::new(
            self.x_scale,
            self.x_range,
            plot_left + 8.0,
            plot_right - 6.0,
        );
        let y_range = (
            self.y_ticks.first().map_or(0.0, |tick| tick.value),
            self.y_ticks.last().map_or(1.0, |tick| tick.value),
        );
        let y = Axis::new(Scale::Linear, y_range, plot_bottom, top);

        for tick in self.y_ticks {
            let level = y.pixel(tick.value);
            canvas.line("grid", (plot_left, level), (plot_right, level));
            canvas.text(
                "muted small",
                (plot_left - 8.0, level + 4.0),
                Anchor::End,
                &tick.label,
            );
        }
        canvas.line("axis", (plot_left, plot_bottom), (plot_right, plot_bottom));
        let rows = draw_x_ticks(canvas, self.x_ticks, &x, plot_bottom);
        let mut bottom = plot_bottom + 8.0 + LINE * rows as f64;
        if !self.x_label.is_empty() {
            let centre = (plot_left + plot_right) / 2.0;
            canvas.text(
                "muted",
                (centre, bottom + 15.0),
                Anchor::Middle,
                self.x_label,
            );
            bottom += 22.0;
        }

        for (look, series) in self.series {
            self.draw_band(canvas, *look, series, &x, &y);
        }
        for (look, series) in self.series {
            self.draw_line(canvas, *look, series, &x, &y);
        }
        self.draw_ends(canvas, &x, &y, plot_right);
        Drawn { x, y, bottom }
    }

    fn runs<'s>(&self, series: &'s Series) -> impl Iterator<Item = &'s [Point]> {
        let x_scale = self.x_scale;
        let shown =
            move |point: &Point| drawable(point.x, x_scale) && drawable(point.y, Scale::Linear);
        series
            .points
            .split(move |point| !shown(point))
            .filter(|run| !run.is_empty())
    }

    fn draw_band(&self, canvas: &mut Canvas, look: usize, series: &Series, x: &Axis, y: &Axis) {
        for run in self.runs(series) {
            if run.len() < 2 || run.iter().all(|point| point.band() == (point.y, point.y)) {
                continue;
            }
            let upper = run
                .iter()
                .map(|point| (x.pixel(point.x), y.pixel(point.band().1)));
            let lower = run
                .iter()
                .rev()
                .map(|point| (x.pixel(point.x), y.pixel(point.band().0)));
            let outline: Vec<_> = upper.chain(lower).collect();
            canvas.polygon(&format!("{} fill band", marker::classes(look)), &outline);
        }
    }

    fn draw_line(&self, canvas: &mut Canvas, look: usize, series: &Series, x: &Axis, y: &Axis) {
        for run in self.runs(series) {
            let at = |point: &Point| (x.pixel(point.x), y.pixel(point.y));
            let mut line: Vec<(f64, f64)> = Vec::with_capacity(run.len() * 2);
            for point in run {
                let (px, py) = at(point);
                if let (Curve::Steps, Some(&(_, level))) = (self.curve, line.last()) {
                    line.push((px, level));
                }
                line.push((px, py));
            }
            canvas.polyline(&format!("{} stroke curve", marker::classes(look)), &line);
            if self.curve == Curve::Marked {
                for point in run {
                    let title = self.describe(series, point);
                    canvas.titled(&title, |canvas| marker::draw(canvas, look, at(point), 4.0));
                }
            }
        }
    }

    fn describe(&self, series: &Series, point: &Point) -> String {
        let place = self.x_ticks.iter().find(|tick| tick.value == point.x);
        let place = place.map_or_else(|| Tick::plain(point.x).label, |tick| tick.label.clone());
        let value = self.y_unit.write(point.y);
        let (low, high) = point.band();
        let band = if low == high {
            String::new()
        } else {
            format!(
                " ({} to {})",
                self.y_unit.write(low),
                self.y_unit.write(high)
            )
        };
        format!("{}, {place}: {value}{band}", series.name)
    }

    fn draw_ends(&self, canvas: &mut Canvas, x: &Axis, y: &Axis, right: f64) {
        if self.ends == EndLabels::None {
            return;
        }
        let ends: Vec<(usize, &Series, (f64, f64))> = self
            .series
            .iter()
            .filter_map(|(look, series)| {
                let last = self.runs(series).last()?.last()?;
                Some((*look, *series, (x.pixel(last.x), y.pixel(last.y))))
            })
            .collect();
        let wanted: Vec<f64> = ends.iter().map(|(_, _, (_, level))| *level).collect();
        let placed = spread(&wanted, 13.0, y.end + 2.0, y.start - 2.0);
        for ((look, series, (px, py)), level) in ends.into_iter().zip(placed) {
            let text_x = right + 8.0;
            if (level - py).abs() > 3.0 || text_x - px > 24.0 {
                let class = format!(
                    "s{} stroke leader",
                    look % crate::report::svg::SERIES_COLOURS
                );
                canvas.line(&class, (px + 6.0, py), (text_x - 3.0, level));
            }
            let text = match self.ends {
                EndLabels::Names => series.name.clone(),
                _ => end_value(series, self.y_unit),
            };
            canvas.text("small", (text_x, level + 4.0), Anchor::Start, &text);
        }
    }
}

fn end_value(series: &Series, unit: Unit) -> String {
    let last = series
        .points
        .iter()
        .rev()
        .find(|point| drawable(point.y, Scale::Linear));
    last.map_or_else(String::new, |point| unit.write(point.y))
}

/// Draws the ticks of a horizontal axis in one or two rows of labels; gives the number of rows.
pub(super) fn draw_x_ticks(canvas: &mut Canvas, ticks: &[Tick], x: &Axis, bottom: f64) -> usize {
    let mut ticks: Vec<&Tick> = ticks.iter().collect();
    ticks.sort_by(|a, b| a.value.total_cmp(&b.value));
    let extents: Vec<(f64, f64)> = ticks
        .iter()
        .map(|tick| (x.pixel(tick.value), text_width(&tick.label, 11.0)))
        .collect();
    let rows = labels_rows(&extents);
    for ((tick, (centre, _)), row) in ticks.iter().zip(&extents).zip(&rows) {
        canvas.line("axis", (*centre, bottom), (*centre, bottom + 4.0));
        if let Some(row) = row {
            let level = bottom + 17.0 + LINE * *row as f64;
            canvas.text("muted small", (*centre, level), Anchor::Middle, &tick.label);
        }
    }
    rows.iter().flatten().max().map_or(0, |row| row + 1)
}

fn labels_rows(extents: &[(f64, f64)]) -> Vec<Option<usize>> {
    stagger(extents, 4.0, 2)
}

/// Whether the labels of all of `extents` (centre and width) fit into one row.
pub(super) fn fit_in_a_row(extents: &[(f64, f64)]) -> bool {
    labels::stagger(extents, 4.0, 1).iter().all(Option::is_some)
}
