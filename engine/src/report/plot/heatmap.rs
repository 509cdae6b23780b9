//! The heat map: a score over two settings.

use super::Unit;
use super::axis::{Scale, drawable, extent};
use super::frame::{self, PAD};
use crate::report::number::MISSING;
use crate::report::svg::{Anchor, Canvas, Sketch, fit, text_width};

/// A table of shaded values, such as F1 over the number of neighbours k and the votes m that a label needs. The
/// largest is outlined.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heatmap {
    /// What the chart shows.
    pub title: String,
    /// The setting across, such as `m`.
    pub column_label: String,
    /// Its values, from left to right.
    pub columns: Vec<String>,
    /// The setting down, such as `k`.
    pub row_label: String,
    /// Its values, from top to bottom.
    pub rows: Vec<String>,
    /// `[rows, columns]`; what is missing or not finite is an empty cell.
    pub values: Vec<Vec<f64>>,
    /// What the values are.
    pub unit: Unit,
}

impl Heatmap {
    /// The chart as an SVG file.
    pub fn to_svg(&self) -> String {
        frame::render(&self.title, 640.0, |width| self.draw(width))
    }

    fn draw(&self, width: f64) -> Option<Sketch> {
        let cells = || {
            (0..self.rows.len())
                .flat_map(|row| (0..self.columns.len()).map(move |column| (row, column)))
        };
        let range = extent(
            cells().filter_map(|(row, column)| self.value(row, column)),
            Scale::Linear,
        )?;
        let (mut canvas, top) = frame::titled(&self.title, width);

        let row_names = self
            .rows
            .iter()
            .map(|name| text_width(name, 12.0))
            .fold(0.0, f64::max);
        let row_name_width = row_names
            .max(text_width(&self.row_label, 11.0))
            .min(width * 0.3);
        let left = PAD + row_name_width + 10.0;
        let cell_width = ((width - PAD - left) / self.columns.len() as f64).min(72.0);
        let cell_height = cell_width.clamp(22.0, 34.0);
        let grid_top = top + 38.0;
        let grid_width = cell_width * self.columns.len() as f64;
        let bottom = grid_top + cell_height * self.rows.len() as f64;

        canvas.text(
            "muted small",
            (left - 10.0, grid_top - 8.0),
            Anchor::End,
            &fit(&self.row_label, 11.0, row_name_width),
        );
        canvas.text(
            "muted small",
            (left + grid_width / 2.0, top + 10.0),
            Anchor::Middle,
            &self.column_label,
        );
        self.draw_column_names(&mut canvas, left, grid_top, cell_width);
        for (row, name) in self.rows.iter().enumerate() {
            let middle = grid_top + cell_height * (row as f64 + 0.5);
            canvas.text(
                "",
                (left - 10.0, middle + 4.0),
                Anchor::End,
                &fit(name, 12.0, row_name_width),
            );
        }

        let written = self.writer(cell_width - 4.0);
        for (row, column) in cells() {
            let corner = (
                left + cell_width * column as f64,
                grid_top + cell_height * row as f64,
            );
            let centre = (
                corner.0 + cell_width / 2.0,
                corner.1 + cell_height / 2.0 + 4.0,
            );
            let size = (cell_width - 2.0, cell_height - 2.0);
            let Some(value) = self.value(row, column) else {
                canvas.text("muted small", centre, Anchor::Middle, MISSING);
                continue;
            };
            let share = if range.1 > range.0 {
                (value - range.0) / (range.1 - range.0)
            } else {
                0.5
            };
            let names = (
                &self.row_label,
                &self.rows[row],
                &self.column_label,
                &self.columns[column],
            );
            let title = format!(
                "{} {}, {} {}: {}",
                names.0,
                names.1,
                names.2,
                names.3,
                self.unit.write(value)
            );
            canvas.titled(&title, |canvas| {
                let opacity = format!(" fill-opacity=\"{:.3}\"", opacity(share));
                canvas.rect(
                    "heat",
                    (corner.0 + 1.0, corner.1 + 1.0),
                    size,
                    3.0,
                    &opacity,
                );
                if let Some(write) = written {
                    canvas.text(
                        if value == range.1 {
                            "small strong"
                        } else {
                            "small"
                        },
                        centre,
                        Anchor::Middle,
                        &write(self.unit, value),
                    );
                }
                if value == range.1 {
                    canvas.rect("best", (corner.0 + 1.0, corner.1 + 1.0), size, 3.0, "");
                }
            });
        }
        let bottom = draw_key(&mut canvas, self.unit, range, left, bottom);
        Some(canvas.finish(width, bottom + PAD))
    }

    fn draw_column_names(&self, canvas: &mut Canvas, left: f64, grid_top: f64, cell_width: f64) {
        let widest = self
            .columns
            .iter()
            .map(|name| text_width(name, 12.0))
            .fold(1.0, f64::max);
        let stride = ((widest.min(72.0) + 6.0) / cell_width).ceil().max(1.0) as usize;
        for (column, name) in self.columns.iter().enumerate().step_by(stride) {
            let middle = left + cell_width * (column as f64 + 0.5);
            let room = (cell_width * stride as f64 - 4.0).max(cell_width);
            canvas.text(
                "",
                (middle, grid_top - 8.0),
                Anchor::Middle,
                &fit(name, 12.0, room),
            );
        }
    }

    fn value(&self, row: usize, column: usize) -> Option<f64> {
        self.values
            .get(row)?
            .get(column)
            .copied()
            .filter(|&value| drawable(value, Scale::Linear))
    }

    /// How to write a value into a cell with `room` pixels: in full, shorter, or not at all.
    fn writer(&self, room: f64) -> Option<fn(Unit, f64) -> String> {
        let writers: [fn(Unit, f64) -> String; 2] = [Unit::write, short];
        let fits = |write: &fn(Unit, f64) -> String| {
            self.values
                .iter()
                .flatten()
                .all(|&value| text_width(&write(self.unit, value), 11.2) <= room)
        };
        writers.into_iter().find(fits)
    }
}

fn short(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Fraction if (0.0..0.995).contains(&value) => {
            format!("{value:.2}").trim_start_matches('0').to_owned()
        }
        _ => unit.write(value),
    }
}

/// A strip of the shades between the two borders of `range`; gives the vertical position below it.
fn draw_key(canvas: &mut Canvas, unit: Unit, range: (f64, f64), left: f64, top: f64) -> f64 {
    let (low, high) = (unit.write(range.0), unit.write(range.1));
    let strip = left + text_width(&low, 11.0) + 6.0;
    let middle = top + 18.0;
    canvas.text("muted small", (left, middle + 4.0), Anchor::Start, &low);
    const SHADES: usize = 12;
    for shade in 0..SHADES {
        let opacity = format!(
            " fill-opacity=\"{:.3}\"",
            opacity(shade as f64 / (SHADES - 1) as f64)
        );
        canvas.rect(
            "heat",
            (strip + 8.0 * shade as f64, middle - 4.0),
            (8.0, 8.0),
            0.0,
            &opacity,
        );
    }
    canvas.text(
        "muted small",
        (strip + 8.0 * SHADES as f64 + 6.0, middle + 4.0),
        Anchor::Start,
        &high,
    );
    middle + 8.0
}

/// Opacity of the shade at `share` (0 to 1) of the range. It ends where text on it would begin to be hard to read.
pub(in crate::report) fn opacity(share: f64) -> f64 {
    0.06 + 0.56 * share.clamp(0.0, 1.0)
}
