//! `op = "train"`: one file a method.
//!
//! A method is a struct of its own parameters that implements [`Method`], in a file here, and a line `Kind::of::<Train<...>>()`
//! in the list of kinds. [`Train`] adds what all methods take.
//!
//! | file | what it holds |
//! |---|---|
//! | `naive_bayes` | `method = "naive_bayes"` |
//! | `logistic_regression` | `method = "logistic_regression"` |
//! | `fine_tune` | `method = "fine_tune"` |
//! | `uda`, `ust`, `self_training`, `setfit`, `prompt` | the methods of these names |
//! | `in_context` | `method = "in_context"` |
//! | `rounds` | what `ust` and `self_training` share |
//! | `verbalizers` | the words by which `prompt` tells labels apart |
//! | `knn` | `method = "knn"` |
//! | `mlm`, `distill` | the methods of these names, which need no labels |
//! | `unlabelled` | what those two share |
//! | `head` | what methods share that train an encoder with a head for labels |
//! | `labelled` | what methods share that train a transformer on labelled rows |
//! | `examples` | the labelled rows: their parameters, and how they are read |
//! | `linear` | what methods share that learn weights of a vectorizer's features |

pub mod distill;
mod examples;
pub mod fine_tune;
mod head;
pub mod in_context;
pub mod knn;
mod labelled;
mod linear;
pub mod logistic_regression;
pub mod mlm;
pub mod naive_bayes;
pub mod prompt;
mod rounds;
pub mod self_training;
pub mod setfit;
pub mod uda;
mod unlabelled;
pub mod ust;
mod verbalizers;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::joined::Joined;
use super::transformer::tuning::Tuning;
use super::{
    Check, Context, InputPort, OutputPort, PortType, Resources, Step, StepError, StepKind,
};
use examples::Examples;
use head::Head;

/// A way to learn from labelled rows.
pub trait Method: DeserializeOwned + Serialize + JsonSchema + Send + Sync + 'static {
    /// The value of `method`.
    const NAME: &'static str;
    /// Raised whenever the same parameters and inputs give another model than before.
    const VERSION: u32;

    /// What feeds it beside the port `train`.
    fn inputs(&self) -> Vec<InputPort>;

    /// Checks its parameters and inputs.
    fn check(&self, _check: &mut Check) {}

    /// Whether it draws random numbers.
    fn seeded(&self) -> bool {
        false
    }

    /// What it needs while it runs.
    fn resources(&self) -> Resources {
        Resources::default()
    }

    /// What it writes.
    fn outputs(&self) -> Vec<OutputPort> {
        vec![OutputPort::new("model", PortType::Model)]
    }

    /// Learns from the rows and writes the model's folder.
    fn train(&self, examples: &Examples, context: &Context<'_>) -> Result<(), StepError>;
}

/// A method that trains a transformer, with how long and how fast.
pub type Tuned<M> = Joined<Tuning, M>;

/// A method that trains an encoder with a head for labels.
pub type WithHead<M> = Joined<Head, M>;

/// A method with the rows that it learns from.
pub type Train<M> = Joined<Examples, M>;

impl<M: Method> StepKind for Train<M> {
    const OP: &'static str = "train";
    const METHOD: Option<&'static str> = Some(M::NAME);
    const VERSION: u32 = M::VERSION;
}

impl<M: Method> Step for Train<M> {
    fn inputs(&self) -> Vec<InputPort> {
        let mut inputs = vec![InputPort::one("train", PortType::Table)];
        inputs.extend(self.own.inputs());
        inputs
    }

    fn outputs(&self) -> Vec<OutputPort> {
        self.own.outputs()
    }

    fn check(&self, check: &mut Check) {
        self.shared.check(check);
        self.own.check(check);
    }

    fn resources(&self) -> Resources {
        self.own.resources()
    }

    fn seeded(&self) -> bool {
        self.own.seeded()
    }

    fn run(&self, context: &Context<'_>) -> Result<(), StepError> {
        self.own.train(&self.shared, context)
    }
}

#[cfg(test)]
mod tests;
