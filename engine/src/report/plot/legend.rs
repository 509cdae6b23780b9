//! The names of the series, flowing over as many rows as they need.

use super::frame::PAD;
use super::marker;
use crate::report::svg::{Anchor, Canvas, fit, text_width};

const KEY: f64 = 26.0;
const ROW: f64 = 20.0;

/// Draws the legend of `names` below `top`, `marked` as their lines are; gives the vertical position below it.
pub(super) fn draw(canvas: &mut Canvas, names: &[&str], marked: bool, top: f64, width: f64) -> f64 {
    let limit = width - PAD;
    let (mut x, mut y) = (PAD, top + 6.0);
    for (index, name) in names.iter().enumerate() {
        let name = fit(name, 12.0, limit - PAD - KEY);
        let entry = KEY + text_width(&name, 12.0);
        if x > PAD && x + entry > limit {
            (x, y) = (PAD, y + ROW);
        }
        canvas.line(
            &format!("{} stroke curve", marker::classes(index)),
            (x, y),
            (x + 20.0, y),
        );
        if marked {
            marker::draw(canvas, index, (x + 10.0, y), 4.0);
        }
        canvas.text("", (x + KEY, y + 4.0), Anchor::Start, &name);
        x += entry + 18.0;
    }
    y + ROW
}
