//! `method = "flat"`.

use index::AnyIndex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Building, Given};
use crate::steps::StepError;

/// Indexes vectors as they are; searches look at every one of them, and are exact.
///
/// The output `index` is a folder whose `index.faiss` FAISS reads (`IndexFlatL2`, `IndexFlatIP`; for cosines the latter, of vectors at
/// length 1). `search` takes it. The output `metrics` says how many rows it has and how much memory it takes.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flat {}

impl Building for Flat {
    const NAME: &'static str = "flat";
    const DEFAULT: bool = true;
    const VERSION: u32 = 1;

    fn build(&self, given: &Given<'_>) -> Result<AnyIndex, StepError> {
        Ok(AnyIndex::Flat(given.flat()?))
    }
}
