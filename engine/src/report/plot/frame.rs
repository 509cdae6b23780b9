//! What every chart has around it: margins, a title, and a word for when there is nothing to draw.

use crate::report::svg::{Anchor, Canvas, Sketch, fit, responsive};

/// Space around a drawing, in pixels.
pub(super) const PAD: f64 = 12.0;
/// Width of a chart on a phone.
const NARROW: f64 = 340.0;

/// Lays a chart out for a wide screen (`wide` pixels) and for a phone, and makes one file of both.
pub(super) fn render(title: &str, wide: f64, draw: impl Fn(f64) -> Option<Sketch>) -> String {
    let sketch = |width: f64| draw(width).unwrap_or_else(|| empty(title, width));
    responsive(title, &sketch(wide), &sketch(NARROW))
}

/// Whether `width` is that of a phone.
pub(super) fn is_narrow(width: f64) -> bool {
    width <= NARROW
}

/// Starts a drawing with its title; gives the canvas and the vertical position below the title.
pub(super) fn titled(title: &str, width: f64) -> (Canvas, f64) {
    let mut canvas = Canvas::default();
    if title.is_empty() {
        return (canvas, PAD);
    }
    canvas.text(
        "title",
        (PAD, PAD + 13.0),
        Anchor::Start,
        &fit(title, 15.6, width - 2.0 * PAD),
    );
    (canvas, PAD + 32.0)
}

fn empty(title: &str, width: f64) -> Sketch {
    let (mut canvas, top) = titled(title, width);
    canvas.rect(
        "grid",
        (PAD, top),
        (width - 2.0 * PAD, 96.0),
        6.0,
        " fill=\"none\" stroke-dasharray=\"4 4\"",
    );
    canvas.text(
        "muted",
        (width / 2.0, top + 52.0),
        Anchor::Middle,
        "There is no data to draw.",
    );
    canvas.finish(width, top + 96.0 + PAD)
}
