//! `method = "product"`.

use index::{AnyIndex, ProductIndex};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::recall::Recall;
use super::{Building, Given};
use crate::steps::StepError;
use crate::steps::joined::Joined;

/// Centroids of a part.
const CENTROIDS: usize = 256;

/// Indexes vectors by product quantisation (Jégou et al. 2011): they are cut into parts, and a byte says which of 256 centroids of
/// k-means is nearest to each part. Searches look at every vector.
///
/// The output `index` is a folder whose `index.faiss` FAISS reads as an `IndexPQ`. The output `metrics` has its memory and its recall: the
/// share of the true neighbours that it finds.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parts {
    /// Into how many parts a vector is cut, which is the number of its bytes; it divides the vector's length. Default: parts of
    /// eight numbers, or of four or two or one, whichever of these divides first.
    #[serde(default)]
    #[schemars(range(min = 1))]
    parts: Option<usize>,
}

/// The method with how it is compared.
pub type Product = Joined<Recall, Parts>;

impl Building for Product {
    const NAME: &'static str = "product";
    const VERSION: u32 = 1;

    fn seeded(&self) -> bool {
        true
    }

    fn recall(&self) -> Option<&Recall> {
        Some(&self.shared)
    }

    fn build(&self, given: &Given<'_>) -> Result<AnyIndex, StepError> {
        let (rows, dimension) = (given.rows(), given.dimension);
        if rows < CENTROIDS {
            return Err(StepError::new(format!(
                "product quantisation learns {CENTROIDS} centroids a part, and there are {rows} rows"
            ))
            .help("take method = \"scalar\" or \"flat\" for so few"));
        }
        let widths = [8, 4, 2].into_iter();
        let width = widths
            .filter(|&width| dimension.is_multiple_of(width))
            .next();
        let mut index = ProductIndex::train(
            &given.threads,
            given.vectors,
            dimension,
            given.metric,
            self.own.parts.unwrap_or(dimension / width.unwrap_or(1)),
            given.k_means(),
        )?;
        index.add(&given.threads, given.vectors)?;
        Ok(AnyIndex::Product(index))
    }
}
