//! [`Metric`]: what "near" means.

use std::fmt;

/// How two vectors are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Metric {
    /// The square of the Euclidean distance, the smaller the nearer.
    L2,
    /// The inner product, the larger the nearer.
    InnerProduct,
    /// The cosine of the angle, the larger the nearer. Vectors are brought to length 1 when they are added or searched for.
    Cosine,
}

impl Metric {
    /// A number that grows with nearness, as it is shown to users: a distance of [`Metric::L2`] is the negative of it.
    pub(crate) fn shown(self, score: f32) -> f32 {
        match self {
            // The distance of a vector to itself is 0 and not -0.
            Self::L2 => 0.0 - score,
            Self::InnerProduct | Self::Cosine => score,
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::L2 => "l2",
            Self::InnerProduct => "inner_product",
            Self::Cosine => "cosine",
        })
    }
}
