//! `op = "predict"`: a model's labels for the texts of a table.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use table::columns;
use text::{LabelSets, Task};

use super::linear_model::{self, SavedModel};
use super::rows::texts;
use super::words::{number, rows};
use super::{
    Check, ColumnType, Context, InputPort, OutputPort, PortType, Step, StepError, StepKind,
};

/// Predicts the labels of texts.
///
/// The output `predictions` has the columns of the input, the column `predicted` with the labels of each row, and a column
/// `score.LABEL` with the probability of each label that the model knows. A model of one label a row predicts the most
/// probable one.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Predict {
    /// The column of texts; a null is an empty text.
    #[serde(default = "text_column")]
    text: String,
    /// Predicts every label whose probability is above it; for models of several labels a row. Default: 0.5.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1))]
    threshold: Option<f64>,
    /// Predicts so many labels for each row, the most probable ones, instead; for models of several labels a row.
    #[serde(default)]
    #[schemars(range(min = 1))]
    top_k: Option<usize>,
}

fn text_column() -> String {
    "text".to_owned()
}

impl StepKind for Predict {
    const OP: &'static str = "predict";
    const VERSION: u32 = 1;
}

impl Step for Predict {
    fn inputs(&self) -> Vec<InputPort> {
        vec![
            InputPort::one("model", PortType::Model),
            InputPort::one("table", PortType::Table),
        ]
    }

    fn outputs(&self) -> Vec<OutputPort> {
        vec![OutputPort::new("predictions", PortType::Table)]
    }

    fn check(&self, check: &mut Check) {
        check.require("text", "table", &self.text, ColumnType::Text);
        if self.threshold.is_some() && self.top_k.is_some() {
            check.problem(
                "top_k",
                "`threshold` and `top_k` decide the same thing",
                Some("leave one of them out".to_owned()),
            );
        }
    }

    fn run(&self, context: &Context<'_>) -> Result<(), StepError> {
        let saved = linear_model::load(context.path("model")?)?;
        let table = context.table("table")?;
        let column = table.text_column(&self.text)?;
        let workers = context.workers();
        let x = saved.vectorizer.transform(&texts(&column), &workers)?;
        context.check()?;
        let scores = saved.model.predict_proba(&x, &workers)?;
        let predicted = self.decide(&saved, &x, &scores, context)?;

        let names = (0..predicted.rows()).map(|row| predicted.names(row));
        let mut predictions = table.with_column("predicted", columns::string_lists(names))?;
        for (label, name) in saved.model.vocabulary.iter().enumerate() {
            let values = (0..scores.rows()).map(|row| scores.row(row)[label]);
            predictions =
                predictions.with_column(&format!("score.{name}"), columns::floats(values))?;
        }
        context.write_table("predictions", &predictions)?;
        context.note(format!(
            "{} labels for {}",
            number(predicted.assigned()),
            rows(predicted.rows())
        ));
        Ok(())
    }
}

impl Predict {
    fn decide(
        &self,
        saved: &SavedModel,
        x: &text::CsrMatrix,
        scores: &text::Scores,
        context: &Context<'_>,
    ) -> Result<LabelSets, StepError> {
        let labels = &saved.model.vocabulary;
        // Decision values rank labels that round to the same probability.
        let ranked = |k| -> Result<LabelSets, StepError> {
            let values = saved.model.decision_function(x, &context.workers())?;
            Ok(values.top_k(k, labels)?)
        };
        match (saved.config.task, self.threshold, self.top_k) {
            (Task::MultiClass, None, None) => ranked(1),
            (Task::MultiClass, ..) => Err(StepError::new(
                "the model predicts exactly one label a row, so neither `threshold` nor `top_k` has a meaning",
            )
            .help("leave both out, or train with task = \"multi_label\"")),
            (Task::MultiLabel, _, Some(k)) => ranked(k),
            (Task::MultiLabel, threshold, None) => {
                Ok(scores.above(&vec![threshold.unwrap_or(0.5); labels.len()], labels)?)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::testing::{Outcome, Trial, labelled};
    use crate::steps::train::{Train, naive_bayes::NaiveBayes};
    use crate::steps::vectorize::Vectorize;
    use serde_json::{Value as Json, json};

    fn model(labels: &str) -> Outcome {
        let rows = labelled(&[
            ("csv reader", "io"),
            ("csv crash", "bug io"),
            ("docs typo", "docs"),
        ]);
        let vectorizer = Trial::new::<Vectorize>(json!({})).input("fit", &rows).run();
        Trial::new::<Train<NaiveBayes>>(json!({ "labels": labels }))
            .input("train", &rows)
            .artifact("vectorizer", &vectorizer.path("vectorizer"), &[])
            .run()
    }

    fn trial(parameters: Json, model: &Outcome) -> Trial {
        let rows = labelled(&[("csv csv reader", "io"), ("typo", ""), ("", "")]);
        Trial::new::<Predict>(parameters)
            .artifact("model", &model.path("model"), &[])
            .input("table", &rows)
    }

    #[test]
    fn predictions_keep_the_columns_and_add_labels_and_scores() {
        let outcome = trial(json!({}), &model("labels")).run();
        let table = outcome.table("predictions");
        assert_eq!(
            table.column_names().collect::<Vec<_>>(),
            [
                "text",
                "labels",
                "predicted",
                "score.bug",
                "score.docs",
                "score.io"
            ]
        );
        let labels = outcome.labels("predictions", "predicted");
        assert_eq!(labels[0], ["io"]);
        assert_eq!(labels[1], ["docs"]);
        // Of a text without terms the priors decide: two of three rows are io.
        assert_eq!(labels[2], ["io"]);
        let scores = table.float_column("score.io").unwrap();
        assert!((scores.value(2) - 2.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn a_threshold_or_a_number_of_labels_decides() {
        let model = model("labels");
        let all = trial(json!({ "threshold": 0.0 }), &model).run();
        assert_eq!(all.labels("predictions", "predicted")[0].len(), 3);
        let two = trial(json!({ "top_k": 2 }), &model).run();
        assert_eq!(two.labels("predictions", "predicted")[0], ["bug", "io"]);
        let both = trial(json!({ "threshold": 0.5, "top_k": 2 }), &model).problems();
        assert_eq!(both[0].parameter, "top_k");
    }

    #[test]
    fn a_model_of_one_label_a_row_predicts_the_most_probable_one() {
        let model = model("text");
        let outcome = trial(json!({}), &model).run();
        let labels = outcome.labels("predictions", "predicted");
        assert_eq!(labels.concat(), ["csv reader", "docs typo", "csv crash"]);
        let said = trial(json!({ "threshold": 0.3 }), &model).fails();
        assert!(said.contains("exactly one label"), "{said}");
    }

    #[test]
    fn a_table_without_the_text_is_a_problem() {
        let problems = trial(json!({ "text": "body" }), &model("labels")).problems();
        assert_eq!(problems[0].parameter, "text");
    }

    #[test]
    fn a_damaged_model_is_refused_with_its_file() {
        let model = model("labels");
        let tensors = model.path("model").join("model.safetensors");
        let bytes = std::fs::read(&tensors).unwrap();
        std::fs::write(&tensors, &bytes[..bytes.len() - 8]).unwrap();
        let said = trial(json!({}), &model).fails();
        assert!(said.contains("model.safetensors"), "{said}");
    }
}
