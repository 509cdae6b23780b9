//! The confusion matrix of multi-class predictions.

use crate::{LabelSets, Result};

/// `[labels, labels]`, row-major: how often the row's label was taken for the column's.
///
/// # Errors
/// [`crate::Error::Mismatch`] of rows, [`crate::Error::Vocabularies`], and [`crate::Error::NotSingleLabel`].
pub fn confusion_matrix(truth: &LabelSets, predicted: &LabelSets) -> Result<Vec<Vec<usize>>> {
    let doing = "building a confusion matrix";
    truth.require_like(doing, predicted)?;
    let labels = truth.labels();
    let mut matrix = vec![vec![0; labels]; labels];
    for (truth, predicted) in truth
        .single(doing)?
        .into_iter()
        .zip(predicted.single(doing)?)
    {
        matrix[truth as usize][predicted as usize] += 1;
    }
    Ok(matrix)
}
