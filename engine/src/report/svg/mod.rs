//! What charts and the step graph share: text extents, a canvas that cannot write malformed numbers, and the colours.

mod canvas;
mod measure;
mod style;

pub(super) use canvas::{Anchor, Canvas, Sketch, document, natural_width, number, responsive};
pub(super) use measure::{fit, text_width};
pub(super) use style::{SERIES_COLOURS, style_element};
