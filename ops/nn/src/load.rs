//! [`load`]: a model's parameters from files, by name.

use std::collections::BTreeSet;
use std::fmt;

use tensor::Tensor;

use crate::module::Module;
use crate::safetensors::{View, Weights};
use crate::{NnError, Parameter, Result};

/// What was found and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Tensors of the model that the files lack: these keep the values that they had.
    pub missing: Vec<String>,
    /// Tensors of the files that the model has no use for.
    pub unexpected: Vec<String>,
    /// Tensors of other shapes than the model's: these keep the values that they had.
    pub mismatched: Vec<Mismatch>,
}

/// A tensor of another shape than the model's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Its name.
    pub name: String,
    /// Its shape in the file.
    pub found: Vec<usize>,
    /// Its shape in the model.
    pub expected: Vec<usize>,
}

impl LoadReport {
    /// Fails unless every tensor of the model was found and fits, but for those whose names begin with one of `new`: the
    /// parts that are trained anew, such as `classifier`.
    ///
    /// # Errors
    /// [`NnError::Weights`] with the names.
    pub fn require_all_but(&self, new: &[&str], weights: &Weights) -> Result<()> {
        let is_new = |name: &str| new.iter().any(|part| name.starts_with(part));
        let missing: Vec<&String> = self.missing.iter().filter(|name| !is_new(name)).collect();
        let mismatched: Vec<&Mismatch> = self
            .mismatched
            .iter()
            .filter(|mismatch| !is_new(&mismatch.name))
            .collect();
        if missing.is_empty() && mismatched.is_empty() {
            return Ok(());
        }
        let only = Self {
            missing: missing.into_iter().cloned().collect(),
            mismatched: mismatched.into_iter().cloned().collect(),
            unexpected: self.unexpected.clone(),
        };
        Err(NnError::Weights {
            path: weights.path().to_owned(),
            reason: format!("{only}; check that config.json belongs to them"),
        })
    }
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        let mut list = |what: &str, names: Vec<String>| {
            if !names.is_empty() {
                let shown = names
                    .iter()
                    .take(5)
                    .map(|name| format!("`{name}`"))
                    .collect::<Vec<_>>();
                let more = names.len() - shown.len();
                let more = if more > 0 {
                    format!(" and {more} more")
                } else {
                    String::new()
                };
                parts.push(format!("{what} {}{more}", shown.join(", ")));
            }
        };
        list("missing:", self.missing.clone());
        let shapes = |mismatch: &Mismatch| {
            format!(
                "{} {:?} for {:?}",
                mismatch.name, mismatch.found, mismatch.expected
            )
        };
        list(
            "of other shapes:",
            self.mismatched.iter().map(shapes).collect(),
        );
        list("unused:", self.unexpected.clone());
        match parts.is_empty() {
            true => f.write_str("everything was found"),
            false => f.write_str(&parts.join("; ")),
        }
    }
}

/// Buffers, not parameters: older files carry them, and they follow from the configuration.
const BUFFERS: [&str; 5] = [
    "embeddings.position_ids",
    "embeddings.token_type_ids",
    ".attn.bias",
    ".attn.masked_bias",
    "embed_positions.weights",
];

/// Fills a module's parameters from `weights`. A tensor that a model calls `bert.x` may be called `x` in the files and the
/// other way round, where `prefix` is `bert`; layer norms may have `gamma` and `beta`, as those converted from TensorFlow do.
/// `tied` names tensors that repeat others of the model and are not read.
///
/// # Errors
/// [`NnError::FileTensor`] for tensors that are no floating-point numbers; [`tensor::TensorError::OutOfMemory`].
pub fn load<M: Module + ?Sized>(
    module: &mut M,
    weights: &Weights,
    prefix: &str,
    tied: &[&str],
) -> Result<LoadReport> {
    let mut report = LoadReport::default();
    let mut used: BTreeSet<String> = BTreeSet::new();
    let mut outcome = Ok(());
    module.visit_mut("", &mut |names, parameter| {
        if outcome.is_ok() {
            outcome = fill(parameter, &names, weights, prefix, &mut report, &mut used);
        }
    });
    outcome?;
    let is_ignored = |name: &str| BUFFERS.iter().chain(tied).any(|end| name.ends_with(end));
    let unused = weights
        .names()
        .filter(|name| !used.contains(*name) && !is_ignored(name));
    report.unexpected = unused.map(str::to_owned).collect();
    Ok(report)
}

fn fill(
    parameter: &mut Parameter,
    names: &[String],
    weights: &Weights,
    prefix: &str,
    report: &mut LoadReport,
    used: &mut BTreeSet<String>,
) -> Result<()> {
    let whole = parameter.as_stored(&parameter.tensor().detach())?;
    let whole = whole.shape().to_vec();
    let mut expected = whole.clone();
    if let Some(rows) = expected.first_mut() {
        *rows /= names.len();
    }
    let mut views: Vec<View<'_>> = Vec::new();
    for name in names {
        let Some((found, view)) = find(weights, name, prefix) else {
            report.missing.push(name.clone());
            continue;
        };
        used.insert(found);
        if view.shape() != expected {
            report.mismatched.push(Mismatch {
                name: name.clone(),
                found: view.shape().to_vec(),
                expected: expected.clone(),
            });
            continue;
        }
        views.push(view);
    }
    if views.len() < names.len() {
        return Ok(());
    }
    let device = parameter.tensor().device().clone();
    let tensors = views
        .iter()
        .map(|view| view.tensor(&device))
        .collect::<Result<Vec<_>>>()?;
    let value = match &tensors[..] {
        [only] => only.clone(),
        parts => below_each_other(parts)?.reshape(&whole[..])?,
    };
    *parameter = parameter.with_stored(&value)?;
    Ok(())
}

fn below_each_other(parts: &[Tensor]) -> Result<Tensor> {
    let parts: Vec<&Tensor> = parts.iter().collect();
    Ok(Tensor::concat(&parts, 0)?)
}

/// A tensor under one of the names that files give it.
fn find<'a>(weights: &'a Weights, name: &str, prefix: &str) -> Option<(String, View<'a>)> {
    let stripped = name
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('.'));
    let other = stripped.map_or_else(|| format!("{prefix}.{name}"), str::to_owned);
    let converted = |name: &str| {
        let gamma = name
            .strip_suffix("LayerNorm.weight")
            .map(|path| format!("{path}LayerNorm.gamma"));
        gamma.or_else(|| {
            name.strip_suffix("LayerNorm.bias")
                .map(|path| format!("{path}LayerNorm.beta"))
        })
    };
    let names = [
        Some(name.to_owned()),
        Some(other.clone()),
        converted(name),
        converted(&other),
    ];
    let mut names = names.into_iter().flatten();
    names.find_map(|name| weights.get(&name).map(|view| (name, view)))
}
