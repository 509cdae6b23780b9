//! `op = "predict"`: a model's labels for the texts of a table.
//!
//! - `linear`: the scores of a model over a vectorizer's features
//! - `neighbours`: the votes of the nearest rows
//! - `transformer`: the scores of a fine-tuned transformer
//! - `labeller`: any of them, read once

mod labeller;
mod linear;
mod neighbours;
mod transformer;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use labeller::{Labeller, Rule, Scored};

use super::neighbours::vectors;
use super::rows::texts;
use super::transformer::inference::InferencePrecision;
use super::{
    Check, ColumnType, Context, InputPort, OutputPort, PortType, Resources, Step, StepError,
    StepKind, scored,
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
    /// Predicts every label whose probability is above it; for models of several labels a row. Default: 0.5, or what training found.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1))]
    threshold: Option<f64>,
    /// Predicts so many labels for each row, the most probable ones, instead; for models of several labels a row.
    #[serde(default)]
    #[schemars(range(min = 1))]
    top_k: Option<usize>,
    /// What a transformer computes in. Probabilities in half precision differ in the third digit. Default: "f32".
    #[serde(default, skip_serializing_if = "InferencePrecision::is_default")]
    precision: InferencePrecision,
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
        scored::check(check, self.threshold, self.top_k);
    }

    fn resources(&self) -> Resources {
        Resources::of_tensors()
    }

    fn run(&self, context: &Context<'_>) -> Result<(), StepError> {
        let folder = context.path("model")?;
        let table = context.table("table")?;
        let model = Labeller::open(folder, self.precision, || context.open_device())?;
        let scored = match &model {
            Labeller::Linear(saved) => {
                let column = table.text_column(&self.text)?;
                linear::score(saved, &texts(&column), &context.workers())?
            }
            Labeller::Transformer(model) => {
                let texts = model.tokens.of_port(context, "table", &self.text)?;
                model.score(&texts, &|done| {
                    context
                        .progress
                        .update(done as u64, texts.len() as u64, "texts");
                    context.is_cancelled()
                })?
            }
            Labeller::Neighbours(model) => {
                let (queries, dimension) = vectors(&table, neighbours::VECTOR)?;
                neighbours::score(model, &queries, dimension, context.threads())?
            }
        };
        context.check()?;
        let predicted = scored.decide(&self.rule())?;
        scored::write(context, table, &scored.probabilities, &predicted)
    }
}

impl Predict {
    fn rule(&self) -> Rule {
        match (self.threshold, self.top_k) {
            (_, Some(k)) => Rule::TopK(k),
            (Some(threshold), None) => Rule::Threshold(threshold),
            (None, None) => Rule::OfModel,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::testing::{Outcome, Trial, labelled, word_model};
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

    /// The scores of a small transformer, whose config.json is that of `transformers` and of a training.
    fn transformer_scores(precision: &str) -> Vec<f64> {
        let folder = word_model("distilbert_classifier", &[]);
        let path = folder.path().join("config.json");
        let mut config: Json = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        config["training"] = json!({ "method": "fine_tune", "rows": 8 });
        std::fs::write(&path, config.to_string()).unwrap();
        let labels = json!({
            "problem": "multi_label_classification",
            "labels": ["bug", "docs", "io"],
            "thresholds": [0.5, 0.5, 0.5],
        });
        std::fs::write(folder.path().join("labels.json"), labels.to_string()).unwrap();
        let rows = labelled(&[("w7 w9 w30 w11 w8", ""), ("w12 w44", "")]);
        let outcome = Trial::new::<Predict>(json!({ "precision": precision }))
            .kept("model", folder)
            .input("table", &rows)
            .run();
        let table = outcome.table("predictions");
        let scores = ["bug", "docs", "io"].map(|label| {
            let column = table.float_column(&format!("score.{label}")).unwrap();
            column.values().to_vec()
        });
        scores.concat()
    }

    #[test]
    fn scores_in_half_precision_are_near_those_in_single_precision() {
        let single = transformer_scores("f32");
        for precision in ["half", "auto"] {
            let other = transformer_scores(precision);
            let differ = single.iter().zip(&other).map(|(a, b)| (a - b).abs());
            let most = differ.fold(0.0, f64::max);
            assert!(most < 5e-3, "{precision}: {most}");
            assert!(precision == "auto" || most > 0.0);
        }
    }
}
