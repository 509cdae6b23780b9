//! `method = "ivf"`.

use index::{AnyIndex, IvfIndex};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::recall::Recall;
use super::{Building, Given};
use crate::steps::joined::Joined;
use crate::steps::{Check, StepError};

/// Rows for each list at least, where the number of lists is not given: FAISS warns of fewer.
const ROWS_A_LIST: usize = 39;

/// Indexes vectors in lists around centroids of k-means; searches look into the nearest few lists (Jégou et al. 2011, section IV).
///
/// The output `index` is a folder whose `index.faiss` FAISS reads as an `IndexIVFFlat`. The output `metrics` has its memory and its
/// recall: the share of the true neighbours that it finds with `probes` lists.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lists {
    /// How many lists there are. Default: four times the root of the number of rows, and one for 39 rows at most.
    #[serde(default)]
    #[schemars(range(min = 1))]
    lists: Option<usize>,
    /// How many of them a search looks into, unless `search` says otherwise: more find more, and take longer. Default: an eighth of
    /// the lists.
    #[serde(default)]
    #[schemars(range(min = 1))]
    probes: Option<usize>,
}

/// The method with how it is compared.
pub type Ivf = Joined<Recall, Lists>;

impl Building for Ivf {
    const NAME: &'static str = "ivf";
    const VERSION: u32 = 1;

    fn check(&self, check: &mut Check) {
        if let (Some(lists), Some(probes)) = (self.own.lists, self.own.probes)
            && probes > lists
        {
            check.problem(
                "probes",
                format!("a search cannot look into {probes} of {lists} lists"),
                Some(format!("give 1 to {lists}")),
            );
        }
    }

    fn seeded(&self) -> bool {
        true
    }

    fn recall(&self) -> Option<&Recall> {
        Some(&self.shared)
    }

    fn build(&self, given: &Given<'_>) -> Result<AnyIndex, StepError> {
        let rows = given.rows();
        let usual = (4.0 * (rows as f64).sqrt()) as usize;
        let lists = (self.own.lists).unwrap_or(usual.min(rows / ROWS_A_LIST).max(1));
        let probes = self.own.probes.unwrap_or(lists.div_ceil(8));
        let index = IvfIndex::train(
            &given.threads,
            given.vectors,
            given.dimension,
            given.metric,
            lists,
            given.k_means(),
        )?;
        let mut index = index.with_default_probes(probes)?;
        index.add(&given.threads, given.vectors)?;
        Ok(AnyIndex::Ivf(index))
    }
}
