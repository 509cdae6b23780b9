//! The losses of prompts: ADAPET's two (Tam et al. 2021), and PET's (Schick & Schütze 2021).

use nn::Result;
use tensor::{CrossEntropy, DType, Device, Reduction, Tensor};

use crate::loss::Goal;

/// The least probability whose logarithm is taken.
const TINY: f32 = 1e-30;
/// The least distance from 1 that f32 tells.
const EPSILON: f32 = 6e-8;

/// The words of labels on a device.
#[derive(Clone, Debug)]
pub struct Words {
    /// All words, one label's after the other's, `[words]`.
    ids: Tensor,
    /// The share of each word in its label's probability, `[words, labels]`.
    shares: Tensor,
}

impl Words {
    /// For each label one or more tokens.
    ///
    /// # Errors
    /// [`tensor::TensorError::OutOfMemory`].
    pub fn new(verbalizers: &[Vec<u32>], device: &Device) -> Result<Self> {
        let ids: Vec<u32> = verbalizers.iter().flatten().copied().collect();
        let labels = verbalizers.len();
        let shares: Vec<f32> = (verbalizers.iter().enumerate())
            .flat_map(|(label, words)| {
                let share = 1.0 / words.len().max(1) as f32;
                let row = (0..labels).map(move |other| if other == label { share } else { 0.0 });
                words.iter().flat_map(move |_| row.clone())
            })
            .collect();
        Ok(Self {
            ids: Tensor::new(&ids, [ids.len()], device)?,
            shares: Tensor::new(&shares, [ids.len(), labels], device)?,
        })
    }

    /// q(y|x) of each label, `[texts, labels]`, from the scores of the whole vocabulary at the gap, `[texts, vocabulary]` (section
    /// 3.1, equation 2): the probability of its word among all words, or the mean of its words'.
    ///
    /// # Errors
    /// Those of the ops.
    pub fn probabilities(&self, scores: &Tensor) -> Result<Tensor> {
        let scores = scores.cast(DType::F32)?;
        let all = scores.logsumexp(&[1])?.unsqueeze(1)?;
        let words = scores.index_select(1, &self.ids)?.sub(&all)?.exp()?;
        Ok(words.matmul(&self.shares)?)
    }
}

/// ADAPET's decoupled label loss (section 3.1, equation 3), the mean over texts and labels of
///
/// ```text
/// -ln q(y|x)         for labels that a text has
/// -ln(1 - q(y|x))    for all others
/// ```
///
/// from `q`, `[texts, labels]`, and 1 and 0 of the same shape. A text may have several labels, or none.
///
/// # Errors
/// Those of the ops.
pub fn decoupled(q: &Tensor, has: &Tensor) -> Result<Tensor> {
    let right = q.clamp(TINY, 1.0)?.log()?.mul(has)?;
    let wrong = q
        .affine(-1.0, 1.0)?
        .clamp(EPSILON, 1.0)?
        .log()?
        .mul(&has.affine(-1.0, 1.0)?)?;
    Ok(right.add(&wrong)?.mean_all()?.neg()?)
}

/// PET's loss: cross entropy among the labels alone, `-ln( q(y|x) / Σ_y' q(y'|x) )`, for labels that exclude each other.
///
/// # Errors
/// Those of the ops.
pub fn among_labels(q: &Tensor, goal: &Goal) -> Result<Tensor> {
    goal.loss(&q.clamp(TINY, 1.0)?.log()?, None)
}

/// Label-conditioned masked words (section 3.2): with the word of a label in the gap, hidden words of the text are to be found
/// again if the label is right, and not to be if it is wrong. The mean over hidden words of
///
/// ```text
/// -ln q(x_m | x', y)         if the label is right
/// -ln(1 - q(x_m | x', y))    if not
/// ```
///
/// from the scores of words, `[places, vocabulary]`, the hidden words, `[places]`, and 1 or 0 for each place.
///
/// # Errors
/// Those of the ops.
pub fn label_conditioned(scores: &Tensor, words: &Tensor, right: &Tensor) -> Result<Tensor> {
    let each = CrossEntropy {
        reduction: Reduction::None,
        ..CrossEntropy::default()
    };
    let losses = scores.cast(DType::F32)?.cross_entropy(words, &each)?;
    let wrong = losses
        .neg()?
        .exp()?
        .affine(-1.0, 1.0)?
        .clamp(EPSILON, 1.0)?
        .log()?
        .neg()?;
    let chosen = losses
        .mul(right)?
        .add(&wrong.mul(&right.affine(-1.0, 1.0)?)?)?;
    Ok(chosen.mean_all()?)
}
