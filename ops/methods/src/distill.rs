//! Distillation of sentence embeddings: a small encoder learns to place texts as another model does, on texts without labels.

use nn::bert::normalize;
use nn::{Forward, Packed};
use tensor::{Device, Tensor};

use crate::batches::Batches;
use crate::data::check_texts;
use crate::principal::Directions;
use crate::supervised::SHUFFLE;
use crate::train::{Fingerprint, Outcome, Prepared, Run, Selection, Session, run};
use crate::{MethodError, Optimisation, Result, SentenceNetwork, Text, predict};

const METHOD: &str = "distill";

/// What a student's vectors are to have of the teacher's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Distillation {
    /// The cosines between the texts of a batch (Tung & Mori 2019, section 3; Park et al. 2019): vectors may differ in length.
    #[default]
    Relational,
    /// Their direction: the cosine between a text's two vectors is to be 1. A teacher's longer vectors are first brought to the
    /// student's length, by the directions that hold most of the training texts' vectors.
    Cosine,
}

/// How a student is trained.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distill {
    /// How long and how fast.
    pub optimisation: Optimisation,
    /// What the student's vectors are to have of the teacher's.
    pub objective: Distillation,
    /// How the best model is chosen, by [`Metric::Loss`](crate::Metric::Loss); without, the last one is kept.
    pub selection: Option<Selection>,
}

/// Texts and the teacher's vectors of them, `[texts * width]`.
#[derive(Clone, Copy, Debug)]
pub struct Taught<'a> {
    /// The texts, as the student's tokenizer cuts them.
    pub texts: &'a [Text],
    /// Their vectors, one after the other, of any length other than 0.
    pub vectors: &'a [f32],
    /// The numbers of a vector.
    pub width: usize,
}

/// Vectors of a teacher, `[n * width]`.
#[derive(Clone, Copy, Debug)]
pub struct Vectors<'a> {
    /// One after the other.
    pub values: &'a [f32],
    /// The numbers of each.
    pub width: usize,
}

impl Taught<'_> {
    fn check<N: SentenceNetwork>(
        &self,
        what: &str,
        objective: Distillation,
        network: &N,
    ) -> Result<()> {
        check_texts(METHOD, what, self.texts, network)?;
        if self.width == 0 || self.vectors.len() != self.texts.len() * self.width {
            return Err(MethodError::input(
                METHOD,
                format!(
                    "there are {} numbers in the teacher's vectors for {} {what} with {} each; every text takes one vector",
                    self.vectors.len(),
                    self.texts.len(),
                    self.width
                ),
            ));
        }
        if let Some(row) = self
            .vectors
            .chunks(self.width)
            .position(|vector| !is_direction(vector))
        {
            return Err(MethodError::input(
                METHOD,
                format!(
                    "the teacher's vector of row {row} of the {what} is zero or not finite; leave rows without text out"
                ),
            ));
        }
        let dimensions = network.dimensions();
        match objective {
            Distillation::Cosine if self.width < dimensions => Err(MethodError::input(
                METHOD,
                format!(
                    "the teacher's vectors have {} numbers and the model's {dimensions}, so they say too little of its direction; \
                     take the relational objective, or a model of the teacher's size or smaller",
                    self.width
                ),
            )),
            _ => Ok(()),
        }
    }

    /// Texts of a batch with their vectors, brought to length 1.
    fn batch(&self, rows: &[usize], device: &Device) -> Result<Batch> {
        let chosen: Vec<&Text> = rows.iter().map(|&row| &self.texts[row]).collect();
        let vectors: Vec<f32> = (rows.iter())
            .flat_map(|&row| &self.vectors[row * self.width..(row + 1) * self.width])
            .copied()
            .collect();
        Ok(Batch {
            tokens: chosen.iter().map(|text| text.len()).sum(),
            texts: Packed::new(&chosen, device)?,
            teacher: normalize(&Tensor::new(&vectors, [rows.len(), self.width], device)?)?,
        })
    }
}

fn is_direction(vector: &[f32]) -> bool {
    let square: f32 = vector.iter().map(|x| x * x).sum();
    square.is_finite() && square > 0.0
}

struct Batch {
    texts: Packed,
    teacher: Tensor,
    tokens: usize,
}

