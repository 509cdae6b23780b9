//! What the store keeps of a computation: [`Action`], its [`Output`]s and their [`Artifact`]s.

use serde::{Deserialize, Serialize};

use crate::canonical::Hasher;
use crate::{Digest, Key};

/// Bytes in the store: their digest and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Blob {
    /// BLAKE3 of the bytes.
    pub digest: Digest,
    /// Length in bytes.
    pub size: u64,
}

/// What an output is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Artifact {
    /// One file.
    File(Blob),
    /// A folder: every regular file in it by its relative path (`/` between components), sorted by the path's
    /// bytes. Empty folders and modes are not kept.
    Folder(Vec<(String, Blob)>),
}

impl Artifact {
    /// The digest of the content: a file's is that of its bytes, a folder's the canonical hash of its listing.
    pub fn digest(&self) -> Digest {
        match self {
            Self::File(blob) => blob.digest,
            Self::Folder(listing) => {
                let mut hasher = Hasher::new("folder");
                hasher.map(listing.len());
                for (path, blob) in listing {
                    hasher.str(path).digest(&blob.digest);
                }
                hasher.finish()
            }
        }
    }

    /// Bytes in all its files together.
    pub fn size(&self) -> u64 {
        self.blobs().map(|blob| blob.size).sum()
    }

    /// Its blobs, in the order of the listing.
    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        let (file, folder): (_, &[(String, Blob)]) = match self {
            Self::File(blob) => (Some(blob), &[]),
            Self::Folder(listing) => (None, listing),
        };
        file.into_iter().chain(folder.iter().map(|(_, blob)| blob))
    }
}

/// One named output of an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// The port's name.
    pub port: String,
    /// What came out of it.
    pub artifact: Artifact,
}

/// A finished computation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// What it was computed from.
    pub key: Key,
    /// Its outputs, in the order in which they were published.
    pub outputs: Vec<Output>,
    /// JSON text that says what the key was hashed from. Opaque here.
    pub manifest: String,
    /// JSON text that says how the outputs came about. Opaque here.
    pub provenance: String,
    /// When it was published, in seconds since 1970.
    pub created: u64,
}

impl Action {
    /// The artifact of a port.
    pub fn output(&self, port: &str) -> Option<&Artifact> {
        self.outputs
            .iter()
            .find(|output| output.port == port)
            .map(|output| &output.artifact)
    }

    /// The blobs of all outputs.
    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        self.outputs
            .iter()
            .flat_map(|output| output.artifact.blobs())
    }
}
