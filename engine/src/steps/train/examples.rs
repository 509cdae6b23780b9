//! What the methods share: labelled rows in, a model's folder out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use text::{CsrMatrix, LabelSets, LinearModel, Task};

use super::super::rows::{TaskChoice, label_sets, names, texts};
use super::super::words::{first, number, rows};
use super::super::{
    Check, ColumnType, Context, InputPort, OutputPort, PortType, StepError, linear_model,
};

/// How many labels a note lists.
const LABELS_LISTED: usize = 8;

/// Where the labelled rows are, and what is asked of them.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Examples {
    /// The column of texts; a null is an empty text.
    #[serde(default = "text_column")]
    text: String,
    /// The column of labels: lists of text, or text. A row without labels is an example of none of them.
    #[serde(default = "labels_column")]
    labels: String,
    /// Whether a row carries exactly one label or any number.
    #[serde(default)]
    task: TaskChoice,
    /// Labels to know beside those of the training rows; without a training row they are never predicted.
    #[serde(default)]
    label_set: Vec<String>,
}

fn text_column() -> String {
    "text".to_owned()
}

fn labels_column() -> String {
    "labels".to_owned()
}

/// Labelled rows, ready for training.
pub struct TrainingSet {
    /// `[rows, features]`
    pub x: CsrMatrix,
    /// The rows' labels.
    pub labels: LabelSets,
    /// One label a row, or several.
    pub task: Task,
}

impl Examples {
    /// The ports of every method.
    pub fn inputs() -> Vec<InputPort> {
        vec![
            InputPort::one("train", PortType::Table),
            InputPort::one("vectorizer", PortType::Vectorizer),
        ]
    }

    /// The one output.
    pub fn outputs() -> Vec<OutputPort> {
        vec![OutputPort::new("model", PortType::Model)]
    }

    /// Checks the columns.
    pub fn check(&self, check: &mut Check) {
        check.require("text", "train", &self.text, ColumnType::Text);
        check.require("labels", "train", &self.labels, ColumnType::Labels);
    }

    /// Reads the rows and turns their texts into features.
    pub fn read(&self, context: &Context<'_>) -> Result<TrainingSet, StepError> {
        let table = context.columns("train", &[&self.text, &self.labels])?;
        if table.num_rows() == 0 {
            return Err(StepError::new("the training table has no rows")
                .help("look at the step that feeds the port `train` with `engine show`"));
        }
        let task = self.task.of(&table, &self.labels)?;
        let lists = table.string_lists(&self.labels)?;
        let mut known = names(&lists);
        if known.is_empty() {
            return Err(StepError::new(format!(
                "no row of the training table has a label in the column `{}`",
                self.labels
            ))
            .help("train on rows with labels; `split` keeps those without apart as `unlabeled`"));
        }
        known.extend(self.label_set.iter().map(String::as_str));
        let known = known.into_iter().map(str::to_owned).collect();
        let (labels, _) = label_sets(&lists, known)?;
        context.check()?;
        let vectorizer = linear_model::load_vectorizer(context.path("vectorizer")?)?;
        let column = table.text_column(&self.text)?;
        let x = vectorizer.transform(&texts(&column), &context.workers())?;
        Ok(TrainingSet { x, labels, task })
    }
}

impl TrainingSet {
    /// Writes the model's folder, and says what it was trained on.
    pub fn save(
        &self,
        method: &str,
        model: &LinearModel,
        context: &Context<'_>,
    ) -> Result<(), StepError> {
        context.check()?;
        let vectorizer = context.path("vectorizer")?.join(linear_model::VECTORIZER);
        linear_model::save(
            &context.output_path("model"),
            method,
            self.task,
            self.x.rows(),
            model,
            &vectorizer,
        )?;
        context.note(format!(
            "{}, {} labels, {} features",
            rows(self.x.rows()),
            number(model.vocabulary.len()),
            number(model.features)
        ));
        let constant = |value: bool| {
            let labels = model.constant.iter().filter(|label| label.value == value);
            let names = labels.map(|label| model.vocabulary[label.label as usize].as_str());
            first(names, LABELS_LISTED)
        };
        let (never, always) = (constant(false), constant(true));
        if !never.is_empty() {
            context.note(format!("never predicted, without a training row: {never}"));
        }
        if !always.is_empty() {
            context.note(format!(
                "always predicted, carried by every training row: {always}"
            ));
        }
        Ok(())
    }
}
