//! From values to pixels, and the ticks between them.

use crate::report::number;

/// How values are spread along an axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Equal differences take equal lengths.
    #[default]
    Linear,
    /// Doublings take equal lengths. Values that are not positive have no place on it and are left out.
    Log2,
}

/// A labelled place on an axis, such as 828, labelled `all (828)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// Where it is.
    pub value: f64,
    /// What it says.
    pub label: String,
}

impl Tick {
    /// A tick labelled with its own value.
    pub fn plain(value: f64) -> Self {
        Self {
            value,
            label: number::plain(value),
        }
    }
}

/// Whether `value` can be drawn on `scale`. Magnitudes beyond 10¹⁰⁰ would overflow in the arithmetic of an axis.
pub(super) fn drawable(value: f64, scale: Scale) -> bool {
    value.is_finite() && value.abs() <= 1e100 && (scale == Scale::Linear || value > 0.0)
}

/// Smallest and largest of the drawable `values`.
pub(super) fn extent(values: impl Iterator<Item = f64>, scale: Scale) -> Option<(f64, f64)> {
    values
        .filter(|&value| drawable(value, scale))
        .fold(None, |range, value| {
            Some(range.map_or((value, value), |(low, high): (f64, f64)| {
                (low.min(value), high.max(value))
            }))
        })
}

/// A scale laid over the pixels from `start` to `end`.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    scale: Scale,
    low: f64,
    high: f64,
    pub start: f64,
    pub end: f64,
}

impl Axis {
    pub fn new(scale: Scale, range: (f64, f64), start: f64, end: f64) -> Self {
        let (mut low, mut high) = (scaled(scale, range.0), scaled(scale, range.1));
        if high - low <= low.abs().max(high.abs()) * 1e-12 || high == low {
            let half = (low.abs() * 0.05).max(0.5);
            (low, high) = (low - half, high + half);
        }
        Self {
            scale,
            low,
            high,
            start,
            end,
        }
    }

    /// The pixel of `value`; what lies outside the range is drawn at its border.
    pub fn pixel(&self, value: f64) -> f64 {
        let share = (scaled(self.scale, value) - self.low) / (self.high - self.low);
        self.start + share.clamp(0.0, 1.0) * (self.end - self.start)
    }
}

fn scaled(scale: Scale, value: f64) -> f64 {
    match scale {
        Scale::Linear => value,
        Scale::Log2 => value.max(1e-100).log2(),
    }
}

/// About `target` round values that enclose `range`, at steps of 1, 2, 2.5 or 5 times a power of ten.
/// `whole` allows only whole steps.
pub(super) fn nice_ticks(range: (f64, f64), target: usize, whole: bool) -> Vec<Tick> {
    let (low, high) = range;
    let magnitude = low.abs().max(high.abs());
    // Below this spread neighbouring ticks would be the same number.
    let span = (high - low).max(magnitude * 1e-9).max(1e-12);
    let raw = span / target.max(1) as f64;
    let power = 10f64.powf(raw.log10().floor());
    let factor = [1.0, 2.0, 2.5, 5.0]
        .into_iter()
        .find(|factor| factor * power >= raw * (1.0 - 1e-9))
        .unwrap_or(10.0);
    let mut step = factor * power;
    if whole {
        step = if step <= 1.0 {
            1.0
        } else if step == 2.5 {
            5.0
        } else {
            step
        };
    }
    let first = (low / step + 1e-9).floor();
    let last = (high / step - 1e-9)
        .ceil()
        .max(first + 1.0)
        .min(first + 4.0 * target.max(1) as f64);
    (0..=(last - first) as usize)
        .map(|index| {
            let value = (first + index as f64) * step;
            Tick {
                value,
                label: number::tick(value, step),
            }
        })
        .collect()
}

/// The powers of two within `range`, thinned to at most `limit`.
pub(super) fn doublings(range: (f64, f64), limit: usize) -> Vec<Tick> {
    let (first, last) = (range.0.log2().ceil() as i32, range.1.log2().floor() as i32);
    let stride = ((last - first).max(0) as usize / limit.max(1) + 1).max(1);
    let ticks: Vec<Tick> = (first..=last)
        .step_by(stride)
        .map(|power| Tick::plain(2f64.powi(power)))
        .collect();
    if ticks.is_empty() {
        vec![Tick::plain(range.0)]
    } else {
        ticks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    #[test]
    fn ticks_are_round_and_enclose_the_range() {
        assert_eq!(
            labels(&nice_ticks((0.08, 0.82), 5, false)),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
        assert_eq!(
            labels(&nice_ticks((0.0, 710.0), 4, true)),
            ["0", "200", "400", "600", "800"]
        );
        assert_eq!(labels(&nice_ticks((0.0, 2.0), 5, true)), ["0", "1", "2"]);
        assert_eq!(
            labels(&nice_ticks((0.49, 0.51), 4, false)),
            ["0.490", "0.495", "0.500", "0.505", "0.510"]
        );
    }

    #[test]
    fn degenerate_ranges_still_have_ticks_and_places() {
        for range in [
            (0.0, 0.0),
            (5.0, 5.0),
            (1e100, 1e100),
            (-1e100, 1e100),
            (1e15, 1e15 + 0.1),
            (-3.0, -3.0),
        ] {
            let ticks = nice_ticks(range, 5, false);
            assert!(
                (2..=21).contains(&ticks.len()),
                "{range:?}: {}",
                ticks.len()
            );
            let axis = Axis::new(Scale::Linear, range, 0.0, 100.0);
            assert!(axis.pixel(range.0).is_finite() && axis.pixel(range.1).is_finite());
        }
    }

    #[test]
    fn doublings_take_equal_lengths() {
        let axis = Axis::new(Scale::Log2, (8.0, 128.0), 0.0, 400.0);
        assert_eq!(
            [8.0, 16.0, 32.0, 64.0, 128.0].map(|rows| axis.pixel(rows)),
            [0.0, 100.0, 200.0, 300.0, 400.0]
        );
        assert_eq!(labels(&doublings((5.0, 70.0), 9)), ["8", "16", "32", "64"]);
        assert_eq!(
            labels(&doublings((1.0, 1024.0), 4)),
            ["1", "8", "64", "512"]
        );
    }

    #[test]
    fn what_has_no_logarithm_is_not_drawable_on_a_log_axis() {
        assert!(
            !drawable(0.0, Scale::Log2)
                && drawable(0.0, Scale::Linear)
                && !drawable(f64::NAN, Scale::Linear)
        );
    }
}
