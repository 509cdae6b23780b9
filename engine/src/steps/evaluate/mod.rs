//! `op = "evaluate"`: how good predictions are.
//!
//! | file | what it holds |
//! |---|---|
//! | `predictions` | the table that `predict` wrote, as truth, predictions and scores over one label set |
//! | `decide` | thresholds or numbers of labels: swept, chosen, applied |
//! | `outcome` | the metrics, tables and figures |

mod decide;
mod outcome;
mod predictions;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use text::metrics::{Bootstrap, Report};
use text::{LabelSets, Task};

use super::model_card::ModelCard;
use super::rows::TaskChoice;
use super::{
    Check, ColumnType, Context, InputPort, OutputPort, PortType, Step, StepError, StepKind,
};
use decide::Decision;
use outcome::Outcome;
use predictions::{Judged, Predictions};

/// Judges the predictions of `test` with scikit-learn's definitions: precision, recall, F1 and support of each label; micro,
/// macro, weighted and samples averages; subset accuracy (the accuracy where a row carries one label) and Hamming loss; average
/// precision and area under the ROC curve of each label's scores. A ratio without a denominator is 0.
///
/// A row without labels counts: whatever is predicted for it is wrong. Where the table `valid` is connected, thresholds or the
/// number of labels are chosen on it, and the scores of `test` are decided by that choice; without it the predictions are
/// judged as they are. Intervals are percentiles of the figures over rows drawn again with replacement (Efron and
/// Tibshirani 1993, section 13.3).
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evaluate {
    /// The column of the true labels: lists of text, or text.
    #[serde(default = "labels_column")]
    labels: String,
    /// Whether a row carries exactly one label or any number. With `auto` the connected model says it, else the column.
    #[serde(default)]
    task: TaskChoice,
    /// The labels to judge; others are left out of truths and predictions. Default: those of the truth in `test` and `valid`, and
    /// those that the model knows.
    #[serde(default)]
    label_set: Option<Vec<String>>,
    /// What decides which labels a row's scores predict, where a row carries any number of labels.
    #[serde(default)]
    decide: Decide,
    /// Predicts every label whose score is above it; then nothing is chosen. For `decide = "threshold"`.
    #[serde(default)]
    threshold: Option<f64>,
    /// The thresholds to choose from, for `decide = "threshold"`. Default: 0.05, 0.10, ... 0.95.
    #[serde(default = "twentieths")]
    thresholds: Vec<f64>,
    /// The numbers of labels a row to choose from, for `decide = "top_k"`. A single one needs no `valid`.
    #[serde(default = "few")]
    top_k: Vec<usize>,
    /// What the choice makes as high as possible on `valid`; of equally good settings the one that predicts fewest labels wins.
    /// With `threshold_per_label` it is each label's own F1.
    #[serde(default)]
    optimize: Optimize,
    /// How often the rows of `test` are drawn again for the intervals; 0 for none.
    #[serde(default = "thousand")]
    bootstrap: usize,
    /// The share of drawn figures that an interval holds.
    #[serde(default = "most")]
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    confidence: f64,
}

/// What decides which labels are predicted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decide {
    /// Labels whose score is above one threshold.
    #[default]
    Threshold,
    /// Labels whose score is above their own threshold, chosen between any two scores on `valid`.
    ThresholdPerLabel,
    /// The labels with the highest scores, equally many in every row.
    TopK,
}

/// What a choice makes as high as possible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Optimize {
    /// F1 over all cells of rows and labels.
    #[default]
    MicroF1,
    /// The mean of the labels' F1.
    MacroF1,
}

impl Optimize {
    fn of(self, report: &Report) -> f64 {
        match self {
            Optimize::MicroF1 => report.micro_avg.f1,
            Optimize::MacroF1 => report.macro_avg.f1,
        }
    }
}

fn labels_column() -> String {
    "labels".to_owned()
}

fn twentieths() -> Vec<f64> {
    (1..20).map(|step| f64::from(step) / 20.0).collect()
}

fn few() -> Vec<usize> {
    vec![1, 2, 3]
}

fn thousand() -> usize {
    1000
}

fn most() -> f64 {
    0.95
}

impl StepKind for Evaluate {
    const OP: &'static str = "evaluate";
    const VERSION: u32 = 1;
}

impl Step for Evaluate {
    fn inputs(&self) -> Vec<InputPort> {
        vec![
            InputPort::one("test", PortType::Table),
            InputPort::optional("valid", PortType::Table),
            InputPort::optional("model", PortType::Model),
        ]
    }

    fn outputs(&self) -> Vec<OutputPort> {
        vec![
            OutputPort::new("metrics", PortType::Metrics),
            OutputPort::new("report", PortType::Table).in_report(),
            OutputPort::new("sweep", PortType::Table),
            OutputPort::new("confusion", PortType::Table),
            OutputPort::new("sweep_figure", PortType::Figure),
            OutputPort::new("labels_figure", PortType::Figure),
        ]
    }

    fn check(&self, check: &mut Check) {
        for port in ["test", "valid"] {
            check.require("labels", port, &self.labels, ColumnType::Labels);
        }
        self.check_decision(check);
        outcome::state_columns(check);
    }

    fn seeded(&self) -> bool {
        self.bootstrap > 0
    }

