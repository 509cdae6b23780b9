//! `--target`, `--from` and `--force`: which instances a run is about, and which run even if they are cached.

use crate::pipeline::Pipeline;
use table::near_miss;

/// What the command line says of one instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Not needed for the targets.
    Left,
    /// Runs unless it is cached.
    Wanted,
    /// Runs even if it is cached.
    Forced,
}

/// What the command line says of all instances.
#[derive(Clone, Debug)]
pub struct Selection(Vec<Choice>);

/// A step named on the command line does not exist.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("there is no step `{name}` in the pipeline")]
#[diagnostic(help("{help}"))]
pub struct SelectError {
    name: String,
    help: String,
}

impl Selection {
    /// Everything, nothing forced.
    pub fn everything(pipeline: &Pipeline) -> Selection {
        Selection(vec![Choice::Wanted; pipeline.instances.len()])
    }

    /// `targets` and all they need (everything where there are none); `from` and all that depends on it forced, and
    /// `force` forced.
    pub fn new(
        pipeline: &Pipeline,
        targets: &[String],
        from: &[String],
        force: &[String],
    ) -> Result<Selection, SelectError> {
        let mut selection = Selection::everything(pipeline);
        if !targets.is_empty() {
            selection.0.fill(Choice::Left);
            for index in instances_of(pipeline, targets)? {
                selection.0[index] = Choice::Wanted;
            }
            for (index, instance) in pipeline.instances.iter().enumerate().rev() {
                if selection.0[index] == Choice::Wanted {
                    instance
                        .links
                        .iter()
                        .for_each(|link| selection.0[link.producer] = Choice::Wanted);
                }
            }
        }
        let mut downstream = vec![false; pipeline.instances.len()];
        for index in instances_of(pipeline, from)? {
            downstream[index] = true;
        }
        for (index, instance) in pipeline.instances.iter().enumerate() {
            downstream[index] |= instance.links.iter().any(|link| downstream[link.producer]);
        }
        for index in instances_of(pipeline, force)? {
            downstream[index] = true;
        }
        for (choice, forced) in selection.0.iter_mut().zip(downstream) {
            if forced && *choice == Choice::Wanted {
                *choice = Choice::Forced;
            }
        }
        Ok(selection)
    }

    /// What is said of an instance.
    pub fn choice(&self, index: usize) -> Choice {
        self.0.get(index).copied().unwrap_or(Choice::Left)
    }
}

/// The instances that `names` mean: steps, or single instances such as `fit[n=8]`.
fn instances_of(pipeline: &Pipeline, names: &[String]) -> Result<Vec<usize>, SelectError> {
    let mut found = Vec::new();
    for name in names {
        if let Some(step) = pipeline.step(name) {
            found.extend(step.instances.clone());
        } else if let Some(index) = pipeline
            .instances
            .iter()
            .position(|instance| instance.name == *name)
        {
            found.push(index);
        } else {
            let steps: Vec<&str> = pipeline
                .steps
                .iter()
                .map(|step| step.name.as_str())
                .collect();
            let help = match near_miss(name, steps.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("steps: {}", steps.join(", ")),
            };
            return Err(SelectError {
                name: name.clone(),
                help,
            });
        }
    }
    Ok(found)
}
