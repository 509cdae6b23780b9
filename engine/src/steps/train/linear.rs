//! Methods that learn weights of a vectorizer's features: features in, a model's folder out.

use text::{CsrMatrix, LabelSets, LinearModel, Task};

use super::super::words::{first, number, rows};
use super::super::{Context, InputPort, PortType, StepError, linear_model};
use super::examples::Examples;

/// How many labels a note lists.
const LABELS_LISTED: usize = 8;

/// The port of the vectorizer.
pub fn inputs() -> Vec<InputPort> {
    vec![InputPort::one("vectorizer", PortType::Vectorizer)]
}

/// Labelled rows as features.
pub struct TrainingSet {
    /// `[rows, features]`
    pub x: CsrMatrix,
    /// The rows' labels.
    pub labels: LabelSets,
    /// One label a row, or several.
    pub task: Task,
}

impl TrainingSet {
    /// Reads the rows and turns their texts into features.
    pub fn read(examples: &Examples, context: &Context<'_>) -> Result<TrainingSet, StepError> {
        let rows = examples.read(context)?;
        context.check()?;
        let vectorizer = linear_model::load_vectorizer(context.path("vectorizer")?)?;
        let x = vectorizer.transform(&rows.texts(), &context.workers())?;
        Ok(TrainingSet {
            x,
            labels: rows.labels,
            task: rows.task,
        })
    }

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
