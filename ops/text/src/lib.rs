//! Text work on plain slices: near-duplicate removal, splits, vectorizers, linear baselines, metrics, tokens of pretrained
//! models.
//!
//! The crate knows no tables and no pipeline, and reads no files but a tokenizer's. Texts come in as `&[&str]`, labels as [`LabelSets`], features
//! as a [`CsrMatrix`]; row numbers go out. Work that takes long runs on [`Workers`], which carry the thread count and
//! the hook for progress and cancelling. No result depends on the number of threads, and every random choice is drawn
//! from [`Rng`], so the same seed gives the same result everywhere.
//!
//! | module | what it does |
//! |---|---|
//! | [`dedupe`] | exact duplicates, and near duplicates by MinHash-LSH |
//! | [`split`] | random, stratified, iteratively stratified and grouped splits |
//! | [`slices`] | nested training slices balanced by label |
//! | [`vectorize`] | counts and tf-idf with scikit-learn's semantics |
//! | [`naive_bayes`], [`logistic_regression`] | baselines; both yield a [`LinearModel`] |
//! | [`metrics`] | the classification report, ranking scores, sweeps, bootstrap intervals |
//! | [`tokens`] | texts into the tokens of a pretrained model |
//! | [`stats`] | label counts, words a text, quantiles, histograms |

mod error;
mod hash;
mod labels;
mod linear;
mod rng;
mod scores;
mod sparse;
mod unicode;
mod workers;

pub mod dedupe;
pub mod logistic_regression;
pub mod metrics;
pub mod naive_bayes;
pub mod slices;
pub mod split;
pub mod stats;
pub mod tokens;
pub mod vectorize;

pub use error::{Error, Result};
pub use labels::LabelSets;
pub use linear::{ConstantLabel, LinearModel, Link, Task};
pub use rng::Rng;
pub use scores::Scores;
pub use sparse::CsrMatrix;
pub use workers::{Hook, Workers};
