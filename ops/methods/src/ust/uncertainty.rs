//! What passes with dropout tell of a text (Gal & Ghahramani 2016; Houlsby et al. 2011; Mukherjee & Awadallah 2020, section 3).

use crate::Problem;

/// Kept from logarithms of 0, as in the authors' program.
const TINY: f64 = 1e-10;

/// The probabilities of several passes with dropout, `[texts * labels]` each.
#[derive(Clone, Copy, Debug)]
pub struct Passes<'a> {
    /// Whether labels exclude each other.
    pub problem: Problem,
    /// How many labels there are.
    pub labels: usize,
    /// The passes.
    pub passes: &'a [Vec<f32>],
}

impl Passes<'_> {
    fn texts(&self) -> usize {
        let numbers = self.passes.first().map_or(0, Vec::len);
        numbers / self.labels.max(1)
    }

    fn count(&self) -> f64 {
        self.passes.len().max(1) as f64
    }

    /// BALD, the mutual information of label and weights (equation 7), for each text:
    ///
    /// ```text
    /// H[ 1/T Σ_t p_t ] - 1/T Σ_t H[ p_t ]
    /// ```
    ///
    /// Where labels do not exclude each other, the sum of it over labels.
    pub fn bald(&self) -> Vec<f64> {
        (0..self.texts()).map(|text| self.bald_of(text)).collect()
    }

    fn bald_of(&self, text: usize) -> f64 {
        let row = text * self.labels..(text + 1) * self.labels;
        let mut mean = vec![0.0; self.labels];
        let mut entropies = 0.0;
        for pass in self.passes {
            let numbers = pass[row.clone()].iter().map(|p| f64::from(*p));
            for (mean, p) in mean.iter_mut().zip(numbers) {
                *mean += p / self.count();
                entropies += self.entropy(p) / self.count();
            }
        }
        mean.iter().map(|p| self.entropy(*p)).sum::<f64>() - entropies
    }

    /// What one probability adds to the entropy.
    fn entropy(&self, p: f64) -> f64 {
        let term = |p: f64| -p * (p + TINY).ln();
        match self.problem {
            Problem::Multi => term(p) + term(1.0 - p),
            Problem::Single => term(p),
        }
    }

    /// What most passes say of each text (section 3.1): whether it has each label, `[texts * labels]`. Where labels exclude each
    /// other, the one that is most often the most probable, of several the first; else those that reach their thresholds in more
    /// than half of the passes.
    pub fn majority(&self, thresholds: &[f32]) -> Vec<bool> {
        let mut votes = vec![0_usize; self.texts() * self.labels];
        for pass in self.passes {
            for (text, row) in pass.chunks(self.labels.max(1)).enumerate() {
                let votes = &mut votes[text * self.labels..];
                match self.problem {
                    Problem::Multi => {
                        for (label, (p, threshold)) in row.iter().zip(thresholds).enumerate() {
                            votes[label] += usize::from(p >= threshold);
                        }
                    }
                    Problem::Single => {
                        votes[crate::thresholds::most_probable(row) as usize] += 1;
                    }
                }
            }
        }
        let rows = votes.chunks(self.labels.max(1));
        match self.problem {
            Problem::Multi => votes
                .iter()
                .map(|&votes| 2 * votes > self.passes.len())
                .collect(),
            Problem::Single => rows
                .flat_map(|row| {
                    let most = row.iter().max().copied().unwrap_or(0);
                    let first = row.iter().position(|&votes| votes == most);
                    (0..row.len()).map(move |label| Some(label) == first)
                })
                .collect(),
        }
    }

    /// The variance of each probability over the passes, `[texts * labels]`.
    pub fn variances(&self) -> Vec<f64> {
        let numbers = self.texts() * self.labels;
        let of = |place: usize| {
            let values = || self.passes.iter().map(|pass| f64::from(pass[place]));
            let mean = values().sum::<f64>() / self.count();
            values().map(|p| (p - mean).powi(2)).sum::<f64>() / self.count()
        };
        (0..numbers).map(of).collect()
    }
}

/// The weight of a label of this variance in confident learning (equation 12): `-scale ln(variance)`.
pub fn confidence_weight(variance: f64, scale: f32) -> f32 {
    (-(variance + TINY).ln() * f64::from(scale)) as f32
}
