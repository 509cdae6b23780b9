//! `STEP`, `STEP.PORT`, `STEP[n=8].PORT`: an output as it is named on the command line.

use crate::pipeline::{Instance, Pipeline};
use crate::steps::OutputPort;
use table::near_miss;

/// An output of an instance.
#[derive(Clone, Copy)]
pub struct OutputName<'a> {
    /// Index in [`Pipeline::instances`].
    pub index: usize,
    /// The instance.
    pub instance: &'a Instance,
    /// The port.
    pub port: &'a OutputPort,
    /// Whether the name left the port to us.
    pub is_first: bool,
}

/// Why a name means no single output.
#[derive(Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("{message}")]
#[diagnostic(help("{help}"))]
pub struct OutputNameError {
    message: String,
    help: String,
}

impl<'a> OutputName<'a> {
    /// The output that `written` means. Coordinates may be left out as long as one instance fits; without a port the
    /// first is meant.
    ///
    /// # Errors
    /// [`OutputNameError`], with what there is instead.
    pub fn find(pipeline: &'a Pipeline, written: &str) -> Result<OutputName<'a>, OutputNameError> {
        let (name, coordinates, port) = parts(written)?;
        let Some(step) = pipeline.step(name) else {
            let names = pipeline.steps.iter().map(|step| step.name.as_str());
            return Err(OutputNameError {
                message: format!("there is no step `{name}` in the pipeline"),
                help: near_or_all(name, names, "steps"),
            });
        };
        let fitting: Vec<usize> = step
            .instances
            .clone()
            .filter(|&index| fits(&pipeline.instances[index], &coordinates))
            .collect();
        let &[index] = fitting.as_slice() else {
            let (how_many, shown) = match fitting.len() {
                0 => ("no", step.instances.clone().collect()),
                _ => ("more than one", fitting),
            };
            let instances = shown.iter().map(|&index| &pipeline.instances[index]);
            let names: Vec<&str> = instances.map(|instance| instance.name.as_str()).collect();
            return Err(OutputNameError {
                message: format!("`{written}` fits {how_many} instance of `{name}`"),
                help: format!("instances: {}", few(&names)),
            });
        };
        let instance = &pipeline.instances[index];
        let found = match port {
            None => instance.output_ports.first(),
            Some(port) => instance
                .output_ports
                .iter()
                .find(|other| other.name == port),
        };
        let Some(found) = found else {
            let ports = instance.output_ports.iter().map(|port| port.name.as_str());
            let port = port.unwrap_or_default();
            return Err(OutputNameError {
                message: format!("`{name}` has no output `{port}`"),
                help: near_or_all(port, ports, "outputs"),
            });
        };
        Ok(OutputName {
            index,
            instance,
            port: found,
            is_first: port.is_none(),
        })
    }
}

type Parts<'a> = (&'a str, Vec<(&'a str, &'a str)>, Option<&'a str>);

/// Name, coordinates and port.
fn parts(written: &str) -> Result<Parts<'_>, OutputNameError> {
    let name_end = written.find(['[', '.']).unwrap_or(written.len());
    let (name, mut rest) = written.split_at(name_end);
    let mut coordinates = Vec::new();
    if let Some(inside) = rest.strip_prefix('[') {
        let closed = inside.split_once(']');
        let pairs = closed.map(|(pairs, _)| pairs.split(',').filter(|pair| !pair.is_empty()));
        let pairs: Option<Vec<(&str, &str)>> = pairs.and_then(|pairs| {
            let pairs = pairs.map(|pair| pair.split_once('='));
            let trimmed = pairs.map(|pair| pair.map(|(axis, value)| (axis.trim(), value.trim())));
            trimmed.collect()
        });
        let (Some((_, after)), Some(pairs)) = (closed, pairs) else {
            return Err(OutputNameError {
                message: format!("`{written}` does not name an output"),
                help: "write STEP, STEP.PORT or STEP[AXIS=VALUE].PORT, in quotes where your shell takes [ ] for itself"
                    .to_owned(),
            });
        };
        rest = after;
        coordinates = pairs;
    }
    Ok((name, coordinates, rest.strip_prefix('.')))
}

fn fits(instance: &Instance, coordinates: &[(&str, &str)]) -> bool {
    coordinates.iter().all(|(axis, written)| {
        let value = instance.coordinates.get(axis);
        let text = value.map(|value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        });
        text.as_deref() == Some(written)
    })
}

fn near_or_all<'a>(
    written: &str,
    names: impl Iterator<Item = &'a str> + Clone,
    what: &str,
) -> String {
    match near_miss(written, names.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("{what}: {}", few(&names.collect::<Vec<_>>())),
    }
}

fn few(names: &[&str]) -> String {
    const SHOWN: usize = 20;
    let shown = names[..names.len().min(SHOWN)].join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        [pipeline]
        name = "outputs"
        [steps.fit]
        op = "command"
        command = "true"
        matrix = { n = [8, 16], how = ["a", "b"] }
        outputs = { model = "model", scores = "metrics" }
        [steps.one]
        op = "command"
        command = "true"
    "#;

    fn found(written: &str) -> Result<String, OutputNameError> {
        let path = std::path::Path::new("outputs.toml");
        let root = std::path::Path::new(".");
        let pipeline = Pipeline::parse(path, root, FILE.to_owned(), &[]).unwrap();
        let name = OutputName::find(&pipeline, written)?;
        Ok(format!("{} {}", name.instance.name, name.port.name))
    }

    #[test]
    fn an_output_is_named_by_step_coordinates_and_port() {
        assert_eq!(found("one").unwrap(), "one stdout");
        assert_eq!(
            found("fit[n=8,how=b].scores").unwrap(),
            "fit[n=8,how=b] scores"
        );
        assert_eq!(found("fit[how=a, n=16]").unwrap(), "fit[n=16,how=a] model");
    }

    #[test]
    fn a_name_that_means_no_single_output_is_refused_with_what_there_is() {
        let several = found("fit[n=8]").unwrap_err();
        assert_eq!(several.help, "instances: fit[n=8,how=a], fit[n=8,how=b]");
        assert!(
            found("fit[n=9]")
                .unwrap_err()
                .message
                .contains("no instance")
        );
        assert_eq!(found("fitt").unwrap_err().help, "did you mean `fit`?");
        assert_eq!(
            found("one.stdot").unwrap_err().help,
            "did you mean `stdout`?"
        );
        assert!(
            found("fit[n")
                .unwrap_err()
                .message
                .contains("does not name")
        );
        assert!(found("").is_err());
    }
}
