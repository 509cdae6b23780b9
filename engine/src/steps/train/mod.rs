//! `op = "train"`: one file a method.
//!
//! | file | what it holds |
//! |---|---|
//! | `naive_bayes` | `method = "naive_bayes"` |
//! | `logistic_regression` | `method = "logistic_regression"` |
//! | `examples` | what the methods share: labelled rows in, a model's folder out |

mod examples;
mod logistic_regression;
mod naive_bayes;

pub use logistic_regression::LogisticRegression;
pub use naive_bayes::NaiveBayes;

#[cfg(test)]
mod tests;
