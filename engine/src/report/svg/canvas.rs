//! An SVG under construction.

use std::fmt::{self, Display};

use super::style::style_element;
use crate::report::markup::{escaped, push};

/// Where a text's given point lies in it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A drawing at one size: its elements, and the width and height in pixels that they were laid out for.
pub(in super::super) struct Sketch {
    pub width: f64,
    pub height: f64,
    pub body: String,
}

/// Elements written one after another. Coordinates are pixels, y downwards.
#[derive(Default)]
pub(in super::super) struct Canvas {
    body: String,
}

/// A coordinate with at most two decimals; what is not finite is drawn at 0, so that no figure ever holds `NaN`.
pub(in super::super) fn number(value: f64) -> impl Display {
    Coordinate(value)
}

struct Coordinate(f64);

impl Display for Coordinate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = if self.0.is_finite() {
            (self.0 * 100.0).round() / 100.0
        } else {
            0.0
        };
        // Adding zero turns -0 into 0.
        write!(f, "{}", value.clamp(-1e7, 1e7) + 0.0)
    }
}

impl Canvas {
    pub fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        self.push(format_args!(
            "<line class=\"{class}\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>",
            number(from.0),
            number(from.1),
            number(to.0),
            number(to.1)
        ));
    }

    pub fn rect(
        &mut self,
        class: &str,
        corner: (f64, f64),
        size: (f64, f64),
        radius: f64,
        extra: &str,
    ) {
        self.push(format_args!(
            "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{}\"{extra}/>",
            number(corner.0),
            number(corner.1),
            number(size.0.max(0.0)),
            number(size.1.max(0.0)),
            number(radius)
        ));
    }

    pub fn text(&mut self, class: &str, at: (f64, f64), anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let (x, y) = (number(at.0), number(at.1));
        self.push(format_args!(
            "<text class=\"{class}\" x=\"{x}\" y=\"{y}\"{anchor}>{}</text>",
            escaped(text)
        ));
    }

    /// Straight lines through `points`; nothing for fewer than two.
    pub fn polyline(&mut self, class: &str, points: &[(f64, f64)]) {
        if points.len() > 1 {
            self.push(format_args!(
                "<path class=\"{class}\" d=\"{}\"/>",
                Outline(points)
            ));
        }
    }

    /// The closed shape with corners `points`.
    pub fn polygon(&mut self, class: &str, points: &[(f64, f64)]) {
        if points.len() > 1 {
            self.push(format_args!(
                "<path class=\"{class}\" d=\"{}Z\"/>",
                Outline(points)
            ));
        }
    }

    /// Draws `content` as one group that shows `title` when pointed at.
    pub fn titled(&mut self, title: &str, content: impl FnOnce(&mut Self)) {
        self.push(format_args!("<g><title>{}</title>", escaped(title)));
        content(self);
        self.push(format_args!("</g>"));
    }

    pub fn push(&mut self, markup: fmt::Arguments<'_>) {
        push(&mut self.body, markup);
    }

    pub fn finish(self, width: f64, height: f64) -> Sketch {
        Sketch {
            width,
            height,
            body: self.body,
        }
    }
}

struct Outline<'a>(&'a [(f64, f64)]);

impl Display for Outline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (x, y)) in self.0.iter().enumerate() {
            let command = if index == 0 { 'M' } else { 'L' };
            write!(f, "{command}{} {}", number(*x), number(*y))?;
        }
        Ok(())
    }
}

/// A complete SVG file of one drawing. `role` is its ARIA role: `img`, or `group` where its parts are links.
pub(in super::super) fn document(label: &str, role: &str, sketch: &Sketch) -> String {
    let mut out = String::with_capacity(sketch.body.len() + 4096);
    let natural = format!(" style=\"--natural:{}px\"", number(sketch.width));
    open(&mut out, label, role, sketch, &natural);
    push(
        &mut out,
        format_args!(
            " viewBox=\"0 0 {} {}\">",
            number(sketch.width),
            number(sketch.height)
        ),
    );
    head(&mut out, label);
    out.push_str(&sketch.body);
    out.push_str("</svg>\n");
    out
}

/// A complete SVG file that holds the drawing twice: laid out for a wide screen, which is what shows, and for a phone,
/// which only the report's page reveals. One file can so stay legible at both widths.
pub(in super::super) fn responsive(label: &str, wide: &Sketch, narrow: &Sketch) -> String {
    let mut out = String::with_capacity(wide.body.len() + narrow.body.len() + 4096);
    let ratios = format!(
        " style=\"--wide:{}/{};--narrow:{}/{};--natural:{}px\"",
        number(wide.width),
        number(wide.height),
        number(narrow.width),
        number(narrow.height),
        number(wide.width)
    );
    open(&mut out, label, "img", wide, &ratios);
    out.push('>');
    head(&mut out, label);
    for (class, hidden, sketch) in [("wide", "", wide), ("narrow", " display=\"none\"", narrow)] {
        push(
            &mut out,
            format_args!(
                "<svg class=\"{class}\"{hidden} width=\"100%\" height=\"100%\" viewBox=\"0 0 {} {}\">",
                number(sketch.width),
                number(sketch.height)
            ),
        );
        out.push_str(&sketch.body);
        out.push_str("</svg>");
    }
    out.push_str("</svg>\n");
    out
}

fn open(out: &mut String, label: &str, role: &str, sketch: &Sketch, extra: &str) {
    push(
        out,
        format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"drawing\" role=\"{role}\" aria-label=\"{}\" \
             width=\"{}\" height=\"{}\"{extra}",
            escaped(label),
            number(sketch.width),
            number(sketch.height)
        ),
    );
}

fn head(out: &mut String, label: &str) {
    push(
        out,
        format_args!(
            "<title>{}</title>{}<rect class=\"background\" width=\"100%\" height=\"100%\"/>",
            escaped(label),
            style_element()
        ),
    );
}

/// The width in pixels that the root element of `svg` states; 0 if it states none.
pub(in super::super) fn natural_width(svg: &str) -> f64 {
    let stated = svg
        .split_once(" width=\"")
        .and_then(|(_, rest)| rest.split_once('"'));
    stated
        .and_then(|(width, _)| width.parse().ok())
        .unwrap_or(0.0)
}
