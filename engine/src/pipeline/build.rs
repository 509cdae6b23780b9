//! From raw step tables to drafts: kinds found, matrices expanded, `${...}` filled in, parameters typed.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use cache::canonical::Encoded;
use rayon::prelude::*;
use serde_json::Value as Json;

use crate::steps::port::{InputPort, OutputPort};
use crate::steps::{Kind, Resources, Step, kinds};

use super::document::{Document, read_env};
use super::interpolate::Scope;
use super::matrix::{Axes, Coordinates};
use super::mistake::{Mistake, Mistakes};
use super::params::check_parameters;
use super::reference::{Feed, read_feeds};
use super::resources::read_resources;
use super::secrets::Secrets;
use super::value::{Data, Key, Span, Value};

/// Keys that every step takes beside its parameters.
const COMMON_KEYS: [&str; 7] = [
    "op",
    "method",
    "input",
    "matrix",
    "env",
    "seed",
    "resources",
];

/// A step of the file with its instances, not yet linked.
pub struct Draft<'a> {
    /// Its name and place.
    pub key: &'a Key,
    /// Its instances.
    pub instances: Vec<DraftInstance<'a>>,
    /// What would feed the instances that could not be built, so that mistakes in it are found all the same.
    pub unbuilt_feeds: Vec<Feed>,
}

/// An instance, not yet linked.
pub struct DraftInstance<'a> {
    pub name: String,
    pub coordinates: Coordinates,
    pub kind: &'static Kind,
    pub work: Box<dyn Step>,
    pub parameters: Encoded,
    pub seed: u64,
    pub env: Vec<String>,
    pub resources: Resources,
    pub input_ports: Vec<InputPort>,
    pub output_ports: Vec<OutputPort>,
    pub files: Vec<PathBuf>,
    pub feeds: Vec<Feed>,
    /// The step's table, filled in, to find the place of a parameter.
    pub written: Cow<'a, Value>,
}

/// All drafts of a file.
pub struct BuiltSteps<'a> {
    pub drafts: Vec<Draft<'a>>,
    pub secrets: Secrets,
}

/// Builds the steps of a document.
pub fn build_steps<'a>(
    document: &'a Document,
    root: &Path,
    mistakes: &mut Mistakes,
) -> BuiltSteps<'a> {
    let mut listed: BTreeSet<String> = document.env.iter().cloned().collect();
    let mut ignored = Mistakes::default();
    for (_, table) in &document.steps {
        if let Some(env) = table.get("env") {
            listed.extend(read_env(env, &mut ignored));
        }
    }
    let secrets = Secrets::from_env(listed.iter().map(String::as_str));
    let by_name: HashMap<&str, &Value> = document
        .steps
        .iter()
        .map(|(key, table)| (key.name.as_str(), table))
        .collect();
    let builder = Builder {
        document,
        root,
        secrets: &secrets,
        by_name,
    };
    let drafts = builder.drafts(mistakes);
    BuiltSteps { drafts, secrets }
}

struct Builder<'a, 'b> {
    document: &'a Document,
    root: &'b Path,
    secrets: &'b Secrets,
    by_name: HashMap<&'a str, &'a Value>,
}

/// From this many steps on it pays to build them in several threads.
const MANY_STEPS: usize = 512;

