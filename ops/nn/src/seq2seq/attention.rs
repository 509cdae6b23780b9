//! Attention of tokens to those of their own text, or to those of another.

use tensor::{Activation, AttentionDropout, AttentionOptions, Offsets, Result, Tensor};

use crate::cache::Growth;
use crate::layers::{Linear, Projection};
use crate::module::{Module, Names, join};
use crate::{Cache, Forward, Init, Parameter};

const OF_ITSELF: [&str; 3] = ["q_proj", "k_proj", "v_proj"];
const OF_SOURCE: [&str; 2] = ["k_proj", "v_proj"];

/// How heads attend.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heads {
    pub count: usize,
    pub dropout: f32,
}

impl Heads {
    fn options(self, causal: bool, forward: Forward) -> AttentionOptions {
        AttentionOptions {
            causal,
            dropout: forward.key().map(|key| AttentionDropout {
                probability: self.dropout,
                key,
            }),
            ..AttentionOptions::default()
        }
    }

    /// `[tokens, parts hidden] -> [tokens, parts, heads, head_dim]`.
    fn split(self, projected: &Tensor, parts: usize) -> Result<Tensor> {
        let (tokens, width) = (projected.shape()[0], projected.shape()[1]);
        projected.reshape([tokens, parts, self.count, width / parts / self.count])
    }
}

fn part(projected: &Tensor, place: usize) -> Result<Tensor> {
    projected.narrow(1, place, 1)?.squeeze(1)
}

fn joined(context: &Tensor) -> Result<Tensor> {
    context.flatten(1, 2)
}

/// Attention to one's own text.
#[derive(Clone, Debug)]
pub(super) struct SelfAttention {
    projection: Projection,
    out_proj: Linear,
    heads: Heads,
    causal: bool,
}

impl Module for SelfAttention {
    fn visit<'a>(&'a self, path: &str, visit: &mut dyn FnMut(Names, &'a Parameter)) {
        self.projection.visit(path, &OF_ITSELF, visit);
        self.out_proj.visit(&join(path, "out_proj"), visit);
    }

    fn visit_mut<'a>(&'a mut self, path: &str, visit: &mut dyn FnMut(Names, &'a mut Parameter)) {
        self.projection.visit_mut(path, &OF_ITSELF, visit);
        self.out_proj.visit_mut(&join(path, "out_proj"), visit);
    }
}

impl SelfAttention {
    pub fn new(hidden: usize, heads: Heads, causal: bool, init: &Init<'_>) -> Result<Self> {
        Ok(Self {
            projection: Projection::new(3, hidden, hidden, &init.at(0))?,
            out_proj: Linear::new(hidden, hidden, &init.at(1))?,
            heads,
            causal,
        })
    }

    /// `[tokens, hidden] -> [tokens, hidden]`, behind what the cache remembers, if there is one.
    pub fn forward(
        &self,
        hidden: &Tensor,
        offsets: &Offsets,
        past: Option<(&mut Cache, usize, &Growth)>,
        forward: Forward,
    ) -> Result<Tensor> {
        let projected = self
            .heads
            .split(&self.projection.forward(hidden, forward)?, 3)?;
        let options = self.heads.options(self.causal, forward);
        let context = match past {
            None => projected.attention(offsets, &options)?,
            Some((cache, layer, growth)) => {
                let new = [part(&projected, 1)?, part(&projected, 2)?];
                let [keys, values] = cache.extend(layer, growth, new)?;
                part(&projected, 0)?.attention_to(
                    [keys, values],
                    offsets,
                    growth.offsets(),
                    &options,
                )?
            }
        };
        self.out_proj.forward(&joined(&context)?, forward)
    }
}

/// Attention to the source.
#[derive(Clone, Debug)]
pub(super) struct CrossAttention {
    query: Linear,
    projection: Projection,
    out_proj: Linear,
    heads: Heads,
}

impl Module for CrossAttention {
    fn visit<'a>(&'a self, path: &str, visit: &mut dyn FnMut(Names, &'a Parameter)) {
        self.query.visit(&join(path, "q_proj"), visit);
        self.projection.visit(path, &OF_SOURCE, visit);
        self.out_proj.visit(&join(path, "out_proj"), visit);
    }

    fn visit_mut<'a>(&'a mut self, path: &str, visit: &mut dyn FnMut(Names, &'a mut Parameter)) {
        self.query.visit_mut(&join(path, "q_proj"), visit);
        self.projection.visit_mut(path, &OF_SOURCE, visit);
        self.out_proj.visit_mut(&join(path, "out_proj"), visit);
    }
}

impl CrossAttention {
    pub fn new(hidden: usize, heads: Heads, init: &Init<'_>) -> Result<Self> {
        Ok(Self {
            query: Linear::new(hidden, hidden, &init.at(0))?,
            projection: Projection::new(2, hidden, hidden, &init.at(1))?,
            out_proj: Linear::new(hidden, hidden, &init.at(2))?,
            heads,
        })
    }

    /// Keys and values of the source's hidden states, `[tokens, heads, head_dim]` each.
    pub fn source(&self, encoded: &Tensor, forward: Forward) -> Result<[Tensor; 2]> {
        let projected = self
            .heads
            .split(&self.projection.forward(encoded, forward)?, 2)?;
        Ok([part(&projected, 0)?, part(&projected, 1)?])
    }

    /// `[tokens, hidden] -> [tokens, hidden]`: the tokens of source `i` are those that the first offsets say, and attend to the
    /// keys and values that the second say.
    pub fn forward(
        &self,
        hidden: &Tensor,
        [keys, values]: &[Tensor; 2],
        [of_tokens, of_source]: [&Offsets; 2],
        forward: Forward,
    ) -> Result<Tensor> {
        let query = self.query.forward_with(hidden, Activation::None, forward)?;
        let query = part(&self.heads.split(&query, 1)?, 0)?;
        let options = self.heads.options(false, forward);
        let context = query.attention_to([keys, values], of_tokens, of_source, &options)?;
        self.out_proj.forward(&joined(&context)?, forward)
    }
}
