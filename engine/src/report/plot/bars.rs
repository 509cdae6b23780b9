//! Horizontal bars: label counts, scores by label.

use super::Unit;
use super::axis::{Axis, Scale, drawable, extent};
use super::frame::{self, PAD};
use crate::report::number;
use crate::report::svg::{Anchor, Sketch, fit, text_width};

/// Bars drawn; a chart of more says how many it leaves out.
const LIMIT: usize = 80;
const ROW: f64 = 26.0;

/// One bar for each thing, in the order given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BarChart {
    /// What the chart shows.
    pub title: String,
    /// What the values are.
    pub unit: Unit,
    /// The bars, from top to bottom.
    pub bars: Vec<Bar>,
}

/// A labelled length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bar {
    /// What is measured.
    pub label: String,
    /// Its value; not finite where it is unknown.
    pub value: f64,
    /// A confidence interval of the value.
    pub interval: Option<(f64, f64)>,
    /// A remark behind the value, such as `n = 24`.
    pub note: String,
}

impl BarChart {
    /// The chart as an SVG file.
    pub fn to_svg(&self) -> String {
        frame::render(&self.title, 640.0, |width| self.draw(width))
    }

    fn draw(&self, width: f64) -> Option<Sketch> {
        let bars = &self.bars[..self.bars.len().min(LIMIT)];
        if bars.is_empty() {
            return None;
        }
        let ends = bars.iter().flat_map(|bar| {
            let (low, high) = bar.interval.unwrap_or((bar.value, bar.value));
            [bar.value, low, high]
        });
        let (low, high) = extent(ends, Scale::Linear).unwrap_or((0.0, 1.0));
        let full = if self.unit == Unit::Fraction && high <= 1.0 {
            1.0
        } else {
            high
        };
        let range = (low.min(0.0), full.max(0.0));

        let (mut canvas, top) = frame::titled(&self.title, width);
        let widest = |texts: &mut dyn Iterator<Item = f64>| texts.fold(0.0, f64::max);
        let label_width =
            widest(&mut bars.iter().map(|bar| text_width(&bar.label, 12.0))).min(width * 0.38);
        let value_width = widest(
            &mut bars
                .iter()
                .map(|bar| text_width(&self.value_text(bar), 12.0)),
        );
        let note_width = widest(&mut bars.iter().map(|bar| text_width(&bar.note, 11.0)));
        let note_gap = if note_width > 0.0 {
            note_width + 12.0
        } else {
            0.0
        };
        let left = PAD + label_width + 10.0;
        let right = (width - PAD - value_width - 8.0 - note_gap).max(left + 20.0);
        let x = Axis::new(
            Scale::Linear,
            if range.0 == range.1 {
                (0.0, 1.0)
            } else {
                range
            },
            left,
            right,
        );
        let zero = x.pixel(0.0);

        for (index, bar) in bars.iter().enumerate() {
            let y = top + ROW * index as f64;
            let middle = y + ROW / 2.0;
            let label = fit(&bar.label, 12.0, label_width);
            let value = self.value_text(bar);
            canvas.titled(&self.describe(bar), |canvas| {
                canvas.text("", (left - 10.0, middle + 4.0), Anchor::End, &label);
                if self.unit == Unit::Fraction {
                    canvas.rect("pill", (left, middle - 8.0), (right - left, 16.0), 2.0, "");
                }
                if drawable(bar.value, Scale::Linear) {
                    let end = x.pixel(bar.value);
                    canvas.rect(
                        "bar",
                        (zero.min(end), middle - 8.0),
                        ((end - zero).abs(), 16.0),
                        2.0,
                        "",
                    );
                }
                if let Some((low, high)) = self.interval(bar) {
                    let (from, to) = (x.pixel(low), x.pixel(high));
                    canvas.line("whisker", (from, middle), (to, middle));
                    canvas.line("whisker", (from, middle - 4.0), (from, middle + 4.0));
                    canvas.line("whisker", (to, middle - 4.0), (to, middle + 4.0));
                }
                canvas.text(
                    "",
                    (right + 8.0 + value_width, middle + 4.0),
                    Anchor::End,
                    &value,
                );
                canvas.text(
                    "muted small",
                    (width - PAD, middle + 4.0),
                    Anchor::End,
                    &bar.note,
                );
            });
        }
        canvas.line("axis", (zero, top), (zero, top + ROW * bars.len() as f64));
        let mut bottom = top + ROW * bars.len() as f64;
        if self.bars.len() > bars.len() {
            let rest = number::count((self.bars.len() - bars.len()) as u64);
            canvas.text(
                "muted",
                (left, bottom + 18.0),
                Anchor::Start,
                &format!("… and {rest} more"),
            );
            bottom += 24.0;
        }
        Some(canvas.finish(width, bottom + PAD))
    }

    fn interval(&self, bar: &Bar) -> Option<(f64, f64)> {
        bar.interval
            .filter(|&(low, high)| drawable(low, Scale::Linear) && drawable(high, Scale::Linear))
    }

    fn value_text(&self, bar: &Bar) -> String {
        self.unit.write(bar.value)
    }

    fn describe(&self, bar: &Bar) -> String {
        let mut text = format!("{}: {}", bar.label, self.value_text(bar));
        if let Some((low, high)) = self.interval(bar) {
            text.push_str(&format!(
                " ({} to {})",
                self.unit.write(low),
                self.unit.write(high)
            ));
        }
        if !bar.note.is_empty() {
            text.push_str(", ");
            text.push_str(&bar.note);
        }
        text
    }
}
