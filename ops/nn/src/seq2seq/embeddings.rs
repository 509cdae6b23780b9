//! Positions as vectors.

use tensor::{Device, Result, Tensor};

use super::{Seq2SeqConfig, Seq2SeqFamily};
use crate::layers::Embedding;
use crate::{Forward, Init, Module, Names, Parameter};

/// The first two rows of tables of learned positions serve no token.
const FIRST: usize = 2;

/// A vector for each place in a text.
#[derive(Clone, Debug)]
pub(super) enum Positions {
    /// Learned ones.
    Learned(Embedding),
    /// Sines and cosines of falling frequencies, `[places, hidden]` (Vaswani et al. 2017, section 3.5, with all sines in front of
    /// all cosines).
    Sines(Tensor),
}

impl Module for Positions {
    fn visit<'a>(&'a self, path: &str, visit: &mut dyn FnMut(Names, &'a Parameter)) {
        if let Self::Learned(table) = self {
            table.visit(path, visit);
        }
    }

    fn visit_mut<'a>(&'a mut self, path: &str, visit: &mut dyn FnMut(Names, &'a mut Parameter)) {
        if let Self::Learned(table) = self {
            table.visit_mut(path, visit);
        }
    }
}

impl Positions {
    pub fn new(config: &Seq2SeqConfig, family: Seq2SeqFamily, init: &Init<'_>) -> Result<Self> {
        let (places, hidden) = (config.max_position_embeddings, config.d_model);
        match family {
            Seq2SeqFamily::Bart => {
                let table = Embedding::new(places + FIRST, hidden, None, init)?;
                Ok(Self::Learned(table))
            }
            Seq2SeqFamily::M2m100 => {
                let first = config
                    .pad_token_id
                    .map_or(0, |padding| padding as usize + 1);
                Ok(Self::Sines(sines(first, places, hidden, init.device)?))
            }
        }
    }

    /// The vectors of places, `[tokens] -> [tokens, hidden]`.
    pub fn forward(&self, places: &Tensor, forward: Forward) -> Result<Tensor> {
        match self {
            Self::Learned(table) => table.forward_from(FIRST, places, forward),
            Self::Sines(table) => forward.cast(&table.index_select(0, places)?),
        }
    }
}

/// The vectors of `places` places, of which the first counts as place `first`.
fn sines(first: usize, places: usize, hidden: usize, device: &Device) -> Result<Tensor> {
    let half = hidden / 2;
    let fall = 10_000_f64.ln() / (half.max(2) - 1) as f64;
    let angle = |place: usize, column: usize| {
        // As `transformers` rounds on the way.
        let frequency = (column as f32 * -(fall as f32)).exp();
        f64::from((first + place) as f32 * frequency)
    };
    let mut values = Vec::with_capacity(places * hidden);
    for place in 0..places {
        values.extend((0..half).map(|column| angle(place, column).sin() as f32));
        values.extend((0..half).map(|column| angle(place, column).cos() as f32));
        values.resize((place + 1) * hidden, 0.0);
    }
    Tensor::new(&values, [places, hidden], device)
}
