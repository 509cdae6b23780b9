//! [`Classifier`]: what most methods make, a model that gives texts labels.

use std::borrow::Cow;
use std::fs;
use std::path::Path;

use nn::bert::{EncoderConfig, SequenceClassifier};
use nn::{Forward, Pretrained};
use serde::{Deserialize, Serialize};
use tensor::{Device, RandomKey};

use crate::thresholds::decide;
use crate::validated::Validated;
use crate::{LabelNetwork, MethodError, Problem, Result, Targets, Text, data, predict};

/// The file beside the weights that says what the labels' scores mean.
pub const LABELS_FILE: &str = "labels.json";

/// What is read and written as `labels.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Whether labels exclude each other.
    pub problem: Problem,
    /// The labels' names, in the order of the scores.
    pub labels: Vec<String>,
    /// From which probability on a text has a label; of no meaning where labels exclude each other.
    pub thresholds: Vec<f32>,
}

impl Decision {
    /// The labels of texts with these probabilities, `[texts * labels]`.
    pub fn decide(&self, probabilities: &[f32]) -> Targets {
        decide(self.problem, probabilities, &self.thresholds)
    }

    /// Reads the file of a model's folder.
    ///
    /// # Errors
    /// [`MethodError::Io`], and [`MethodError::File`] for a file that is not as expected.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(LABELS_FILE);
        let bytes = fs::read(&path).map_err(MethodError::io(&path, "reading the labels"))?;
        let decision: Self = serde_json::from_slice(&bytes).map_err(|error| {
            MethodError::file(
                &path,
                format!("is not as expected: {error}; train the model again"),
            )
        })?;
        match decision.labels.len() == decision.thresholds.len() {
            true => Ok(decision),
            false => Err(MethodError::file(
                &path,
                "has other numbers of labels and thresholds; train the model again",
            )),
        }
    }

    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        write_json(folder, LABELS_FILE, self)
    }
}

/// Writes indented JSON into a folder, which is made if it is not there. Models are saved after it, as a whole.
pub(crate) fn write_json(folder: &Path, name: &str, value: &impl Serialize) -> Result<()> {
    fs::create_dir_all(folder).map_err(MethodError::io(folder, "creating the folder"))?;
    let path = folder.join(name);
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| MethodError::file(&path, error.to_string()))?;
    fs::write(&path, text + "\n").map_err(MethodError::io(&path, "writing the file"))
}

/// A model that gives texts labels.
#[derive(Clone, Debug)]
pub struct Classifier<N> {
    /// The model.
    pub network: N,
    /// What its scores mean.
    pub decision: Decision,
    /// What it said of its validation texts.
    validated: Option<Validated>,
}

impl<N: LabelNetwork> Classifier<N> {
    /// A model whose scores mean this.
    pub fn new(network: N, decision: Decision) -> Self {
        Self {
            network,
            decision,
            validated: None,
        }
    }

    /// With what it is known to say of these texts in f32, `[texts * labels]`.
    pub(crate) fn knowing(self, texts: &[Text], logits: &[f32]) -> Self {
        Self {
            validated: Some(Validated::new(texts, logits.to_vec())),
            ..self
        }
    }

    /// The probability of each label of each text, `[texts * labels]`, computed as `forward` says, in batches of about as many
    /// tokens. What training computed of the validation texts is not computed again.
    ///
    /// # Errors
    /// [`MethodError::Input`] for texts that the model cannot read.
    pub fn probabilities(&self, texts: &[Text], forward: impl Into<Forward>) -> Result<Vec<f32>> {
        let forward = forward.into();
        data::check_texts("predict", "texts", texts, &self.network)?;
        let validated = (self.validated.as_ref()).filter(|_| forward == Forward::inference());
        let known: Vec<Option<&[f32]>> = (texts.iter())
            .map(|text| validated.and_then(|validated| validated.get(text)))
            .collect();
        let new: Cow<'_, [Text]> = match known.iter().any(Option::is_some) {
            true => (texts.iter().zip(&known))
                .filter(|(_, known)| known.is_none())
                .map(|(text, _)| text.clone())
                .collect(),
            false => texts.into(),
        };
        let computed = predict::logits(&self.network, &new, |_| forward)?;
        let mut computed = computed.chunks(self.network.labels().max(1));
        let logits = (known.into_iter())
            .flat_map(|known| known.or_else(|| computed.next()).unwrap_or_default())
            .copied()
            .collect::<Vec<f32>>();
        Ok(predict::probabilities(
            self.decision.problem,
            &logits,
            self.network.labels(),
        ))
    }

    /// The labels of each text.
    ///
    /// # Errors
    /// As [`Classifier::probabilities`].
    pub fn predict(&self, texts: &[Text], forward: impl Into<Forward>) -> Result<Targets> {
        Ok(self.decision.decide(&self.probabilities(texts, forward)?))
    }
}

/// The configuration of a pretrained model with a head for these labels, as `transformers` reads it.
#[must_use]
pub fn with_labels(config: &EncoderConfig, labels: &[String], problem: Problem) -> EncoderConfig {
    let mut config = config.clone().with_labels(labels);
    (config.other).insert("problem_type".to_owned(), problem.name().into());
    config
}

impl Classifier<SequenceClassifier> {
    /// Writes a folder that `transformers` reads, config.json with `id2label` and `problem_type`, with `labels.json` beside it.
    /// Other files of the folder, such as the tokenizer's, are kept.
    ///
    /// # Errors
    /// [`MethodError::Io`], and those of [`Pretrained::save`].
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<()> {
        let folder = folder.as_ref();
        // Asked before the weights beside it may be replaced.
        let validated = (self.validated.as_ref()).filter(|validated| validated.is_current());
        self.decision.write(folder)?;
        self.network.save(folder)?;
        match validated {
            Some(validated) => validated.write(folder),
            None => Validated::remove(folder),
        }
    }

    /// Reads such a folder.
    ///
    /// # Errors
    /// [`MethodError::Io`] and [`MethodError::File`]; those of [`Pretrained::from_folder`].
    pub fn open(folder: impl AsRef<Path>, device: &Device) -> Result<Self> {
        let folder = folder.as_ref();
        let decision = Decision::read(folder)?;
        let (network, report) = SequenceClassifier::from_folder(folder, RandomKey::new(0), device)?;
        if !report.missing.is_empty() || network.labels() != decision.labels.len() {
            return Err(MethodError::file(
                folder,
                format!(
                    "is no trained classifier of {} labels: {report}; train it again",
                    decision.labels.len()
                ),
            ));
        }
        Ok(Self {
            validated: Validated::read(folder, decision.labels.len())?,
            ..Self::new(network, decision)
        })
    }
}
