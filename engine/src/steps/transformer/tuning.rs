//! How long and how fast a model trains: the parameters of every training.

use methods::{Metric, Optimisation, Selection};
use nn::optim::Decay;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tensor::DType;

use super::super::joined::Shared;
use super::super::{Check, StepError};

/// How long and how fast a model trains. The defaults are those of the Hugging Face Trainer.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tuning {
    /// Tokens of a text at most, the special ones included; longer texts are cut. Default: what the model's tokenizer says, and
    /// never more than the model takes.
    #[serde(default)]
    #[schemars(range(min = 3))]
    max_length: Option<usize>,
    /// How often the training rows are read; a fraction ends within the last time.
    #[serde(default = "three")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    epochs: f64,
    /// Steps in all, instead of `epochs`.
    #[serde(default)]
    #[schemars(range(min = 1))]
    max_steps: Option<u64>,
    /// Rows of a batch.
    #[serde(default = "eight")]
    #[schemars(range(min = 1))]
    batch_size: usize,
    /// Batches of a step, whose gradients are averaged: a larger batch in the memory of a small one.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    accumulate: usize,
    /// The learning rate after the warm-up.
    #[serde(default = "rate")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    learning_rate: f64,
    /// How the learning rate goes on after the warm-up.
    #[serde(default)]
    schedule: ScheduleKind,
    /// Steps over which the learning rate rises from 0: a share of all steps below 1, else their number.
    #[serde(default)]
    #[schemars(range(min = 0))]
    warmup: f64,
    /// AdamW's decoupled decay of weights; biases and the scales of layer norms have none.
    #[serde(default)]
    #[schemars(range(min = 0))]
    weight_decay: f64,
    /// The norm of all gradients together at most; 0 clips nothing.
    #[serde(default = "unit")]
    #[schemars(range(min = 0))]
    max_grad_norm: f32,
    /// Whether rows of about the same length share a batch.
    #[serde(default)]
    group_by_length: bool,
    /// By what models are compared on the rows of the port `valid`, of which the best one is kept: `micro_f1`, `macro_f1`, `accuracy` or
    /// `loss`. Default: the last model is kept.
    #[serde(default)]
    best_by: Option<BestBy>,
    /// Steps between two looks at these rows. Default: those of an epoch.
    #[serde(default)]
    #[schemars(range(min = 1))]
    eval_steps: Option<u64>,
    /// Stops after so many looks in a row without a better model. Default: never.
    #[serde(default)]
    #[schemars(range(min = 1))]
    patience: Option<usize>,
    /// What the model computes in while it trains. Weights and moments stay f32.
    #[serde(default)]
    precision: Precision,
    /// Whether layers are computed again in the backward pass, to hold less memory.
    #[serde(default, skip_serializing)]
    #[schemars(extend("x-speed-only" = true))]
    recompute: bool,
}

/// How the learning rate goes on after the warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleKind {
    /// It stays.
    Constant,
    /// It falls to 0 in a straight line.
    #[default]
    Linear,
    /// It falls to 0 along half a cosine.
    Cosine,
}

/// What a model computes in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// Single precision.
    #[default]
    F32,
    /// Half precision with scaled losses, for GPUs.
    F16,
    /// Half precision with the range of f32.
    Bf16,
}

impl Precision {
    /// The type of numbers.
    pub fn dtype(self) -> DType {
        match self {
            Precision::F32 => DType::F32,
            Precision::F16 => DType::F16,
            Precision::Bf16 => DType::BF16,
        }
    }
}

fn three() -> f64 {
    3.0
}

fn eight() -> usize {
    8
}

fn one() -> usize {
    1
}

fn unit() -> f32 {
    1.0
}

fn rate() -> f64 {
    5e-5
}

impl Shared for Tuning {
    const FIELDS: &'static [&'static str] = &[
        "max_length",
        "epochs",
        "max_steps",
        "batch_size",
        "accumulate",
        "learning_rate",
        "schedule",
        "warmup",
        "weight_decay",
        "max_grad_norm",
        "group_by_length",
        "best_by",
        "eval_steps",
        "patience",
        "precision",
        "recompute",
    ];
}

impl Tuning {
    /// The most tokens of a text, if given.
    pub fn max_length(&self) -> Option<usize> {
        self.max_length
    }

    /// Says so where a choice has no rows to be made on.
    pub fn check(&self, check: &mut Check) {
        let given = [
            ("best_by", self.best_by.is_some()),
            ("patience", self.patience.is_some()),
        ];
        for (name, _) in given.into_iter().filter(|(_, given)| *given) {
            if !check.is_fed("valid") {
                check.problem(
                    name,
                    format!("`{name}` needs validation rows to choose on, and nothing feeds the port `valid`"),
                    Some("add valid = \"split.valid\" to the inputs".to_owned()),
                );
            }
        }
        if self.patience.is_some() && self.best_by.is_none() {
            check.problem(
                "patience",
                "nothing says which model is better",
                Some("add best_by = \"micro_f1\"".to_owned()),
            );
        }
    }

    /// As the methods take it.
    pub fn selection(&self) -> Option<Selection> {
        self.best_by.map(|by| Selection {
            metric: match by {
                BestBy::MicroF1 => Metric::MicroF1,
                BestBy::MacroF1 => Metric::MacroF1,
                BestBy::Accuracy => Metric::Accuracy,
                BestBy::Loss => Metric::Loss,
            },
            every: self.eval_steps,
            patience: self.patience,
        })
    }

    /// As the methods take it.
    pub fn optimisation(&self) -> Optimisation {
        Optimisation {
            epochs: self.epochs,
            max_steps: self.max_steps,
            batch_size: self.batch_size,
            accumulate: self.accumulate,
            learning_rate: self.learning_rate,
            decay: match self.schedule {
                ScheduleKind::Constant => Decay::Constant,
                ScheduleKind::Linear => Decay::Linear,
                ScheduleKind::Cosine => Decay::Cosine,
            },
            warmup: self.warmup,
            weight_decay: self.weight_decay,
            max_norm: (self.max_grad_norm > 0.0).then_some(self.max_grad_norm),
            group_by_length: self.group_by_length,
            precision: self.precision.dtype(),
            recompute: self.recompute,
            ..Optimisation::default()
        }
    }
}

/// By what models are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BestBy {
    /// F1 of all decisions together.
    MicroF1,
    /// The mean of the labels' F1.
    MacroF1,
    /// The share of rows with exactly the right labels.
    Accuracy,
    /// The loss; less is better.
    Loss,
}

impl From<methods::MethodError> for StepError {
    fn from(error: methods::MethodError) -> StepError {
        match error {
            methods::MethodError::Interrupted { .. } => StepError::Cancelled,
            other => StepError::new(other.to_string()),
        }
    }
}

impl From<nn::NnError> for StepError {
    fn from(error: nn::NnError) -> StepError {
        StepError::new(error.to_string())
    }
}