/// How far the student's vectors `[n, d]` are from having what the teacher's `[n, w]` have.
///
/// ```text
/// relational: 1/(n (n - 1)) Σ_{i ≠ j} (cos(s_i, s_j) - cos(t_i, t_j))²
/// cosine:     1/n Σ_i (1 - cos(s_i, t_i))
/// ```
///
/// A batch of one text has no relations; its loss is 0.
///
/// # Errors
/// Those of the ops; [`tensor::TensorError::Shape`] for vectors that do not fit each other.
pub fn distillation_loss(
    student: &Tensor,
    teacher: &Tensor,
    objective: Distillation,
) -> nn::Result<Tensor> {
    let (student, teacher) = (normalize(student)?, normalize(teacher)?);
    match objective {
        Distillation::Relational => {
            let cosines = |vectors: &Tensor| vectors.matmul(&vectors.transpose(0, 1)?);
            let apart = cosines(&student)?.sub(&cosines(&teacher)?)?.square()?;
            let texts = student.shape()[0];
            let pairs = texts * texts.saturating_sub(1);
            // On the diagonal both cosines are 1.
            Ok(apart.sum_all()?.affine(1.0 / pairs.max(1) as f32, 0.0)?)
        }
        Distillation::Cosine => {
            let cosine = student.mul(&teacher)?.sum(&[1])?;
            Ok(cosine.mean_all()?.affine(-1.0, 1.0)?)
        }
    }
}

/// Trains `network` to place texts as the teacher's vectors do. On `validation` texts, read in their order in batches of the same
/// size, the loss is measured, and `correlation`: Pearson's, between the cosines of student and teacher of the pairs of a batch.
///
/// Where the teacher's vectors are longer than the student's and their direction is to be learned, those directions are kept that hold
/// most of `directions_of`, other vectors of the same teacher, or of the training texts' vectors. A student that has
/// learned from other texts before has to be given those, or it learns all anew: other directions turn the whole space.
///
/// # Errors
/// [`MethodError::Input`] for texts, vectors and options that do not fit each other; [`MethodError::Interrupted`];
/// [`nn::NnError::NotFinite`] where training goes astray.
pub fn distill<N: SentenceNetwork>(
    mut network: N,
    training: Taught<'_>,
    validation: Option<Taught<'_>>,
    directions_of: Option<Vectors<'_>>,
    options: &Distill,
    session: &mut Session<'_>,
) -> Result<(N, Outcome)> {
    let optimisation = &options.optimisation;
    optimisation.check(METHOD)?;
    training.check("training texts", options.objective, &network)?;
    if training.texts.is_empty() {
        return Err(MethodError::input(
            METHOD,
            "there are no texts to learn from; check what feeds it",
        ));
    }
    if options.objective == Distillation::Relational && optimisation.batch_size < 2 {
        return Err(MethodError::input(
            METHOD,
            "relations are those of the texts of a batch; take a batch_size of 2 or more, such as 32",
        ));
    }
    if let Some(validation) = &validation {
        validation.check("validation texts", options.objective, &network)?;
    }
    if options.selection.is_some()
        && validation.is_none_or(|validation| validation.texts.is_empty())
    {
        return Err(MethodError::input(
            METHOD,
            "choosing the best model takes validation texts; give some, or keep the last one",
        ));
    }
    if let Some(vectors) = &directions_of {
        check_directions(vectors, &training, options.objective)?;
    }
    let shorter = match options.objective {
        Distillation::Cosine => Shorter::of(
            &training,
            validation.as_ref(),
            directions_of.map_or(training.vectors, |vectors| vectors.values),
            &network,
        )?,
        Distillation::Relational => None,
    };
    let (training, validation) = match &shorter {
        Some(shorter) => (
            shorter.of_teacher(&training, &shorter.training),
            validation.map(|validation| shorter.of_teacher(&validation, &shorter.validation)),
        ),
        None => (training, validation),
    };
    let mut batches = Batches::of(optimisation, training.texts, session.key().fold(SHUFFLE));
    let this = Run {
        method: METHOD,
        phase: METHOD.to_owned(),
        steps: optimisation.steps(training.texts.len()),
        steps_per_epoch: batches.steps_per_epoch(),
        options: optimisation,
        fingerprint: Fingerprint::new(METHOD, options, session.seed)
            .texts(training.texts)
            .numbers(training.vectors)
            .done(),
        selection: options.selection.as_ref(),
    };
    let device = network.device();
    let outcome = run(
        &mut network,
        &this,
        session,
        |step| {
            let parts = (batches.step(step).iter())
                .map(|rows| training.batch(rows, &device))
                .collect::<Result<Vec<_>>>()?;
            let tokens = parts.iter().map(|batch| batch.tokens).sum();
            Ok(Prepared { parts, tokens })
        },
        |network, batch, forward, _| {
            let student = network.embed(&batch.texts, forward)?;
            Ok(distillation_loss(&student, &batch.teacher, options.objective)?.into())
        },
        |network| match &validation {
            Some(validation) => Ok(measure(network, validation, options)?.into()),
            None => Ok(Vec::new().into()),
        },
    )?;
    Ok((network, outcome))
}

