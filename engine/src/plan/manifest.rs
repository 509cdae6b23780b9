//! Everything that a step's outputs depend on, in one place: its digest is the key, its text explains a rerun.

use std::borrow::Cow;

use cache::canonical::{Encoded, Hasher};
use cache::{Digest, Key};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::pipeline::matrix::Coordinates;

/// What a step's outputs depend on. Its name, the device and the number of threads are not part of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The kind.
    pub kind: String,
    /// The kind's version.
    pub version: u32,
    /// Parameters, defaults filled in, secrets as digests, what changes only speed left out.
    pub parameters: Json,
    /// The seed, for kinds that draw random numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The inputs, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<ManifestInput>,
    /// Files outside the pipeline, sorted by path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<ManifestFile>,
    /// Whether the outputs hold the files' paths.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub names_files: bool,
    /// Environment variables that a command sees: name and digest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<(String, String)>,
}

/// An input's port, coordinates and content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ManifestInput {
    /// The port that it feeds.
    pub port: String,
    /// Its coordinates, which the consumer sees.
    #[serde(default, skip_serializing_if = "Coordinates::is_empty")]
    pub coordinates: Coordinates,
    /// The digest of its content.
    pub digest: Digest,
}

/// A file's path and content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// The path, relative to the project's root where it is below it.
    pub path: String,
    /// The digest of its content.
    pub digest: Digest,
}

/// All that a [`Manifest`] says, borrowed where it can be: most keys are computed only to be looked up.
pub(super) struct Essentials<'a> {
    pub(super) kind: Cow<'static, str>,
    pub(super) version: u32,
    pub(super) parameters: &'a Encoded,
    pub(super) seed: Option<u64>,
    /// Port, coordinates and content of each input.
    pub(super) inputs: Vec<(&'a str, &'a Coordinates, Digest)>,
    pub(super) files: Vec<ManifestFile>,
    pub(super) names_files: bool,
    pub(super) env: Vec<(String, String)>,
}

impl Essentials<'_> {
    /// The key: a digest of everything above but the files' paths, which matter only where a parameter or an output
    /// holds them.
    pub(super) fn key(&self) -> Key {
        let mut hasher = Hasher::new("step");
        hasher
            .str(&self.kind)
            .u64(u64::from(self.version))
            .encoded(self.parameters);
        match self.seed {
            Some(seed) => hasher.u64(seed),
            None => hasher.none(),
        };
        hasher.list(self.inputs.len());
        for (port, coordinates, digest) in &self.inputs {
            hasher
                .str(port)
                .digest(digest)
                .list(coordinates.iter().count());
            for (name, value) in coordinates.iter() {
                hasher.str(name).json(value);
            }
        }
        hasher.list(self.files.len());
        for file in &self.files {
            hasher.digest(&file.digest);
            if self.names_files {
                hasher.str(&file.path);
            }
        }
        hasher.list(self.env.len());
        for (name, digest) in &self.env {
            hasher.str(name).str(digest);
        }
        Key(hasher.finish())
    }

    /// The manifest, for an instance that will run.
    pub(super) fn into_manifest(self) -> Manifest {
        let input = |(port, coordinates, digest): (&str, &Coordinates, Digest)| ManifestInput {
            port: port.to_owned(),
            coordinates: coordinates.clone(),
            digest,
        };
        Manifest {
            kind: self.kind.into_owned(),
            version: self.version,
            parameters: self.parameters.to_json(),
            seed: self.seed,
            inputs: self.inputs.into_iter().map(input).collect(),
            files: self.files,
            names_files: self.names_files,
            env: self.env,
        }
    }
}

impl Manifest {
    /// The text that is stored beside the outputs.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads a stored text; `None` where an older engine wrote another form.
    pub fn from_text(text: &str) -> Option<Manifest> {
        serde_json::from_str(text).ok()
    }
}
