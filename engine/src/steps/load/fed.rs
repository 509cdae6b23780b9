//! What other steps wrote.

use table::read::LocalFile;
use table::source::{Fetched, Provenance};

use super::{FORMATS, Load};
use crate::steps::context::Input;
use crate::steps::{Check, Context, StepError};

/// Says so where nothing names the rows, or where parameters speak of an address.
pub(super) fn check(load: &Load, check: &mut Check) {
    if !check.is_fed("files") {
        let message = "nothing says where the rows are";
        let help =
            "add source = \"PATH\", or input = \"STEP.PORT\" where another step writes the file"
                .to_owned();
        check.problem("", message, Some(help));
        return;
    }
    if load.format.is_none() {
        let message = "the outputs of steps have no names that tell a format";
        check.problem("", message, Some(FORMATS.to_owned()));
    }
    for (parameter, given) in [
        ("blake3", load.blake3.is_some()),
        ("token", load.token.is_some()),
    ] {
        if given {
            let message = "this is about a `source`, and the rows come from another step";
            check.problem(parameter, message, Some("leave it out".to_owned()));
        }
    }
}

/// The files that feed the port, in the order of the steps' instances.
pub(super) fn find(context: &Context<'_>) -> Result<Fetched, StepError> {
    let mut fetched = Fetched {
        files: Vec::new(),
        provenance: Vec::new(),
    };
    for input in context.all("files") {
        let metadata = std::fs::metadata(&input.path)
            .map_err(|error| StepError::io("reading", &input.path, &error))?;
        if metadata.is_dir() {
            return Err(StepError::new("a folder feeds the port `files`")
                .help("feed it files: tables need no `load`, and models hold no rows"));
        }
        let name = name(input);
        fetched.provenance.push(Provenance {
            url: name.clone(),
            revision: None,
            bytes: metadata.len(),
            blake3: None,
        });
        fetched.files.push(LocalFile {
            path: input.path.clone(),
            name,
        });
    }
    Ok(fetched)
}

/// The instance's coordinates, `source=python`, or the port where there are none.
fn name(input: &Input) -> String {
    if input.coordinates.is_empty() {
        return input.port.clone();
    }
    input.coordinates.to_string()
}