fn check_directions(
    vectors: &Vectors<'_>,
    training: &Taught<'_>,
    objective: Distillation,
) -> Result<()> {
    if objective == Distillation::Relational {
        return Err(MethodError::input(
            METHOD,
            "relations of a teacher's vectors have no directions to keep; leave out the vectors that say which, or take the \
             cosine objective",
        ));
    }
    if vectors.values.is_empty() || vectors.width != training.width {
        return Err(MethodError::input(
            METHOD,
            format!(
                "the vectors that say which directions to keep have {} numbers ({} vectors), and the teacher's vectors of the training \
                 texts {}; take vectors of the same teacher",
                vectors.width,
                vectors.values.len() / vectors.width.max(1),
                training.width
            ),
        ));
    }
    Ok(())
}

/// A teacher's vectors, brought to the student's length.
struct Shorter {
    training: Vec<f32>,
    validation: Vec<f32>,
    width: usize,
}

impl Shorter {
    /// Nothing where the teacher's vectors have to be as they are.
    fn of<N: SentenceNetwork>(
        training: &Taught<'_>,
        validation: Option<&Taught<'_>>,
        directions_of: &[f32],
        network: &N,
    ) -> Result<Option<Self>> {
        let width = network.dimensions();
        if training.width <= width {
            return Ok(None);
        }
        let device = network.device();
        let directions = Directions::of(directions_of, training.width, width, &device)?;
        Ok(Some(Self {
            training: directions.project(training.vectors)?,
            validation: match validation {
                Some(validation) => directions.project(validation.vectors)?,
                None => Vec::new(),
            },
            width,
        }))
    }

    fn of_teacher<'a>(&'a self, taught: &Taught<'a>, vectors: &'a [f32]) -> Taught<'a> {
        Taught {
            texts: taught.texts,
            vectors,
            width: self.width,
        }
    }
}

/// Loss and correlation on texts that are not learned from.
fn measure<N: SentenceNetwork>(
    network: &N,
    texts: &Taught<'_>,
    options: &Distill,
) -> Result<Vec<(String, f64)>> {
    let (device, width) = (network.device(), network.dimensions());
    let student = predict::rows(texts.texts, width, &device, |batch, _| {
        network.embed(batch, Forward::inference())
    })?;
    let batch = options.optimisation.batch_size;
    let (mut loss, mut rows) = (0.0, 0);
    let mut correlation = Correlation::default();
    for (student, teacher) in
        (student.chunks(batch * width)).zip(texts.vectors.chunks(batch * texts.width))
    {
        let count = student.len() / width;
        let student = Tensor::new(student, [count, width], &device)?;
        let teacher = Tensor::new(teacher, [count, texts.width], &device)?;
        let found = distillation_loss(&student, &teacher, options.objective)?;
        loss += f64::from(found.item()?) * count as f64;
        rows += count;
        let cosines = |vectors: &Tensor| -> Result<Vec<f32>> {
            let vectors = normalize(vectors)?;
            Ok(vectors.matmul(&vectors.transpose(0, 1)?)?.to_f32_vec()?)
        };
        let (student, teacher) = (cosines(&student)?, cosines(&teacher)?);
        for first in 0..count {
            for second in 0..first {
                let place = first * count + second;
                correlation.add(f64::from(student[place]), f64::from(teacher[place]));
            }
        }
    }
    let mut metrics = vec![("loss".to_owned(), loss / rows.max(1) as f64)];
    if let Some(correlation) = correlation.value() {
        metrics.push(("correlation".to_owned(), correlation));
    }
    Ok(metrics)
}

/// Pearson's correlation of pairs of numbers.
#[derive(Default)]
struct Correlation {
    count: f64,
    sums: [f64; 2],
    squares: [f64; 2],
    product: f64,
}

impl Correlation {
    fn add(&mut self, x: f64, y: f64) {
        self.count += 1.0;
        self.sums[0] += x;
        self.sums[1] += y;
        self.squares[0] += x * x;
        self.squares[1] += y * y;
        self.product += x * y;
    }

    /// Nothing where one of the two does not vary.
    fn value(&self) -> Option<f64> {
        let spread = |of: usize| self.count * self.squares[of] - self.sums[of] * self.sums[of];
        let both = (spread(0) * spread(1)).sqrt();
        let value = (self.count * self.product - self.sums[0] * self.sums[1]) / both;
        value.is_finite().then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_correlation_is_that_of_the_definition_and_nothing_without_variation() {
        let of = |pairs: &[(f64, f64)]| {
            let mut correlation = Correlation::default();
            pairs.iter().for_each(|&(x, y)| correlation.add(x, y));
            correlation.value()
        };
        // Deviations (-2, 0, 1, 1) and (-1, -1, 0, 2): 4 / sqrt(6 * 6).
        let found = of(&[(0.0, 1.0), (2.0, 1.0), (3.0, 2.0), (3.0, 4.0)]);
        assert!(found.is_some_and(|found| (found - 4.0 / 6.0).abs() < 1e-12));
        assert_eq!(of(&[(1.0, 2.0), (1.0, 3.0)]), None);
        assert_eq!(of(&[]), None);
    }
}
