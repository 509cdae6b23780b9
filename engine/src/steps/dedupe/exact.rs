//! `method = "exact"`: equal texts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use text::dedupe::{Normalise, exact};

use crate::steps::{Check, Context, InputPort, OutputPort, Resources, Step, StepError, StepKind};

/// Removes every row whose text equals that of an earlier row.
///
/// Rows without a text (null) are all kept. The output `removed` says for each removed row which one it repeats; rows are
/// numbered from 0.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exact {
    /// The column with the texts.
    by: String,
    /// Whether upper and lower case are the same. Default: false.
    #[serde(default)]
    ignore_case: bool,
    /// Whether every run of white space is the same as one blank, and as nothing at both ends. Default: false.
    #[serde(default)]
    ignore_white_space: bool,
}

impl StepKind for Exact {
    const OP: &'static str = "dedupe";
    const METHOD: Option<&'static str> = Some("exact");
    const DEFAULT_METHOD: bool = true;
    const VERSION: u32 = 1;
}

impl Step for Exact {
    fn inputs(&self) -> Vec<InputPort> {
        super::inputs()
    }

    fn outputs(&self) -> Vec<OutputPort> {
        super::outputs()
    }

    fn check(&self, check: &mut Check) {
        super::check(&self.by, check);
    }

    fn resources(&self) -> Resources {
        Resources {
            cores: usize::MAX,
            ..Resources::default()
        }
    }

    fn run(&self, context: &Context<'_>) -> Result<(), StepError> {
        let normalise = Normalise {
            case: self.ignore_case,
            white_space: self.ignore_white_space,
        };
        let deduplicate = |texts: &[&str]| exact(texts, normalise, &context.workers());
        super::run(&self.by, deduplicate, context)
    }
}
