//! Decides, before anything runs, what is cached, what will run, and why. Changes nothing.

mod explain;
pub mod manifest;
mod resolve;
mod select;

use cache::{Action, Key};

pub use explain::{Previous, explain};
pub use manifest::Manifest;
pub use resolve::{PlanError, Resolution, Resolver};
pub use select::{Choice, SelectError, Selection};

use crate::pipeline::Pipeline;

/// What a plan says of one instance.
#[derive(Debug)]
pub enum Planned {
    /// Not needed for the targets.
    Left,
    /// Its outputs are in the cache.
    Cached(Action),
    /// It will run.
    Run(Vec<Why>),
    /// Its inputs are rebuilt; it runs unless they come out the same.
    MayRun(Vec<String>),
}

/// Why an instance will run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// No run of this pipeline has finished it.
    FirstRun,
    /// A difference to the last time, in words: `fit.alpha: 1.0 -> 0.5`.
    Changed(String),
    /// The cache knows the result, but a part of it is missing or has the wrong size.
    BlobMissing(String),
    /// It was computed before, and the cache has forgotten it.
    Forgotten,
    /// The command line said so.
    Forced,
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Why::FirstRun => f.write_str("first run"),
            Why::Changed(difference) => f.write_str(difference),
            Why::BlobMissing(port) => write!(f, "blob missing: {port}"),
            Why::Forgotten => f.write_str("no longer in the cache"),
            Why::Forced => f.write_str("forced"),
        }
    }
}

/// The plan of a whole pipeline.
#[derive(Debug)]
pub struct Plan {
    /// One entry for each of [`Pipeline::instances`].
    pub instances: Vec<Planned>,
    /// The keys that are known already.
    pub keys: Vec<Option<Key>>,
}

impl Plan {
    /// Plans `pipeline`: what the cache holds, and for the rest why it will run.
    pub fn make(
        pipeline: &Pipeline,
        resolver: &Resolver<'_>,
        selection: &Selection,
        previous: &dyn Previous,
    ) -> Result<Plan, PlanError> {
        let mut actions: Vec<Option<Action>> = Vec::with_capacity(pipeline.instances.len());
        let mut keys = Vec::with_capacity(pipeline.instances.len());
        let mut whys: Vec<Option<Planned>> = Vec::with_capacity(pipeline.instances.len());
        for (index, instance) in pipeline.instances.iter().enumerate() {
            if selection.choice(index) == Choice::Left {
                actions.push(None);
                keys.push(None);
                whys.push(Some(Planned::Left));
                continue;
            }
            let rebuilt: Vec<String> = {
                let mut names: Vec<String> = Vec::new();
                for link in instance
                    .links
                    .iter()
                    .filter(|link| actions[link.producer].is_none())
                {
                    let name = &pipeline.steps[pipeline.instances[link.producer].step].name;
                    if !names.contains(name) {
                        names.push(name.clone());
                    }
                }
                names
            };
            let (action, key, why) = if !rebuilt.is_empty() {
                let forced = selection.choice(index) == Choice::Forced;
                let planned = if forced {
                    Planned::Run(vec![Why::Forced])
                } else {
                    Planned::MayRun(rebuilt)
                };
                (None, None, Some(planned))
            } else {
                let resolution = resolver.resolve(index, &|producer| actions[producer].as_ref())?;
                let key = resolution.key;
                match resolution.action {
                    Some(action) if selection.choice(index) != Choice::Forced => {
                        (Some(action), Some(key), None)
                    }
                    _ => {
                        let why = resolver.why(index, &resolution, selection, previous);
                        (None, Some(key), Some(Planned::Run(why)))
                    }
                }
            };
            actions.push(action);
            keys.push(key);
            whys.push(why);
        }
        let instances = actions
            .into_iter()
            .zip(whys)
            .map(|(action, why)| match (action, why) {
                (Some(action), _) => Planned::Cached(action),
                (None, Some(planned)) => planned,
                (None, None) => Planned::Left,
            })
            .collect();
        Ok(Plan { instances, keys })
    }

    /// Whether everything that was asked for is cached.
    pub fn is_done(&self) -> bool {
        self.instances
            .iter()
            .all(|planned| matches!(planned, Planned::Cached(_) | Planned::Left))
    }

    /// What the cache holds for each instance.
    pub fn actions(&self) -> Vec<Option<&Action>> {
        fn action(planned: &Planned) -> Option<&Action> {
            match planned {
                Planned::Cached(action) => Some(action),
                _ => None,
            }
        }
        self.instances.iter().map(action).collect()
    }

    /// A digest of all keys, equal for two runs that would give the same artifacts. `None` while a key is unknown.
    pub fn digest(&self) -> Option<cache::Digest> {
        let keys = self.instances.iter().zip(&self.keys);
        digest_of(keys.map(|(planned, key)| match planned {
            Planned::Left => Some(None),
            _ => key.map(Some),
        }))
    }
}

/// The digest of a plan's keys: for each instance its key, `Some(None)` where it is left out, `None` where the key is
/// not known, which leaves the digest unknown.
pub fn digest_of(keys: impl Iterator<Item = Option<Option<Key>>>) -> Option<cache::Digest> {
    let mut hasher = cache::canonical::Hasher::new("plan");
    for key in keys {
        match key? {
            Some(key) => hasher.digest(&key.0),
            None => hasher.none(),
        };
    }
    Some(hasher.finish())
}
