//! [`Session`]: what goes with every training, besides model, data and options.

use std::path::PathBuf;
use std::time::Duration;

use tensor::RandomKey;

use crate::{Observer, StepReport};

/// Where and how often training is saved, so that a killed one goes on.
#[derive(Clone, Debug)]
pub struct Checkpointing {
    /// A folder for one training, kept until that is done.
    pub folder: PathBuf,
    /// The time between two checkpoints at least. It changes no result.
    pub every: Duration,
}

impl Checkpointing {
    /// Checkpoints in `folder` once a minute.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            every: Duration::from_secs(60),
        }
    }

    /// Those of a part of the training.
    fn at(&self, part: &str) -> Self {
        Self {
            folder: self.folder.join(part),
            every: self.every,
        }
    }
}

/// What goes with every training, besides model, data and options.
pub struct Session<'a> {
    /// All random numbers follow from it.
    pub seed: u64,
    /// Who watches.
    pub observer: &'a mut dyn Observer,
    /// Where it is saved; nowhere without.
    pub checkpoints: Option<Checkpointing>,
    /// What the last training that is saved reported, for the record of a part that is done.
    pub(super) reports: Vec<StepReport>,
}

impl<'a> Session<'a> {
    /// A training that is saved nowhere.
    pub fn new(seed: u64, observer: &'a mut dyn Observer) -> Self {
        Self {
            seed,
            observer,
            checkpoints: None,
            reports: Vec::new(),
        }
    }

    /// The same, saved in `folder`; see [`Checkpointing::new`].
    #[must_use]
    pub fn saved_in(self, folder: impl Into<PathBuf>) -> Self {
        Self {
            checkpoints: Some(Checkpointing::new(folder)),
            ..self
        }
    }

    pub(crate) fn key(&self) -> RandomKey {
        RandomKey::new(self.seed)
    }

    /// The session of a part of the method, whose random numbers and checkpoints are its own.
    pub(super) fn part(&mut self, name: &str, place: u64) -> Session<'_> {
        Session {
            reports: Vec::new(),
            seed: self.key().fold(place).seed,
            checkpoints: self.checkpoints.as_ref().map(|all| all.at(name)),
            observer: self.observer,
        }
    }
}
