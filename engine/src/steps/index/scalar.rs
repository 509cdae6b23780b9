//! `method = "scalar"`.

use index::{AnyIndex, ScalarIndex};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::recall::Recall;
use super::{Building, Given};
use crate::steps::StepError;
use crate::steps::joined::Joined;

/// Indexes vectors with a byte a component, in about a quarter of the memory of `flat`; searches look at every one of them.
///
/// The output `index` is a folder whose `index.faiss` FAISS reads as an `IndexScalarQuantizer` (`QT_8bit`). The output `metrics` has its
/// memory and its recall: the share of the true neighbours that it finds.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bytes {}

/// The method with how it is compared.
pub type Scalar = Joined<Recall, Bytes>;

impl Building for Scalar {
    const NAME: &'static str = "scalar";
    const VERSION: u32 = 1;

    fn recall(&self) -> Option<&Recall> {
        Some(&self.shared)
    }

    fn build(&self, given: &Given<'_>) -> Result<AnyIndex, StepError> {
        let mut index = ScalarIndex::train(given.vectors, given.dimension, given.metric)?;
        index.add(given.vectors)?;
        Ok(AnyIndex::Scalar(index))
    }
}