    fn run(&self, context: &Context<'_>) -> Result<(), StepError> {
        let test = Predictions::read(context, "test", &self.labels)?;
        let valid = match context.optional_path("valid") {
            Some(_) => Some(Predictions::read(context, "valid", &self.labels)?),
            None => None,
        };
        let model = self.model(context)?;
        let task = match (self.task, &model) {
            (TaskChoice::Auto, Some(model)) => model.task,
            (choice, _) => choice.of(&test.table, &self.labels)?,
        };
        let vocabulary = self.vocabulary(&test, valid.as_ref());
        let judged = test.judged(&vocabulary)?;
        if judged.left_out > 0 {
            context.note(format!(
                "{} labels outside `label_set` left out",
                judged.left_out
            ));
        }
        let decision = match task {
            Task::MultiClass => Decision::as_predicted(),
            Task::MultiLabel => {
                let valid = valid.map(|valid| valid.judged(&vocabulary)).transpose()?;
                self.decision(&judged, valid.as_ref(), context)?
            }
        };
        let predicted = decision.apply(&judged)?;
        let report = Report::new(&judged.truth, &predicted, task)?;
        let intervals = match self.bootstrap {
            0 => None,
            replicates => {
                let bootstrap = Bootstrap {
                    replicates,
                    confidence: self.confidence,
                    seed: context.seed,
                };
                let workers = context.workers();
                Some(bootstrap.intervals(&judged.truth, &predicted, task, &workers)?)
            }
        };
        let outcome = Outcome {
            model,
            task,
            report,
            intervals,
            bootstrap: (self.bootstrap, self.confidence),
            decision,
            confusion: confusion(task, &judged.truth, &predicted)?,
            judged,
        };
        outcome.write(context)
    }
}

impl Evaluate {
    fn check_decision(&self, check: &mut Check) {
        if self.threshold.is_some() && self.decide != Decide::Threshold {
            check.problem(
                "threshold",
                "a fixed threshold has no effect here",
                Some("leave it out, or set decide = \"threshold\"".to_owned()),
            );
        }
        if self.thresholds.is_empty() {
            check.problem(
                "thresholds",
                "there is no threshold to choose from",
                Some("list some, such as [0.2, 0.3, 0.4]".to_owned()),
            );
        }
        if self.top_k.is_empty() || self.top_k.contains(&0) {
            check.problem(
                "top_k",
                "numbers of labels start at 1",
                Some("list some, such as [1, 2, 3]".to_owned()),
            );
        }
        if self.label_set.as_ref().is_some_and(Vec::is_empty) {
            check.problem(
                "label_set",
                "there is no label to judge",
                Some("list some, or leave it out for all of them".to_owned()),
            );
        }
        let has_to_choose = match self.decide {
            Decide::Threshold => false,
            Decide::ThresholdPerLabel => true,
            Decide::TopK => self.top_k.len() > 1,
        };
        if has_to_choose && !check.is_fed("valid") {
            let advice = match self.decide {
                Decide::TopK => "connect `valid`, or name one number, such as top_k = [1]",
                _ => "connect `valid`",
            };
            check.problem(
                "decide",
                "nothing feeds `valid`, on which this would be chosen",
                Some(advice.to_owned()),
            );
        }
    }

    fn model(&self, context: &Context<'_>) -> Result<Option<ModelCard>, StepError> {
        context
            .optional_path("model")
            .map(ModelCard::read)
            .transpose()
    }

    fn vocabulary(&self, test: &Predictions, valid: Option<&Predictions>) -> Vec<String> {
        let all: BTreeSet<&str> = match &self.label_set {
            Some(labels) => labels.iter().map(String::as_str).collect(),
            None => std::iter::once(test)
                .chain(valid)
                .flat_map(Predictions::labels)
                .collect(),
        };
        all.into_iter().map(str::to_owned).collect()
    }

    fn decision(
        &self,
        test: &Judged,
        valid: Option<&Judged>,
        context: &Context<'_>,
    ) -> Result<Decision, StepError> {
        let workers = context.workers();
        match (self.decide, valid) {
            (Decide::Threshold, Some(valid)) if self.threshold.is_none() => {
                Decision::best_threshold(valid, &self.thresholds, self.optimize, &workers)
            }
            (Decide::Threshold, _) => {
                Decision::threshold(test, self.threshold, &self.thresholds, &workers)
            }
            (Decide::ThresholdPerLabel, Some(valid)) => {
                Decision::threshold_per_label(valid, &self.thresholds, &workers)
            }
            (Decide::TopK, Some(valid)) => {
                Decision::best_top_k(valid, &self.top_k, self.optimize, &workers)
            }
            (Decide::TopK, None) if self.top_k.len() == 1 => {
                Decision::top_k(test, self.top_k[0], &workers)
            }
            (Decide::ThresholdPerLabel | Decide::TopK, None) => {
                Err(StepError::new("nothing feeds the port `valid`"))
            }
        }
    }
}

/// How often a class was taken for another, where a row carries one label.
fn confusion(
    task: Task,
    truth: &LabelSets,
    predicted: &LabelSets,
) -> Result<Option<Vec<Vec<usize>>>, StepError> {
    match task {
        Task::MultiLabel => Ok(None),
        Task::MultiClass => Ok(Some(text::metrics::confusion_matrix(truth, predicted)?)),
    }
}

#[cfg(test)]
mod tests;
