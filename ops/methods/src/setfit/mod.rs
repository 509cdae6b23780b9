//! SetFit (Tunstall et al. 2022, "Efficient few-shot learning without prompts"): a sentence encoder learns from pairs of texts that
//! those with a label in common are alike; then logistic regression over its vectors learns the labels.

mod model;
mod pairs;

pub use model::SetFitClassifier;
pub use pairs::{Pair, PairSampling, Pairs, Similarity};

use nn::bert::normalize;
use nn::{Forward, Packed};
use tensor::{DType, Tensor};

use crate::data::{check_training, check_validation};
use crate::logistic::{Penalty, Regression};
use crate::supervised::SHUFFLE;
use crate::train::{Fingerprint, Outcome, Prepared, Run, Session, run};
use crate::{Decision, Labelled, Optimisation, Result, SentenceNetwork, Text, Thresholds, predict};

const METHOD: &str = "setfit";

/// How a sentence encoder and its head are trained; the defaults are those of the package `setfit`, but that each pair has two
/// different texts.
#[derive(Clone, Debug, PartialEq)]
pub struct SetFit {
    /// How long and how fast the encoder learns; batches are of pairs.
    pub optimisation: Optimisation,
    /// When two texts are alike, where they may have several labels.
    pub similarity: Similarity,
    /// How many pairs an epoch has.
    pub sampling: PairSampling,
    /// C of the head's regression, the inverse of its decay.
    pub inverse_decay: f64,
    /// Whether texts with a label and those without weigh the same in it, however few they are.
    pub balanced: bool,
    /// How thresholds are found.
    pub thresholds: Thresholds,
}

impl Default for SetFit {
    fn default() -> Self {
        Self {
            optimisation: Optimisation {
                epochs: 1.0,
                batch_size: 16,
                learning_rate: 2e-5,
                warmup: 0.1,
                weight_decay: 0.01,
                ..Optimisation::default()
            },
            similarity: Similarity::default(),
            sampling: PairSampling::default(),
            inverse_decay: 1.0,
            balanced: false,
            thresholds: Thresholds::default(),
        }
    }
}

/// Each text of a batch once, and the pairs of them: `first` and `second` are places among the texts.
struct Batch {
    texts: Packed,
    first: Tensor,
    second: Tensor,
    similarities: Tensor,
}

/// `1/n Σ (cos(u, v) - y)²`, the cosine-similarity loss of `sentence-transformers` (Reimers & Gurevych 2019, section 3), for
/// vectors `[texts, dimensions]` and pairs by their places, `[pairs]`.
///
/// # Errors
/// Those of the ops.
pub fn cosine_loss(
    vectors: &Tensor,
    [first, second]: [&Tensor; 2],
    similarities: &Tensor,
) -> nn::Result<Tensor> {
    let vectors = normalize(vectors)?;
    let first = vectors.index_select(0, first)?;
    let second = vectors.index_select(0, second)?;
    let cosine = first.mul(&second)?.sum(&[1])?;
    Ok(cosine.sub(similarities)?.square()?.mean_all()?)
}

/// Trains `network` on pairs of labelled texts, and a head on its vectors of them. Texts that come several times in a batch are
/// read once, with one draw of dropout: of 16 labelled texts, a batch of 16 pairs has 14 different ones instead of 32.
///
/// # Errors
/// [`MethodError::Input`](crate::MethodError::Input) for texts, labels and options that do not fit each other;
/// [`MethodError::Interrupted`](crate::MethodError::Interrupted); [`nn::NnError::NotFinite`] where training goes astray.
pub fn setfit<N: SentenceNetwork>(
    mut network: N,
    labels: &[String],
    training: Labelled<'_>,
    validation: Option<Labelled<'_>>,
    options: &SetFit,
    session: &mut Session<'_>,
) -> Result<(SetFitClassifier<N>, Outcome)> {
    options.optimisation.check(METHOD)?;
    if !(options.inverse_decay.is_finite() && options.inverse_decay > 0.0) {
        return Err(crate::MethodError::input(
            METHOD,
            "inverse_decay must be a positive number, such as 1",
        ));
    }
    check_training(METHOD, &training, labels, &network, session.observer)?;
    let problem = training.targets.problem();
    check_validation(METHOD, validation.as_ref(), problem, labels.len(), &network)?;
    if options.thresholds.need_validation() && validation.is_none() {
        return Err(crate::MethodError::input(
            METHOD,
            "tuning thresholds takes validation texts; give some, or train without",
        ));
    }
    let outcome = train(&mut network, training, options, session)?;
    let vectors = vectors(&network, training.texts, Forward::inference())?;
    let penalty = Penalty {
        inverse_decay: options.inverse_decay,
        balanced: options.balanced,
    };
    let dimensions = network.dimensions();
    let regression = Regression::new(&vectors, dimensions, training.targets, labels.len());
    let head = regression.fit(penalty);
    let mut classifier = SetFitClassifier {
        network,
        head,
        decision: Decision {
            problem,
            labels: labels.to_vec(),
            thresholds: options.thresholds.find(labels.len(), None),
        },
    };
    if let Some(validation) = validation.filter(|_| options.thresholds.need_validation()) {
        let probabilities = classifier.probabilities(validation.texts, DType::F32)?;
        let known = Some((&probabilities[..], validation.targets));
        classifier.decision.thresholds = options.thresholds.find(labels.len(), known);
    }
    Ok((classifier, outcome))
}

