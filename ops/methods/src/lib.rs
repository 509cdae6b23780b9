//! Few-label training over transformer encoders: fine-tuning, domain adaptation, UDA, self-training, SetFit, prompts,
//! distillation of embeddings.
//!
//! Each method takes tokenised texts, their labels, options and a [`Session`] (seed, [`Observer`], folder for checkpoints), and
//! gives a trained model. It is generic over the model, of which it asks only what the traits [`Network`] and those above it say, and over the
//! device that the model is on. The same seed gives the same bits, also if a training is killed and goes on.

pub mod batches;
mod classifier;
mod contextual;
mod data;
mod distill;
mod embed;
mod error;
mod fine_tune;
mod lbfgs;
mod logistic;
pub mod loss;
mod metrics;
pub mod mlm;
mod network;
mod observer;
mod options;
mod predict;
mod principal;
mod probe;
pub mod prompt;
mod random;
mod rounds;
mod self_training;
pub mod setfit;
mod supervised;
mod thresholds;
mod train;
pub mod uda;
pub mod ust;
mod validated;

pub use classifier::{Classifier, Decision, LABELS_FILE, with_labels};
pub use contextual::{Change, Changeable, Contextual, Edit, contextual};
pub use data::{Labelled, Problem, Targets, Text, Vocabulary};
pub use distill::{Distill, Distillation, Taught, Vectors, distill, distillation_loss};
pub use embed::embed;
pub use error::{MethodError, Result};
pub use fine_tune::{FineTune, fine_tune};
pub use logistic::LogisticHead;
pub use metrics::Metric;
pub use mlm::{Masking, Mlm, mlm};
pub use network::{LabelNetwork, MaskedNetwork, Network, SentenceNetwork};
pub use observer::{Evaluation, Observer, StepReport};
pub use options::Optimisation;
pub use predict::{BATCH_TOKENS, batches_of_lengths};
pub use probe::probe;
pub use prompt::{InContextClassifier, Prompt, PromptClassifier, Prompting, prompt};
pub use rounds::{Rounds, Start};
pub use self_training::{SelfTraining, self_training};
pub use setfit::{SetFit, SetFitClassifier, setfit};
pub use thresholds::Thresholds;
pub use train::{Checkpointing, Outcome, Selection, Session};
pub use uda::{Uda, Unlabelled, uda};
pub use ust::{Ust, ust};
