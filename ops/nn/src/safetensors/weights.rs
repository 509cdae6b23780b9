//! [`Weights`]: a model's tensors, in one file or in several with an index.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{INDEX, SafeTensors, View, WEIGHTS};
use crate::files;
use crate::{NnError, Result};

/// The tensors of a model, by name.
#[derive(Debug)]
pub struct Weights {
    path: PathBuf,
    files: Vec<SafeTensors>,
    places: BTreeMap<String, usize>,
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Weights {
    /// Opens a file, an index, or a folder that has either; a folder's single file goes before its index.
    ///
    /// # Errors
    /// [`NnError::File`] if a folder has neither, if the index names a file outside of its folder, or if a file lacks what
    /// the index promises; otherwise as [`SafeTensors::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        if path.is_dir() {
            let (single, index) = (path.join(WEIGHTS), path.join(INDEX));
            return match (single.is_file(), index.is_file()) {
                (true, _) => Self::open(single),
                (false, true) => Self::open(index),
                (false, false) => Err(no_weights(path)),
            };
        }
        match path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            true => Self::of_index(path),
            false => Self::of_files(path, vec![SafeTensors::open(path)?]),
        }
    }

    fn of_files(path: &Path, files: Vec<SafeTensors>) -> Result<Self> {
        let mut places = BTreeMap::new();
        for (place, file) in files.iter().enumerate() {
            for name in file.names() {
                if let Some(other) = places.insert(name.to_owned(), place) {
                    let other: &SafeTensors = &files[other];
                    return Err(NnError::FileTensor {
                        path: file.path().to_owned(),
                        tensor: name.to_owned(),
                        reason: format!(
                            "is in {} as well; remove one of these files",
                            other.path().display()
                        ),
                    });
                }
            }
        }
        Ok(Self {
            path: path.to_owned(),
            files,
            places,
        })
    }

    fn of_index(path: &Path) -> Result<Self> {
        let index: Index = files::read_json(path)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let names: BTreeSet<&String> = index.weight_map.values().collect();
        let is_plain = |name: &str| Path::new(name).file_name().is_some_and(|file| file == name);
        if let Some(name) = names.iter().find(|name| !is_plain(name)) {
            return Err(NnError::file(
                path,
                format!("names the file `{name}`, which is not beside it"),
            ));
        }
        let shards = names
            .iter()
            .map(|name| SafeTensors::open(folder.join(name)));
        let weights = Self::of_files(path, shards.collect::<Result<_>>()?)?;
        for (name, file) in &index.weight_map {
            let found = weights
                .places
                .get(name)
                .map(|&place| weights.files[place].path());
            if found != Some(folder.join(file).as_path()) {
                return Err(NnError::FileTensor {
                    path: folder.join(file),
                    tensor: name.clone(),
                    reason: format!(
                        "is not in this file, where {} says it is; download both again",
                        path.display()
                    ),
                });
            }
        }
        Ok(weights)
    }

    /// The file, or the index.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of all tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }

    /// A tensor by its name.
    pub fn get(&self, name: &str) -> Option<View<'_>> {
        self.files[*self.places.get(name)?].get(name)
    }
}

/// Says what there is instead.
fn no_weights(folder: &Path) -> NnError {
    let pickled = ["pytorch_model.bin", "pytorch_model.bin.index.json"];
    let reason = match pickled.iter().find(|name| folder.join(name).exists()) {
        Some(name) => format!(
            "has no {WEIGHTS}, only {name}: a pickle, which can run any code and is never read here; load it with \
             transformers and save it with `save_pretrained`"
        ),
        None => format!("has neither {WEIGHTS} nor {INDEX}; it must be the folder of a model"),
    };
    NnError::file(folder, reason)
}
