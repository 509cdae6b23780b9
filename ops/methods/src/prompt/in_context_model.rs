//! [`InContextClassifier`]: a causal language model with the examples that it is shown.

use std::fs;
use std::path::Path;

use nn::generate::read_prefix;
use nn::gpt2::Gpt2LanguageModel;
use nn::{Forward, Pretrained};
use serde::{Deserialize, Serialize};
use tensor::{DType, Device, RandomKey};

use super::in_context::{Causal, InContext, calibrate, mean};
use crate::classifier::write_json;
use crate::{Decision, Labelled, MethodError, Result, Text, Thresholds};

const METHOD: &str = "in_context";

/// The file beside the model's weights that holds the examples.
const FILE: &str = "in_context.json";

/// A causal language model with the examples that it is shown, which are read once for all texts.
#[derive(Clone, Debug)]
pub struct InContextClassifier {
    /// The model, as it was before.
    pub network: Gpt2LanguageModel,
    /// Examples, and how texts and labels are written.
    pub shown: InContext,
    /// The probability of each label of texts without content, by which others are divided; none without calibration.
    pub prior: Option<Vec<f64>>,
    /// What probabilities mean.
    pub decision: Decision,
}

/// What is read and written as `in_context.json`.
#[derive(Serialize, Deserialize)]
struct Saved {
    shown: InContext,
    prior: Option<Vec<f64>>,
}

impl InContextClassifier {
    /// A model that is shown examples, calibrated by `empty` texts where there are any.
    ///
    /// # Errors
    /// [`MethodError::Input`] for examples that do not fit the labels or the model; those of the model.
    pub fn new(
        network: Gpt2LanguageModel,
        shown: InContext,
        empty: &[Text],
        decision: Decision,
    ) -> Result<Self> {
        let mut classifier = Self {
            network,
            shown,
            prior: None,
            decision,
        };
        classifier.check()?;
        if !empty.is_empty() {
            let of_empty = classifier.probabilities(empty, DType::F32, &|_| false)?;
            classifier.prior = Some(mean(&of_empty, classifier.decision.labels.len()));
        }
        Ok(classifier)
    }

    fn check(&self) -> Result<()> {
        self.shown.check()?;
        let (words, labels) = (self.shown.verbalizers.len(), self.decision.labels.len());
        if words != labels
            || self
                .prior
                .as_ref()
                .is_some_and(|prior| prior.len() != labels)
        {
            return Err(MethodError::input(
                METHOD,
                format!(
                    "there are {labels} labels, and words or a calibration for {words}; give each label its words"
                ),
            ));
        }
        let (before, rest) = self.shown.split();
        let longest = rest.verbalizers.iter().map(Vec::len).max().unwrap_or(0);
        let needed = before.len() + rest.before.len() + rest.between.len() + longest + 1;
        let most = self.network.config().n_positions;
        match needed <= most {
            true => Ok(()),
            false => Err(MethodError::input(
                METHOD,
                format!(
                    "examples, template and a label have {needed} tokens with one of a text, and the model takes {most}; show fewer or \
                     shorter examples"
                ),
            )),
        }
    }

    /// The probability of each label of each text among all labels, `[texts * labels]`. Long texts are cut.
    /// `stop` is told how many texts are done, and ends the work by saying true.
    ///
    /// # Errors
    /// [`MethodError::Interrupted`]; those of the model.
    pub fn probabilities(
        &self,
        texts: &[Text],
        forward: impl Into<Forward>,
        stop: &dyn Fn(usize) -> bool,
    ) -> Result<Vec<f32>> {
        let forward = forward.into();
        let (before, rest) = self.shown.split();
        let cache = self.network.model().cache(1);
        let cache = match before.is_empty() {
            true => cache,
            false => read_prefix(&self.network, cache, &before, forward)?,
        };
        let causal = Causal {
            model: &self.network,
            cache,
            forward,
        };
        let found = rest.probabilities_until(&causal, texts, stop)?;
        Ok(match &self.prior {
            Some(prior) => calibrate(&found, prior),
            None => found,
        })
    }

    /// Finds the thresholds on validation texts.
    ///
    /// # Errors
    /// As [`InContextClassifier::probabilities`].
    pub fn tune(
        &mut self,
        thresholds: Thresholds,
        validation: &Labelled<'_>,
        stop: &dyn Fn(usize) -> bool,
    ) -> Result<()> {
        let probabilities = self.probabilities(validation.texts, DType::F32, stop)?;
        let known = Some((&probabilities[..], validation.targets));
        self.decision.thresholds = thresholds.find(self.decision.labels.len(), known);
        Ok(())
    }

    /// Writes a folder that `transformers` reads as a language model, with `labels.json` and `in_context.json` beside it. Other files of
    /// the folder, such as the tokenizer's, are kept.
    ///
    /// # Errors
    /// [`MethodError::Io`], and those of [`Pretrained::save`].
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<()> {
        let folder = folder.as_ref();
        self.decision.write(folder)?;
        let saved = Saved {
            shown: self.shown.clone(),
            prior: self.prior.clone(),
        };
        write_json(folder, FILE, &saved)?;
        Ok(self.network.save(folder)?)
    }

    /// Reads such a folder.
    ///
    /// # Errors
    /// [`MethodError::Io`] and [`MethodError::File`]; those of [`Pretrained::from_folder`].
    pub fn open(folder: impl AsRef<Path>, device: &Device) -> Result<Self> {
        let folder = folder.as_ref();
        let path = folder.join(FILE);
        let bytes = fs::read(&path).map_err(MethodError::io(&path, "reading the examples"))?;
        let saved: Saved = serde_json::from_slice(&bytes).map_err(|error| {
            MethodError::file(
                &path,
                format!("is not as expected: {error}; train the model again"),
            )
        })?;
        let (network, _) = Gpt2LanguageModel::from_folder(folder, RandomKey::new(0), device)?;
        let classifier = Self {
            network,
            shown: saved.shown,
            prior: saved.prior,
            decision: Decision::read(folder)?,
        };
        classifier.check()?;
        Ok(classifier)
    }
}
