//! Linear probing before fine-tuning (Kumar et al. 2022, "Fine-tuning can distort pretrained features and underperform
//! out-of-distribution", where the two together are called LP-FT): a head begins as logistic regression over what the pretrained
//! model says of the texts. A head of random weights pulls at the model before it knows anything, and with few labels and steps it
//! never gets as far as that regression.

use nn::Forward;
use tensor::Tensor;

use crate::data::check_labelled;
use crate::fine_tune::check_head;
use crate::logistic::{Penalty, Regression};
use crate::{LabelNetwork, Labelled, Result, predict};

const METHOD: &str = "probe";

/// Sets the head of `network`, which scores `labels`, to logistic regression over the features of labelled texts, the model
/// frozen and without dropout. `stop` is told how many texts are read, and ends the work by saying true.
///
/// Returns C, the inverse of the regression's decay: 1 for features whose mean squared distance from their mean is 1, and as much
/// less as that is more. That is the default of scikit-learn's `LogisticRegression` for features of that scale, so that it does not
/// matter in which units a model speaks. It stays 1 where features differ by less: dropout would change them by more than what tells
/// them apart. It is not chosen on validation texts. The least loss there is that of a head which tells the training texts apart
/// without doubt (few are always separable), and such a head leaves fine-tuning no gradient.
///
/// # Errors
/// [`MethodError::Input`](crate::MethodError::Input) for texts and labels that do not fit each other or the model;
/// [`MethodError::Interrupted`](crate::MethodError::Interrupted); those of the model.
pub fn probe<N: LabelNetwork>(
    network: &mut N,
    labels: &[String],
    training: Labelled<'_>,
    stop: &dyn Fn(usize) -> bool,
) -> Result<f64> {
    check_head(METHOD, network, labels)?;
    check_labelled(METHOD, &training, labels, network)?;
    let (count, width, device) = (labels.len(), network.width(), network.device());
    let features =
        predict::watched_rows(METHOD, training.texts, width, &device, stop, |batch, _| {
            network.features(batch, Forward::inference())
        })?;
    let regression = Regression::new(&features, width, training.targets, count);
    let penalty = Penalty {
        inverse_decay: 1.0 / regression.spread().max(1.0),
        balanced: false,
    };
    let head = regression.fit(penalty);
    let weight = Tensor::new(&head.weights.concat(), [count, width], &device)?;
    let bias = Tensor::new(&head.biases, [count], &device)?;
    network.set_head(&weight, &bias)?;
    Ok(penalty.inverse_decay)
}