impl<'a> Builder<'a, '_> {
    fn drafts(&self, mistakes: &mut Mistakes) -> Vec<Draft<'a>> {
        let steps = &self.document.steps;
        if steps.len() < MANY_STEPS {
            let draft = |(key, table)| self.draft(key, table, mistakes);
            return steps
                .iter()
                .map(|(key, table)| (key, table))
                .map(draft)
                .collect();
        }
        let draft = |(key, table): &'a (Key, Value)| {
            let mut mistakes = Mistakes::default();
            (self.draft(key, table, &mut mistakes), mistakes)
        };
        let drafts: Vec<(Draft<'a>, Mistakes)> = steps.par_iter().map(draft).collect();
        let mut keep = |(draft, found): (Draft<'a>, Mistakes)| {
            mistakes.extend(found);
            draft
        };
        drafts.into_iter().map(&mut keep).collect()
    }

    fn draft(&self, key: &'a Key, table: &'a Value, mistakes: &mut Mistakes) -> Draft<'a> {
        let axes = self.axes(key, table, mistakes);
        let combinations = axes.combinations();
        let mut instances = Vec::with_capacity(combinations.len());
        let mut unbuilt_feeds = Vec::new();
        for coordinates in combinations {
            match self.instance(key, table, &coordinates, mistakes) {
                Some(instance) => instances.push(instance),
                None => {
                    let scope = self.scope(&coordinates, &[], false);
                    let input = table
                        .get("input")
                        .map(|input| scope.fill(input, &mut Mistakes::default()));
                    unbuilt_feeds.extend(
                        input
                            .into_iter()
                            .flat_map(|input| read_feeds(&input, mistakes)),
                    );
                }
            }
        }
        Draft {
            key,
            instances,
            unbuilt_feeds,
        }
    }

    /// The axes of a step: its `matrix` table, or those of the step that `matrix = "STEP"` names.
    fn axes(&self, key: &Key, table: &Value, mistakes: &mut Mistakes) -> Axes {
        let mut table = table;
        let mut passed: Vec<&str> = vec![&key.name];
        loop {
            let Some(matrix) = table.get("matrix") else {
                return Axes::default();
            };
            match &matrix.data {
                Data::Table(_) => {
                    let filled = self
                        .scope(&Coordinates::default(), &[], false)
                        .fill(matrix, mistakes);
                    return Axes::from_value(&filled, mistakes);
                }
                Data::String(name) => match self.by_name.get_key_value(name.as_str()) {
                    Some((name, _)) if passed.contains(name) => {
                        let mistake = Mistake::new(
                            matrix.span.clone(),
                            format!("the matrix of `{}` refers to itself", key.name),
                        );
                        mistakes.push(mistake);
                        return Axes::default();
                    }
                    Some((name, other)) => {
                        if other.get("matrix").is_none() {
                            let message = format!("the step `{name}` has no matrix to share");
                            mistakes.push(Mistake::new(matrix.span.clone(), message));
                        }
                        passed.push(name);
                        table = other;
                    }
                    None => {
                        let mistake =
                            Mistake::new(matrix.span.clone(), format!("there is no step `{name}`"));
                        mistakes.push(mistake.near_miss(
                            name,
                            self.by_name.keys().copied(),
                            "steps",
                        ));
                        return Axes::default();
                    }
                },
                _ => {
                    let message = format!(
                        "`matrix` must be a table of axes, not {}",
                        matrix.type_name()
                    );
                    let mistake = Mistake::new(matrix.span.clone(), message);
                    mistakes.push(mistake.help("write { n = [8, 16], seed = [0, 1] }, or the name of the step whose matrix this one shares"));
                    return Axes::default();
                }
            }
        }
    }

    fn scope<'b>(&'b self, matrix: &'b Coordinates, env: &'b [String], masked: bool) -> Scope<'b> {
        Scope {
            vars: &self.document.vars,
            matrix,
            env,
            secrets: self.secrets,
            masked,
            used_env: Cell::new(false),
        }
    }

    fn instance(
        &self,
        key: &Key,
        table: &'a Value,
        coordinates: &Coordinates,
        mistakes: &mut Mistakes,
    ) -> Option<DraftInstance<'a>> {
        let mut env = self.document.env.clone();
        if let Some(listed) = table.get("env") {
            env.extend(read_env(listed, mistakes));
        }
        let scope = self.scope(coordinates, &env, false);
        let filled = scope.fill(table, mistakes);
        let kind = find_kind(key, &filled, mistakes)?;
        let feeds = filled
            .get("input")
            .map(|input| read_feeds(input, mistakes))
            .unwrap_or_default();
        let seed = self.seed(&filled, coordinates, mistakes);
        let built = match kind.build(parameters_of(&filled, kind)) {
            Ok(built) => built,
            Err(error) => {
                explain_rejection(kind, &filled, &key.span, &error, mistakes);
                return None;
            }
        };
        let parameters = if scope.used_env.get() {
            let masked = self
                .scope(coordinates, &env, true)
                .fill(table, &mut Mistakes::default());
            kind.build(parameters_of(&masked, kind))
                .map_or(Json::Null, |built| built.canonical)
        } else {
            built.canonical
        };
        let resources = match filled.get("resources") {
            Some(value) => read_resources(value, built.step.resources(), mistakes),
            None => built.step.resources(),
        };
        let files = built.step.files(self.root).unwrap_or_else(|problem| {
            mistakes.push(problem_mistake(&problem, &filled, &key.span));
            Vec::new()
        });
        let output_ports = built.step.outputs();
        for (at, port) in output_ports.iter().enumerate() {
            if output_ports[..at]
                .iter()
                .any(|earlier| earlier.name == port.name)
            {
                let message = format!("two outputs of `{}` are called `{}`", key.name, port.name);
                mistakes.push(Mistake::new(key.span.clone(), message).help("rename one of them"));
            }
        }
        let name = if coordinates.is_empty() {
            key.name.clone()
        } else {
            format!("{}[{coordinates}]", key.name)
        };
        Some(DraftInstance {
            name,
            coordinates: coordinates.clone(),
            kind,
            parameters: Encoded::of(&parameters),
            seed,
            env,
            resources,
            input_ports: built.step.inputs(),
            output_ports,
            files,
            feeds,
            written: filled,
            work: built.step,
        })
    }

    /// `seed = N`, else the matrix axis `seed`, else the pipeline's.
    fn seed(&self, filled: &Value, coordinates: &Coordinates, mistakes: &mut Mistakes) -> u64 {
        match (filled.get("seed"), coordinates.get("seed")) {
            (
                Some(Value {
                    data: Data::Integer(seed),
                    ..
                }),
                _,
            ) if *seed >= 0 => seed.unsigned_abs(),
            (Some(other), _) => {
                let message = format!(
                    "`seed` must be a whole number from 0, not {}",
                    other.type_name()
                );
                mistakes.push(Mistake::new(other.span.clone(), message));
                self.document.seed
            }
            (None, Some(axis)) => axis.as_u64().unwrap_or(self.document.seed),
            (None, None) => self.document.seed,
        }
    }
}

