//! [`PromptClassifier`]: a masked language model that fills gaps with labels' words.

use std::fs;
use std::path::Path;

use nn::bert::MaskedLm;
use nn::{Forward, Packed, Pretrained};
use serde::{Deserialize, Serialize};
use tensor::{DType, Device, RandomKey};

use super::{Filled, Prompt, Words, gaps, mean_loss};
use crate::classifier::write_json;
use crate::data::check_texts;
use crate::metrics::scores;
use crate::{
    Decision, Labelled, MaskedNetwork, MethodError, Problem, Result, Targets, Text, Thresholds,
    predict,
};

/// The file beside the model's weights that holds the prompt.
const PROMPT_FILE: &str = "prompt.json";

/// A masked language model that fills gaps with labels' words.
#[derive(Clone, Debug)]
pub struct PromptClassifier<N> {
    /// The model.
    pub network: N,
    /// The pattern, and the labels' words.
    pub prompt: Prompt,
    /// The token that masks.
    pub mask: u32,
    /// What probabilities mean.
    pub decision: Decision,
}

/// What is read and written as `prompt.json`.
#[derive(Serialize, Deserialize)]
struct Saved {
    prompt: Prompt,
    mask: u32,
}

impl<N: MaskedNetwork> PromptClassifier<N> {
    /// The probability of each label of each text, `[texts * labels]`, computed as `forward` says: of its word at the gap, among all
    /// words, or among those of labels where these exclude each other.
    ///
    /// # Errors
    /// [`MethodError::Input`] for texts that the model cannot read.
    pub fn probabilities(&self, texts: &[Text], forward: impl Into<Forward>) -> Result<Vec<f32>> {
        let forward = forward.into();
        let device = self.network.device();
        let words = Words::new(&self.prompt.verbalizers, &device)?;
        let labels = self.prompt.verbalizers.len();
        let filled: Vec<Filled> = (texts.iter())
            .map(|text| self.prompt.pattern.fill(text, self.mask))
            .collect();
        let whole: Vec<Text> = filled.iter().map(|filled| filled.text.clone()).collect();
        check_texts("predict", "texts", &whole, &self.network)?;
        let mut all = vec![0.0; texts.len() * labels];
        for batch in predict::batches_by_length(&whole) {
            let chosen: Vec<Filled> = batch.iter().map(|&place| filled[place].clone()).collect();
            let found = tensor::no_grad(|| -> Result<Vec<f32>> {
                let texts: Vec<&Text> = chosen.iter().map(|filled| &filled.text).collect();
                let packed = Packed::new(&texts, &device)?;
                let places = gaps(&chosen, &device)?;
                let hidden = self.network.transformed(&packed, &places, forward)?;
                let scores = self.network.word_scores(&hidden, forward)?;
                Ok(words.probabilities(&scores)?.to_f32_vec()?)
            })?;
            for (row, place) in found.chunks(labels.max(1)).zip(batch) {
                all[place * labels..(place + 1) * labels].copy_from_slice(row);
            }
        }
        if self.decision.problem == Problem::Single {
            for row in all.chunks_mut(labels.max(1)) {
                let sum: f32 = row.iter().sum();
                let even = 1.0 / row.len() as f32;
                row.iter_mut()
                    .for_each(|p| *p = if sum > 0.0 { *p / sum } else { even });
            }
        }
        Ok(all)
    }

    /// The labels of each text.
    ///
    /// # Errors
    /// As [`PromptClassifier::probabilities`].
    pub fn predict(&self, texts: &[Text], forward: impl Into<Forward>) -> Result<Targets> {
        Ok(self.decision.decide(&self.probabilities(texts, forward)?))
    }

    /// Loss, F1 and accuracy, with thresholds as they are asked for.
    pub(super) fn evaluate(
        &self,
        validation: &Labelled<'_>,
        thresholds: Thresholds,
    ) -> Result<Vec<(String, f64)>> {
        let probabilities = self.probabilities(validation.texts, DType::F32)?;
        let labels = self.decision.labels.len();
        let known = Some((&probabilities[..], validation.targets));
        let decision = Decision {
            thresholds: thresholds.find(labels, known),
            ..self.decision.clone()
        };
        let loss = mean_loss(validation.targets, &probabilities, labels);
        let mut metrics = vec![("loss".to_owned(), loss)];
        let predicted = decision.decide(&probabilities);
        metrics.extend(scores(validation.targets, &predicted, labels));
        Ok(metrics)
    }
}

impl PromptClassifier<MaskedLm> {
    /// Writes a folder that `transformers` reads as a masked language model, with `labels.json` and `prompt.json` beside it. Other
    /// files of the folder, such as the tokenizer's, are kept.
    ///
    /// # Errors
    /// [`MethodError::Io`], and those of [`Pretrained::save`].
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<()> {
        let folder = folder.as_ref();
        self.decision.write(folder)?;
        let saved = Saved {
            prompt: self.prompt.clone(),
            mask: self.mask,
        };
        write_json(folder, PROMPT_FILE, &saved)?;
        Ok(self.network.save(folder)?)
    }

    /// Reads such a folder.
    ///
    /// # Errors
    /// [`MethodError::Io`] and [`MethodError::File`]; those of [`Pretrained::from_folder`].
    pub fn open(folder: impl AsRef<Path>, device: &Device) -> Result<Self> {
        let folder = folder.as_ref();
        let decision = Decision::read(folder)?;
        let path = folder.join(PROMPT_FILE);
        let bytes = fs::read(&path).map_err(MethodError::io(&path, "reading the prompt"))?;
        let saved: Saved = serde_json::from_slice(&bytes).map_err(|error| {
            MethodError::file(
                &path,
                format!("is not as expected: {error}; train the model again"),
            )
        })?;
        let (network, report) = MaskedLm::from_folder(folder, RandomKey::new(0), device)?;
        if !report.missing.is_empty() || saved.prompt.verbalizers.len() != decision.labels.len() {
            return Err(MethodError::file(
                folder,
                format!(
                    "is no trained model of {} labels: {report}; train it again",
                    decision.labels.len()
                ),
            ));
        }
        Ok(Self {
            network,
            prompt: saved.prompt,
            mask: saved.mask,
            decision,
        })
    }
}
