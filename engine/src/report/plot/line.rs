//! The learning curve: scores against training size, one line a method.

use super::axis::{Scale, Tick, doublings, drawable, extent, nice_ticks};
use super::frame::{self, PAD};
use super::panel::{Axes, Curve, EndLabels};
use super::{Series, Unit, legend};
use crate::report::svg::Sketch;

/// Lines over a shared horizontal axis, in panels side by side (below each other on a phone) with one legend.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LineChart {
    /// What the chart shows.
    pub title: String,
    /// What the horizontal axis counts, such as `labelled training rows`.
    pub x_label: String,
    /// How the horizontal axis is divided.
    pub x_scale: Scale,
    /// The places to label on it; empty for round numbers.
    pub x_ticks: Vec<Tick>,
    /// The panels, one for each measured quantity.
    pub panels: Vec<Panel>,
    /// What is measured.
    pub y_unit: Unit,
    /// Whether all panels have the same vertical range, so that heights compare across them.
    pub shared_y: bool,
}

/// One measured quantity.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Panel {
    /// Its name, such as `micro F1`.
    pub title: String,
    /// Its lines.
    pub series: Vec<Series>,
}

impl LineChart {
    /// The chart as an SVG file.
    pub fn to_svg(&self) -> String {
        let wide = if self.panels.len() > 1 { 1080.0 } else { 640.0 };
        frame::render(&self.title, wide, |width| self.draw(width))
    }

    fn draw(&self, width: f64) -> Option<Sketch> {
        let narrow = frame::is_narrow(width);
        let x_range = extent(
            self.points().map(|point| point.0).chain(self.ticked()),
            self.x_scale,
        )?;
        self.points().next()?;

        let (mut canvas, mut top) = frame::titled(&self.title, width);
        let names = self.names();
        if names.len() > 1 {
            top = legend::draw(&mut canvas, &names, true, top, width) + 10.0;
        }
        let columns = if narrow {
            1
        } else {
            self.panels.len().clamp(1, 3)
        };
        let gap = 32.0;
        let panel_width = (width - 2.0 * PAD - gap * (columns - 1) as f64) / columns as f64;
        let x_ticks = self.ticks_for(x_range, panel_width);
        let ends = self.end_labels(&names, panel_width, narrow);

        let (mut row_top, mut row_bottom) = (top, top);
        for (index, panel) in self.panels.iter().enumerate() {
            let column = index % columns;
            if column == 0 && index > 0 {
                row_top = row_bottom + 22.0;
            }
            let series: Vec<(usize, &Series)> = panel
                .series
                .iter()
                .map(|series| {
                    (
                        names
                            .iter()
                            .position(|name| *name == series.name)
                            .unwrap_or(0),
                        series,
                    )
                })
                .collect();
            let drawn = Axes {
                heading: &panel.title,
                headroom: 0.0,
                x_label: &self.x_label,
                x_scale: self.x_scale,
                x_range,
                x_ticks: &x_ticks,
                y_ticks: &self.y_ticks(panel),
                y_unit: self.y_unit,
                series: &series,
                ends,
                curve: Curve::Marked,
                left: PAD + (panel_width + gap) * column as f64,
                top: row_top,
                width: panel_width,
                height: if narrow { 190.0 } else { 250.0 },
            }
            .draw(&mut canvas);
            row_bottom = row_bottom.max(drawn.bottom);
        }
        Some(canvas.finish(width, row_bottom + PAD))
    }

    /// Every drawable point as x, y and its band.
    fn points(&self) -> impl Iterator<Item = (f64, f64, (f64, f64))> {
        self.panels.iter().flat_map(|panel| self.points_of(panel))
    }

    fn points_of<'a>(
        &'a self,
        panel: &'a Panel,
    ) -> impl Iterator<Item = (f64, f64, (f64, f64))> + 'a {
        panel
            .series
            .iter()
            .flat_map(|series| &series.points)
            .filter(|point| drawable(point.x, self.x_scale) && drawable(point.y, Scale::Linear))
            .map(|point| (point.x, point.y, point.band()))
    }

    fn ticked(&self) -> impl Iterator<Item = f64> {
        self.x_ticks.iter().map(|tick| tick.value)
    }

    /// The names of all series in order of first appearance.
    fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for series in self.panels.iter().flat_map(|panel| &panel.series) {
            if !names.contains(&series.name.as_str()) {
                names.push(&series.name);
            }
        }
        names
    }

    fn ticks_for(&self, range: (f64, f64), width: f64) -> Vec<Tick> {
        let given: Vec<Tick> = self
            .x_ticks
            .iter()
            .filter(|tick| drawable(tick.value, self.x_scale))
            .cloned()
            .collect();
        if !given.is_empty() {
            return given;
        }
        match self.x_scale {
            Scale::Log2 => doublings(range, (width / 44.0) as usize),
            Scale::Linear => {
                let mut ticks = nice_ticks(range, (width / 70.0) as usize, false);
                ticks.retain(|tick| (range.0..=range.1).contains(&tick.value));
                ticks
            }
        }
    }

    fn y_ticks(&self, panel: &Panel) -> Vec<Tick> {
        let borders = |(_, _, (low, high)): (f64, f64, (f64, f64))| [low, high];
        let range = if self.shared_y {
            extent(self.points().flat_map(borders), Scale::Linear)
        } else {
            extent(self.points_of(panel).flat_map(borders), Scale::Linear)
        };
        let (low, high) = range.unwrap_or((0.0, 1.0));
        // A score's band may reach below nothing or above everything; the axis does not.
        let (low, high) = if self.y_unit == Unit::Fraction
            && self.points().all(|(_, y, _)| (0.0..=1.0).contains(&y))
        {
            (low.max(0.0), high.min(1.0))
        } else {
            (low, high)
        };
        nice_ticks((low, high), 5, false)
    }

    fn end_labels(&self, names: &[&str], panel_width: f64, narrow: bool) -> EndLabels {
        if names.len() < 2 || narrow && names.len() > 8 {
            return EndLabels::None;
        }
        let all: Vec<(usize, &Series)> = self
            .panels
            .iter()
            .flat_map(|panel| panel.series.iter().map(|series| (0, series)))
            .collect();
        let tallest = self
            .panels
            .iter()
            .map(|panel| panel.series.len())
            .max()
            .unwrap_or(0);
        let room = Axes::margin(EndLabels::Names, &all, self.y_unit) <= panel_width * 0.27;
        match (tallest <= 14, room) {
            (true, true) => EndLabels::Names,
            (true, false) => EndLabels::Values,
            _ => EndLabels::None,
        }
    }
}
