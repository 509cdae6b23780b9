//! Linear probing before fine-tuning (Kumar et al. 2022, "Fine-tuning can distort pretrained features and underperform
//! out-of-distribution", where the two together are called LP-FT): a head begins as logistic regression over what the pretrained
//! model says of the texts. A head of random weights pulls at the model before it knows anything, and with few labels and steps it
//! never gets as far as that regression.

use nn::Forward;
use tensor::Tensor;

use crate::data::{check_labelled, check_validation};
use crate::fine_tune::check_head;
use crate::logistic::{LogisticHead, Penalty};
use crate::loss::mean_loss;
use crate::{LabelNetwork, Labelled, Result, Text, predict};

const METHOD: &str = "probe";

/// The values of C that are tried where there are validation texts, in rising order.
const INVERSE_DECAYS: [f64; 5] = [0.01, 0.1, 1.0, 10.0, 100.0];

/// Sets the head of `network`, which scores `labels`, to logistic regression over the features of labelled texts, the model
/// frozen and without dropout. Returns C, the inverse of the regression's decay: that with the least mean loss on the validation
/// texts, or 1 without any. `stop` is told how many texts are read, and ends the work by saying true.
///
/// # Errors
/// [`MethodError::Input`](crate::MethodError::Input) for texts and labels that do not fit each other or the model;
/// [`MethodError::Interrupted`](crate::MethodError::Interrupted); those of the model.
pub fn probe<N: LabelNetwork>(
    network: &mut N,
    labels: &[String],
    training: Labelled<'_>,
    validation: Option<Labelled<'_>>,
    stop: &dyn Fn(usize) -> bool,
) -> Result<f64> {
    check_head(METHOD, network, labels)?;
    check_labelled(METHOD, &training, labels, network)?;
    let problem = training.targets.problem();
    check_validation(METHOD, validation.as_ref(), problem, labels.len(), network)?;
    let (count, width) = (labels.len(), network.width());
    let known = features(network, training.texts, stop)?;
    let fit = |inverse_decay| {
        let penalty = Penalty {
            inverse_decay,
            balanced: false,
        };
        LogisticHead::fit(&known, width, training.targets, count, penalty)
    };
    let (inverse_decay, head) = match validation {
        None => (1.0, fit(1.0)),
        Some(validation) => {
            let before = training.texts.len();
            let seen = features(network, validation.texts, &|done| stop(before + done))?;
            let loss = |head: &LogisticHead| {
                mean_loss(validation.targets, &head.logits(&seen, width), count)
            };
            least(fit, loss)
        }
    };
    let device = network.device();
    let weight = Tensor::new(&head.weights.concat(), [count, width], &device)?;
    let bias = Tensor::new(&head.biases, [count], &device)?;
    network.set_head(&weight, &bias)?;
    Ok(inverse_decay)
}

/// The head with the least loss, and its C. The larger C, the longer regression takes, and from some C on the loss rises: there the
/// search ends.
fn least(
    fit: impl Fn(f64) -> LogisticHead,
    loss: impl Fn(&LogisticHead) -> f64,
) -> (f64, LogisticHead) {
    let [first, rest @ ..] = INVERSE_DECAYS;
    let mut best = (first, fit(first));
    let mut lowest = loss(&best.1);
    for inverse_decay in rest {
        let head = fit(inverse_decay);
        let found = loss(&head);
        if found >= lowest {
            break;
        }
        (lowest, best) = (found, (inverse_decay, head));
    }
    best
}

/// What the head reads of texts, `[texts * width]`.
fn features<N: LabelNetwork>(
    network: &N,
    texts: &[Text],
    stop: &dyn Fn(usize) -> bool,
) -> Result<Vec<f32>> {
    let (device, width) = (network.device(), network.width());
    predict::watched_rows(METHOD, texts, width, &device, stop, |batch, _| {
        network.features(batch, Forward::inference())
    })
}