fn train<N: SentenceNetwork>(
    network: &mut N,
    training: Labelled<'_>,
    options: &SetFit,
    session: &mut Session<'_>,
) -> Result<Outcome> {
    let pairs = Pairs::new(training.targets, options.similarity, options.sampling)?;
    let optimisation = &options.optimisation;
    let key = session.key().fold(SHUFFLE);
    let steps_per_epoch = optimisation.steps_per_epoch(pairs.len());
    let this = Run {
        method: METHOD,
        phase: METHOD.to_owned(),
        steps: optimisation.steps(pairs.len()),
        steps_per_epoch,
        options: optimisation,
        fingerprint: Fingerprint::new(METHOD, options, session.seed)
            .texts(training.texts)
            .targets(training.targets)
            .done(),
        selection: None,
    };
    let device = network.device();
    let mut epoch: Option<(u64, Vec<Pair>)> = None;
    run(
        network,
        &this,
        session,
        |step| {
            let number = step / steps_per_epoch;
            if epoch.as_ref().is_none_or(|(found, _)| *found != number) {
                epoch = Some((number, pairs.epoch(key.fold(number))));
            }
            let all = epoch.as_ref().map_or(&[][..], |(_, pairs)| pairs);
            let mut tokens = 0;
            let parts = all
                .chunks(optimisation.batch_size)
                .skip((step % steps_per_epoch) as usize * optimisation.accumulate)
                .take(optimisation.accumulate)
                .map(|pairs| {
                    let mut rows: Vec<u32> = (pairs.iter())
                        .flat_map(|pair| [pair.first, pair.second])
                        .collect();
                    rows.sort_unstable();
                    rows.dedup();
                    let chosen: Vec<&Text> = rows
                        .iter()
                        .map(|&row| &training.texts[row as usize])
                        .collect();
                    tokens += chosen.iter().map(|text| text.len()).sum::<usize>();
                    let places = |of: fn(&Pair) -> u32| {
                        let place = |pair| rows.partition_point(|&row| row < of(pair)) as u32;
                        let places: Vec<u32> = pairs.iter().map(place).collect();
                        Tensor::new(&places, [places.len()], &device)
                    };
                    let similarities: Vec<f32> = pairs.iter().map(|pair| pair.similarity).collect();
                    Ok(Batch {
                        texts: Packed::new(&chosen, &device)?,
                        first: places(|pair| pair.first)?,
                        second: places(|pair| pair.second)?,
                        similarities: Tensor::new(&similarities, [pairs.len()], &device)?,
                    })
                })
                .collect::<Result<Vec<_>>>()?;
            Ok(Prepared { parts, tokens })
        },
        |network, batch, forward, _| {
            let vectors = network.embed(&batch.texts, forward)?;
            let places = [&batch.first, &batch.second];
            Ok(cosine_loss(&vectors, places, &batch.similarities)?.into())
        },
        |_| Ok(Vec::new().into()),
    )
}

/// The vectors of texts, of length 1, `[texts * dimensions]`.
pub(super) fn vectors<N: SentenceNetwork>(
    network: &N,
    texts: &[Text],
    forward: Forward,
) -> Result<Vec<f32>> {
    let (device, width) = (network.device(), network.dimensions());
    predict::rows(texts, width, &device, |batch, _| {
        Ok(normalize(
            &network.embed(batch, forward)?.cast(DType::F32)?,
        )?)
    })
}
