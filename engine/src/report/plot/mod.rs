//! Charts as SVG.
//!
//! Each chart is a struct of plain data with `to_svg`. The file stands alone, follows the reader's light or dark
//! scheme, and holds its drawing twice, for a wide screen and for a phone (only the HTML report switches). Values that
//! are not finite are gaps; a chart with nothing to draw says so.

mod axis;
mod bars;
mod frame;
mod heatmap;
mod histogram;
mod labels;
mod legend;
mod line;
mod marker;
mod panel;
mod series;
mod sweep;

pub use axis::{Scale, Tick};
pub use bars::{Bar, BarChart};
pub use heatmap::Heatmap;
#[cfg(test)]
pub(in crate::report) use heatmap::opacity as heat_opacity;
pub use histogram::{Bin, Histogram, Mark};
pub use line::{LineChart, Panel};
pub use series::{Point, Series, Spread};
pub use sweep::{Choice, SweepChart};

use crate::report::number;

/// What the values of a chart are, which decides how they are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// Whole things, such as rows: `1,657`.
    #[default]
    Count,
    /// Shares and scores: `0.712`.
    Fraction,
    /// Anything else, with about four significant digits.
    Number,
}

impl Unit {
    fn write(self, value: f64) -> String {
        match self {
            Self::Count => number::plain(value.round()),
            Self::Fraction => number::fraction(value),
            Self::Number => number::plain(value),
        }
    }
}

#[cfg(test)]
mod tests;
