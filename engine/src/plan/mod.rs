//! Decides, before anything runs, what is cached, what will run, and why. Changes nothing.

mod explain;
pub mod manifest;
mod presence;
pub mod remembered;
mod resolve;
mod select;

use std::collections::HashMap;

use cache::{Action, Key};
use presence::Presence;
use resolve::Found;

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

impl Planned {
    /// What the cache holds of it.
    pub fn action(&self) -> Option<&Action> {
        match self {
            Planned::Cached(action) => Some(action),
            _ => None,
        }
    }
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
        let maker = Maker {
            pipeline,
            resolver,
            selection,
            previous,
        };
        // What the cache recalls is taken to be there, since it mostly is, until all of it has been looked at. Where a
        // part is missing, everything behind it is planned anew.
        let (plan, absent) = std::thread::scope(|scope| {
            let count = pipeline.instances.len();
            let mut presence = Presence::begin(scope, resolver.cache(), count);
            let plan = maker.make(&HashMap::new(), &mut |index, action| {
                presence.look_at(index, action);
            })?;
            Ok::<_, PlanError>((plan, presence.absent()))
        })?;
        let missing: HashMap<usize, String> = absent
            .into_iter()
            .filter_map(|index| {
                let action = plan.instances[index].action()?;
                let (port, _) = resolver.cache().check(action).err()?;
                Some((index, port))
            })
            .collect();
        if missing.is_empty() {
            return Ok(plan);
        }
        maker.make(&missing, &mut |_, _| ())
    }

    /// Whether everything that was asked for is cached.
    pub fn is_done(&self) -> bool {
        self.instances
            .iter()
            .all(|planned| matches!(planned, Planned::Cached(_) | Planned::Left))
    }

    /// What the cache holds for each instance.
    pub fn actions(&self) -> Vec<Option<&Action>> {
        self.instances.iter().map(Planned::action).collect()
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

struct Maker<'a> {
    pipeline: &'a Pipeline,
    resolver: &'a Resolver<'a>,
    selection: &'a Selection,
    previous: &'a dyn Previous,
}

impl Maker<'_> {
    /// The plan, given the instances with an output of which a part is `missing`. What the cache recalls beside them is
    /// taken to be there.
    fn make(
        &self,
        missing: &HashMap<usize, String>,
        recalled: &mut dyn FnMut(usize, &Action),
    ) -> Result<Plan, PlanError> {
        let count = self.pipeline.instances.len();
        let mut plan = Plan {
            instances: Vec::with_capacity(count),
            keys: Vec::with_capacity(count),
        };
        for index in 0..count {
            let (planned, key) = self.instance(index, missing.get(&index), &plan)?;
            if let Some(action) = planned.action() {
                recalled(index, action);
            }
            plan.instances.push(planned);
            plan.keys.push(key);
        }
        Ok(plan)
    }

    /// Plans an instance whose producers are planned.
    fn instance(
        &self,
        index: usize,
        missing: Option<&String>,
        plan: &Plan,
    ) -> Result<(Planned, Option<Key>), PlanError> {
        let choice = self.selection.choice(index);
        if choice == Choice::Left {
            return Ok((Planned::Left, None));
        }
        let forced = choice == Choice::Forced;
        let rebuilt = self.rebuilt(index, plan);
        if !rebuilt.is_empty() {
            let planned = match forced {
                true => Planned::Run(vec![Why::Forced]),
                false => Planned::MayRun(rebuilt),
            };
            return Ok((planned, None));
        }
        let look_up = |key: &Key| match (self.resolver.cache().recall(key), missing) {
            (Some(_), Some(port)) => Found::Missing(port.clone()),
            (Some(action), None) => Found::Cached(action),
            (None, _) => Found::Nothing,
        };
        let finished = |producer: usize| plan.instances[producer].action();
        let mut resolution = self
            .resolver
            .resolve_by(&look_up, index, forced, &finished)?;
        let key = Some(resolution.key);
        match resolution.action.take_if(|_| !forced) {
            Some(action) => Ok((Planned::Cached(action), key)),
            None => {
                let why = self
                    .resolver
                    .why(index, &resolution, self.selection, self.previous);
                Ok((Planned::Run(why), key))
            }
        }
    }

    /// The steps that feed an instance and are not cached, each once.
    fn rebuilt(&self, index: usize, plan: &Plan) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for link in &self.pipeline.instances[index].links {
            if plan.instances[link.producer].action().is_some() {
                continue;
            }
            let name = &self.pipeline.steps[self.pipeline.instances[link.producer].step].name;
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
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
