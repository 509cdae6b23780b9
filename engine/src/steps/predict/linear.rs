//! The scores of a model over a vectorizer's features.

use text::Workers;

use super::super::StepError;
use super::super::linear_model::SavedModel;
use super::Scored;

/// Scores texts.
pub fn score(
    saved: &SavedModel,
    texts: &[&str],
    workers: &Workers<'_>,
) -> Result<Scored, StepError> {
    let x = saved.vectorizer.transform(texts, workers)?;
    Ok(Scored {
        probabilities: saved.model.predict_proba(&x, workers)?,
        // Decision values rank labels that round to the same probability.
        ranks: Some(saved.model.decision_function(&x, workers)?),
        thresholds: vec![0.5; saved.model.vocabulary.len()],
        task: saved.config.task,
        labels: saved.model.vocabulary.clone(),
    })
}
