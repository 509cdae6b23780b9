//! How signatures are cut into bands, and the candidates that bands give (Leskovec, Rajaraman and Ullman 2014,
//! section 3.4).

use crate::{Error, Result};

/// A signature cut into `bands` of `rows` places each; two texts that agree on a whole band are candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bands {
    /// The number of bands.
    pub bands: usize,
    /// Places of the signature in a band.
    pub rows: usize,
}

/// Intervals of Simpson's rule on either side of the threshold.
const INTERVALS: usize = 64;

impl Bands {
    /// The cut that fits into `permutations` and has the least weighted error: `false_positive` times the area under
    /// the chance of being a candidate below `threshold`, plus `false_negative` times the area over it above.
    ///
    /// # Errors
    /// [`Error::Parameter`] for permutations of 0 or above 65536, a threshold outside 0 to 1, or negative weights.
    pub fn optimal(
        permutations: usize,
        threshold: f64,
        false_positive: f64,
        false_negative: f64,
    ) -> Result<Self> {
        if !(1..=65_536).contains(&permutations) {
            return Err(Error::parameter(
                "permutations",
                permutations,
                "from 1 to 65536",
            ));
        }
        if !(0.0..=1.0).contains(&threshold) {
            return Err(Error::parameter("threshold", threshold, "from 0 to 1"));
        }
        let weights = [
            ("false_positive_weight", false_positive),
            ("false_negative_weight", false_negative),
        ];
        if let Some((name, weight)) = weights
            .into_iter()
            .find(|(_, w)| !(*w >= 0.0 && w.is_finite()))
        {
            return Err(Error::parameter(name, weight, "0 or more"));
        }
        let mut best = Self { bands: 1, rows: 1 };
        let mut least = f64::INFINITY;
        for bands in 1..=permutations {
            for rows in 1..=permutations / bands {
                let cut = Self { bands, rows };
                let missed = |similarity| 1.0 - cut.chance(similarity);
                let error = false_positive * integral(|s| cut.chance(s), 0.0, threshold)
                    + false_negative * integral(missed, threshold, 1.0);
                if error < least {
                    (best, least) = (cut, error);
                }
            }
        }
        Ok(best)
    }

    /// The chance that two texts of this Jaccard similarity are candidates: `1 - (1 - s^rows)^bands`.
    pub fn chance(&self, similarity: f64) -> f64 {
        1.0 - (1.0 - similarity.powi(self.rows as i32)).powi(self.bands as i32)
    }
}

/// Simpson's rule.
fn integral(f: impl Fn(f64) -> f64, from: f64, to: f64) -> f64 {
    let width = (to - from) / INTERVALS as f64;
    let inner =
        (1..INTERVALS).map(|i| f(from + i as f64 * width) * if i % 2 == 1 { 4.0 } else { 2.0 });
    (f(from) + f(to) + inner.sum::<f64>()) * width / 3.0
}

/// The groups of two rows or more with the same key in one band, each ascending. `keyed` holds the keys above the rows.
pub(super) fn groups(mut keyed: Vec<u64>) -> Vec<Vec<u32>> {
    keyed.sort_unstable();
    let same = keyed
        .chunk_by(|a, b| a >> 32 == b >> 32)
        .filter(|group| group.len() > 1);
    same.map(|group| group.iter().map(|&cell| cell as u32).collect())
        .collect()
}
