//! [`part`]: a part of a method, done once.

use std::fs;

use nn::safetensors::Weights;
use nn::{Module, load, named_tensors};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Outcome, Session};
use crate::{MethodError, Result, StepReport};

/// What is kept of a part of a method that is done, beside its model.
#[derive(Serialize, Deserialize)]
struct Done<T> {
    fingerprint: u64,
    outcome: Outcome,
    reports: Vec<StepReport>,
    result: T,
}

/// Does a part of a method, `work`, which trains `model` and gives a result besides; or takes both from an earlier run that did it.
pub(crate) fn part<M: Module, T: Serialize + DeserializeOwned>(
    model: &mut M,
    session: &mut Session<'_>,
    name: &str,
    place: u64,
    fingerprint: u64,
    work: impl FnOnce(&mut M, &mut Session<'_>) -> Result<(Outcome, T)>,
) -> Result<(Outcome, T)> {
    let Some(checkpoints) = session.checkpoints.clone() else {
        return work(model, &mut session.part(name, place));
    };
    // The weights come last: where they are, the part is done.
    let notes = checkpoints.folder.join(format!("{name}.json"));
    let weights = checkpoints.folder.join(format!("{name}.safetensors"));
    if weights.is_file() {
        let bytes = fs::read(&notes).map_err(MethodError::io(&notes, "reading what is done"))?;
        let done: Done<T> = serde_json::from_slice(&bytes)
            .map_err(|error| MethodError::file(&notes, format!("is not as expected: {error}")))?;
        if done.fingerprint != fingerprint {
            return Err(MethodError::file(
                &notes,
                "is of another training: its texts, options or seed differ; remove the folder or name another",
            ));
        }
        let found = Weights::open(&weights)?;
        load(model, &found, "", &[])?.require_all_but(&[], &found)?;
        for mut report in done.reports {
            report.replayed = true;
            session.observer.step(&report);
        }
        (done.outcome.evaluations.iter()).for_each(|found| session.observer.evaluated(found));
        return Ok((done.outcome, done.result));
    }
    fs::create_dir_all(&checkpoints.folder)
        .map_err(MethodError::io(&checkpoints.folder, "creating the folder"))?;
    let mut inner = session.part(name, place);
    let (outcome, result) = work(model, &mut inner)?;
    let done = Done {
        fingerprint,
        outcome,
        reports: std::mem::take(&mut inner.reports),
        result,
    };
    let text = serde_json::to_string(&done)
        .map_err(|error| MethodError::file(&notes, error.to_string()))?;
    fs::write(&notes, text).map_err(MethodError::io(&notes, "writing what is done"))?;
    nn::safetensors::write(&weights, &named_tensors(model)?)?;
    let steps = checkpoints.folder.join(name);
    if steps.is_dir() {
        fs::remove_dir_all(&steps).map_err(MethodError::io(&steps, "removing checkpoints"))?;
    }
    Ok((done.outcome, done.result))
}
