//! Measurements over a varying quantity.

/// A named line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// What the legend calls it. Series of the same name in several panels share their look.
    pub name: String,
    /// Its measurements, from left to right.
    pub points: Vec<Point>,
}

/// A measurement and how far repetitions of it spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Where it was measured.
    pub x: f64,
    /// What was measured; not finite for a gap.
    pub y: f64,
    /// Lower border of the band; `y` where there is none.
    pub low: f64,
    /// Upper border of the band; `y` where there is none.
    pub high: f64,
}

/// How repetitions, such as seeds, become a band.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// From the smallest to the largest.
    Range,
    /// The mean, plus and minus the sample standard deviation (with n − 1).
    StandardDeviation,
}

impl Point {
    /// A measurement without a band.
    pub fn exact(x: f64, y: f64) -> Self {
        Self {
            x,
            y,
            low: y,
            high: y,
        }
    }

    /// The mean of repeated measurements at `x` with its band. Values that are not finite are left out; without any,
    /// the point is a gap.
    pub fn repeated(x: f64, values: &[f64], spread: Spread) -> Self {
        let finite: Vec<f64> = values
            .iter()
            .copied()
            .filter(|value| value.is_finite())
            .collect();
        if finite.is_empty() {
            return Self::exact(x, f64::NAN);
        }
        let mean = finite.iter().sum::<f64>() / finite.len() as f64;
        let (low, high) = match spread {
            Spread::Range => finite.iter().fold((mean, mean), |(low, high), &value| {
                (low.min(value), high.max(value))
            }),
            Spread::StandardDeviation => {
                let squares: f64 = finite.iter().map(|value| (value - mean).powi(2)).sum();
                let deviation = (squares / (finite.len().max(2) - 1) as f64).sqrt();
                (mean - deviation, mean + deviation)
            }
        };
        Self {
            x,
            y: mean,
            low,
            high,
        }
    }

    /// The band's borders, each `y` where it is not finite.
    pub(super) fn band(&self) -> (f64, f64) {
        let or_y = |value: f64| if value.is_finite() { value } else { self.y };
        (or_y(self.low).min(self.y), or_y(self.high).max(self.y))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_become_a_mean_and_a_band() {
        let range = Point::repeated(8.0, &[0.4, 0.6, 0.8, f64::NAN], Spread::Range);
        assert!((range.y - 0.6).abs() < 1e-12);
        assert_eq!(range.band(), (0.4, 0.8));
        // Sample standard deviation of 0.4, 0.6, 0.8 is 0.2.
        let deviation = Point::repeated(8.0, &[0.4, 0.6, 0.8], Spread::StandardDeviation);
        assert!((deviation.low - 0.4).abs() < 1e-12 && (deviation.high - 0.8).abs() < 1e-12);
    }

    #[test]
    fn one_repetition_has_no_spread_and_none_is_a_gap() {
        assert_eq!(
            Point::repeated(8.0, &[0.4], Spread::StandardDeviation).band(),
            (0.4, 0.4)
        );
        assert!(Point::repeated(8.0, &[f64::NAN], Spread::Range).y.is_nan());
    }
}