/// The place of a problem that a step found in its own parameters.
pub fn problem_mistake(
    problem: &crate::steps::check::Problem,
    written: &Value,
    header: &Span,
) -> Mistake {
    let mut span = header.clone();
    let mut value = written;
    for name in problem.parameter.split('.').filter(|name| !name.is_empty()) {
        match value.get(name) {
            Some(inner) => {
                value = inner;
                span = inner.span.clone();
            }
            None => break,
        }
    }
    let mistake = Mistake::new(span, problem.message.clone());
    match &problem.help {
        Some(help) => mistake.help(help.clone()),
        None => mistake,
    }
}

/// The entries of a step's table that are parameters of its kind.
fn parameters<'v>(table: &'v Value, kind: &Kind) -> impl Iterator<Item = &'v (Key, Value)> {
    let is_parameter = |name: &str| match name {
        "method" => kind.method.is_none(),
        _ => !COMMON_KEYS.contains(&name),
    };
    let entries = table.entries().iter();
    entries.filter(move |(key, _)| is_parameter(&key.name))
}

fn parameters_of(table: &Value, kind: &Kind) -> Json {
    parameters(table, kind)
        .map(|(key, value)| (key.name.clone(), value.to_json()))
        .collect()
}

fn find_kind(key: &Key, table: &Value, mistakes: &mut Mistakes) -> Option<&'static Kind> {
    let Some(op) = table.get("op") else {
        let mistake = Mistake::new(
            key.span.clone(),
            format!("the step `{}` has no `op`", key.name),
        )
        .label("missing here");
        let ops: BTreeSet<&str> = kinds().iter().map(|kind| kind.op).collect();
        mistakes.push(mistake.near_miss("", ops, "ops"));
        return None;
    };
    let Some(name) = op.as_str() else {
        mistakes.push(Mistake::new(
            op.span.clone(),
            format!("`op` must be a string, not {}", op.type_name()),
        ));
        return None;
    };
    let mut of_op = kinds().iter().filter(|kind| kind.op == name);
    let Some(first) = of_op.clone().next() else {
        let ops: BTreeSet<&str> = kinds().iter().map(|kind| kind.op).collect();
        let mistake =
            Mistake::new(op.span.clone(), format!("there is no op `{name}`")).label("unknown");
        mistakes.push(mistake.near_miss(name, ops, "ops"));
        return None;
    };
    if first.method.is_none() {
        return Some(first);
    }
    let methods = of_op.clone().filter_map(|kind| kind.method);
    let Some(method) = table.get("method") else {
        if let Some(default) = of_op.find(|kind| kind.default_method) {
            return Some(default);
        }
        let message = format!("the op `{name}` needs a `method`");
        mistakes.push(Mistake::new(op.span.clone(), message).near_miss("", methods, "methods"));
        return None;
    };
    let written = method.as_str().unwrap_or_default();
    let found = of_op.find(|kind| kind.method == Some(written));
    if found.is_none() {
        let message = format!("the op `{name}` has no method `{written}`");
        let mistake = Mistake::new(method.span.clone(), message).label("unknown");
        mistakes.push(mistake.near_miss(written, methods, "methods"));
    }
    found
}

/// Serde refused the parameters: say all that the schema finds, or at least what serde found.
fn explain_rejection(
    kind: &Kind,
    table: &Value,
    header: &Span,
    error: &serde_json::Error,
    mistakes: &mut Mistakes,
) {
    let mut found = Mistakes::default();
    let written = Value {
        data: Data::Table(parameters(table, kind).cloned().collect()),
        span: table.span.clone(),
    };
    check_parameters(
        kind.schema(),
        &written,
        &format!("`{}`", kind.name()),
        header,
        &mut found,
    );
    if found.is_empty() {
        let message = format!("`{}` cannot take these parameters: {error}", kind.name());
        found.push(
            Mistake::new(header.clone(), message).help(format!("see `engine ops {}`", kind.name())),
        );
    }
    mistakes.extend(found);
}
