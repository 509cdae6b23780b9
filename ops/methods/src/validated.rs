//! [`Validated`]: what a model said of its validation texts when it was chosen, kept beside its weights so that nobody computes it
//! again.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use nn::safetensors::{self, SafeTensors};
use tensor::{Device, Tensor};

use crate::{MethodError, Result, Text};

/// The file beside the weights.
pub(crate) const VALIDATED_FILE: &str = "validated.safetensors";

const TEXTS: &str = "texts";
const LOGITS: &str = "logits";
const WEIGHTS: &str = "weights";

/// What names a text: the first half of the BLAKE3 hash of its token ids.
type Name = [u32; 4];

/// Scores of the texts that a model was chosen on.
#[derive(Clone, Debug)]
pub struct Validated {
    names: Vec<Name>,
    /// `[texts * labels]`.
    logits: Vec<f32>,
    places: HashMap<Name, usize>,
    /// Where it was read, and the hash of the weights that it is of; whether the folder's weights are these, once that was asked.
    source: Option<(PathBuf, Hash)>,
    is_current: OnceLock<bool>,
}

/// Words of a BLAKE3 hash.
type Hash = [u32; 8];

impl Validated {
    /// The scores, `[texts * labels]`, that a model gave these texts.
    pub(crate) fn new(texts: &[Text], logits: Vec<f32>) -> Self {
        Self::of(texts.iter().map(name).collect(), logits)
    }

    fn of(names: Vec<Name>, logits: Vec<f32>) -> Self {
        let places = names.iter().copied().zip(0..).collect();
        Self {
            names,
            logits,
            places,
            source: None,
            is_current: OnceLock::new(),
        }
    }

    /// Whether the weights beside it are still those that it is of. Weights are read for it only where a text is found in it.
    pub(crate) fn is_current(&self) -> bool {
        let Some((folder, weights)) = &self.source else {
            return true;
        };
        *(self.is_current)
            .get_or_init(|| hash_of_weights(folder).is_ok_and(|found| found == *weights))
    }

    /// The scores of a text, if it is one of them.
    pub(crate) fn get(&self, text: &Text) -> Option<&[f32]> {
        let place = *self.places.get(&name(text))?;
        if !self.is_current() {
            return None;
        }
        let labels = self.logits.len() / self.names.len().max(1);
        self.logits.get(place * labels..(place + 1) * labels)
    }

    /// Writes the file into the folder of a model, whose weights must be there.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let device = Device::cpu();
        let texts = self.names.len();
        let labels = self.logits.len() / texts.max(1);
        let weights = hash_of_weights(folder)?;
        let tensors = [
            (WEIGHTS, Tensor::new(&weights, [weights.len()], &device)?),
            (
                TEXTS,
                Tensor::new(self.names.as_flattened(), [texts, 4], &device)?,
            ),
            (LOGITS, Tensor::new(&self.logits, [texts, labels], &device)?),
        ];
        let tensors = tensors.map(|(name, tensor)| (name.to_owned(), tensor));
        Ok(safetensors::write(folder.join(VALIDATED_FILE), &tensors)?)
    }

    /// Removes the file from a folder that another model is written to.
    pub(crate) fn remove(folder: &Path) -> Result<()> {
        let path = folder.join(VALIDATED_FILE);
        match path.is_file() {
            true => fs::remove_file(&path).map_err(MethodError::io(&path, "removing the file")),
            false => Ok(()),
        }
    }

    /// Reads the file of a model's folder, if there is one. Where the weights are others by now, no text is found in it.
    pub(crate) fn read(folder: &Path, labels: usize) -> Result<Option<Self>> {
        let path = folder.join(VALIDATED_FILE);
        if !path.is_file() {
            return Ok(None);
        }
        let file = SafeTensors::open(&path)?;
        let device = Device::cpu();
        let tensor = |name: &str| -> Result<Tensor> {
            let view = file.get(name).ok_or_else(|| refused(&path))?;
            Ok(view.tensor(&device)?)
        };
        let weights: Vec<u32> = tensor(WEIGHTS)?.to_vec()?;
        let names: Vec<u32> = tensor(TEXTS)?.to_vec()?;
        let logits: Vec<f32> = tensor(LOGITS)?.to_vec()?;
        let (names, rest) = names.as_chunks::<4>();
        if !rest.is_empty() || logits.len() != names.len() * labels {
            return Err(refused(&path));
        }
        let weights = weights.try_into().map_err(|_| refused(&path))?;
        Ok(Some(Self {
            source: Some((folder.to_owned(), weights)),
            ..Self::of(names.to_vec(), logits)
        }))
    }
}

fn refused(path: &Path) -> MethodError {
    MethodError::file(
        path,
        "is not as expected; remove it, and what it holds is computed where it is needed",
    )
}

fn name(text: &Text) -> Name {
    let mut hasher = blake3::Hasher::new();
    for id in &text.ids {
        hasher.update(&id.to_le_bytes());
    }
    let words = words(&hasher.finalize());
    [words[0], words[1], words[2], words[3]]
}

fn words(hash: &blake3::Hash) -> Hash {
    let mut words = [0; 8];
    for (word, bytes) in words.iter_mut().zip(hash.as_bytes().as_chunks::<4>().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    words
}

/// Of all files of weights in a folder.
fn hash_of_weights(folder: &Path) -> Result<Hash> {
    let mut paths = fs::read_dir(folder)
        .and_then(|entries| {
            (entries.map(|entry| Ok(entry?.path()))).collect::<std::io::Result<Vec<PathBuf>>>()
        })
        .map_err(MethodError::io(folder, "listing the folder"))?;
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "safetensors")
            && !path.ends_with(VALIDATED_FILE)
    });
    paths.sort();
    let mut hasher = blake3::Hasher::new();
    for path in paths {
        let file = File::open(&path).map_err(MethodError::io(&path, "opening the weights"))?;
        (hasher.update_reader(file)).map_err(MethodError::io(&path, "reading the weights"))?;
    }
    Ok(words(&hasher.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(ids: &[u32]) -> Text {
        Text {
            ids: ids.to_vec(),
            special: vec![false; ids.len()],
        }
    }

    #[test]
    fn scores_come_back_as_long_as_the_weights_are_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let weights = folder.path().join(safetensors::WEIGHTS);
        fs::write(&weights, b"these").unwrap();
        let texts = [text(&[1, 2, 3]), text(&[1, 2]), text(&[])];
        let logits = vec![0.5, -1.0, 2.0, 3.0, 1e-30, 7.0];
        Validated::new(&texts, logits).write(folder.path()).unwrap();
        let found = Validated::read(folder.path(), 2).unwrap().unwrap();
        assert_eq!(found.get(&texts[0]), Some(&[0.5, -1.0][..]));
        assert_eq!(found.get(&texts[2]), Some(&[1e-30, 7.0][..]));
        assert_eq!(found.get(&text(&[2, 1])), None);
        assert!(Validated::read(folder.path(), 3).is_err());
        fs::write(&weights, b"those").unwrap();
        let found = Validated::read(folder.path(), 2).unwrap().unwrap();
        assert_eq!(found.get(&texts[0]), None);
        Validated::remove(folder.path()).unwrap();
        assert!(!folder.path().join(VALIDATED_FILE).exists());
    }
}
