//! [`Group`]: what sets the training of some parameters apart.

use crate::Parameter;

/// How a parameter trains.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Group {
    /// Whether it trains at all.
    pub trains: bool,
    /// By what the learning rate is multiplied: less than 1 for lower layers, more for new heads.
    pub rate: f64,
    /// The decay of its weights.
    pub weight_decay: f64,
}

impl Group {
    /// One that stays as it is.
    pub const FROZEN: Self = Self {
        trains: false,
        rate: 0.0,
        weight_decay: 0.0,
    };

    /// With the optimiser's learning rate.
    pub fn with_decay(weight_decay: f64) -> Self {
        Self {
            trains: true,
            rate: 1.0,
            weight_decay,
        }
    }
}

/// The usual rule: weights and embeddings decay, biases and the scales of layer norms don't.
pub fn decay_matrices(weight_decay: f64) -> impl Fn(&str, &Parameter) -> Group {
    move |_, parameter| {
        let is_matrix = parameter.tensor().rank() >= 2;
        Group::with_decay(if is_matrix { weight_decay } else { 0.0 })
    }
}
