//! [`SetFitClassifier`]: a sentence encoder with a regression over its vectors.

use std::fs;
use std::path::Path;

use nn::bert::SentenceEncoder;
use nn::{Forward, Pretrained};
use tensor::{Device, RandomKey};

use super::vectors;
use crate::classifier::write_json;
use crate::data::check_texts;
use crate::logistic::LogisticHead;
use crate::{Decision, MethodError, Result, SentenceNetwork, Targets, Text, predict};

/// The file beside the encoder's weights that holds the head.
const HEAD_FILE: &str = "head.json";

/// A sentence encoder with a regression over its vectors.
#[derive(Clone, Debug)]
pub struct SetFitClassifier<N> {
    /// The encoder.
    pub network: N,
    /// The regression.
    pub head: LogisticHead,
    /// What its scores mean.
    pub decision: Decision,
}

impl<N: SentenceNetwork> SetFitClassifier<N> {
    /// The probability of each label of each text, `[texts * labels]`, of vectors computed as `forward` says.
    ///
    /// # Errors
    /// [`MethodError::Input`] for texts that the model cannot read.
    pub fn probabilities(&self, texts: &[Text], forward: impl Into<Forward>) -> Result<Vec<f32>> {
        let forward = forward.into();
        check_texts("predict", "texts", texts, &self.network)?;
        let vectors = vectors(&self.network, texts, forward)?;
        let logits = self.head.logits(&vectors, self.network.dimensions());
        Ok(predict::probabilities(
            self.decision.problem,
            &logits,
            self.decision.labels.len(),
        ))
    }

    /// The labels of each text.
    ///
    /// # Errors
    /// As [`SetFitClassifier::probabilities`].
    pub fn predict(&self, texts: &[Text], forward: impl Into<Forward>) -> Result<Targets> {
        Ok(self.decision.decide(&self.probabilities(texts, forward)?))
    }
}

impl SetFitClassifier<SentenceEncoder> {
    /// Writes a folder that `sentence-transformers` reads, with `labels.json` and `head.json` beside it. Other files of the folder,
    /// such as the tokenizer's, are kept.
    ///
    /// # Errors
    /// [`MethodError::Io`], and those of [`Pretrained::save`].
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<()> {
        let folder = folder.as_ref();
        self.decision.write(folder)?;
        write_json(folder, HEAD_FILE, &self.head)?;
        Ok(self.network.save(folder)?)
    }

    /// Reads such a folder.
    ///
    /// # Errors
    /// [`MethodError::Io`] and [`MethodError::File`]; those of [`Pretrained::from_folder`].
    pub fn open(folder: impl AsRef<Path>, device: &Device) -> Result<Self> {
        let folder = folder.as_ref();
        let decision = Decision::read(folder)?;
        let path = folder.join(HEAD_FILE);
        let bytes = fs::read(&path).map_err(MethodError::io(&path, "reading the head"))?;
        let head: LogisticHead = serde_json::from_slice(&bytes).map_err(|error| {
            MethodError::file(
                &path,
                format!("is not as expected: {error}; train the model again"),
            )
        })?;
        let (network, _) = SentenceEncoder::from_folder(folder, RandomKey::new(0), device)?;
        let labels = decision.labels.len();
        let fits = head.biases.len() == labels
            && head.weights.len() == labels
            && (head.weights.iter()).all(|weights| weights.len() == network.dimensions());
        match fits {
            true => Ok(Self {
                network,
                head,
                decision,
            }),
            false => Err(MethodError::file(
                &path,
                "is the head of other labels or of another encoder; train the model again",
            )),
        }
    }
}
