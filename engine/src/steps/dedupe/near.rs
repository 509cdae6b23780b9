//! `method = "near"`: texts that share most of their shingles.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use text::dedupe::{NearParams, Normalise, ShingleUnit, near};

use crate::steps::{Check, Context, InputPort, OutputPort, Resources, Step, StepError, StepKind};

/// Removes rows whose texts are nearly the same as an earlier one's.
///
/// A text is taken as the set of its shingles, all runs of `shingle_size` words or characters. Candidates are found by
/// MinHash (Broder 1997, "On the resemblance and containment of documents") with locality-sensitive hashing (Leskovec,
/// Rajaraman and Ullman 2014, "Mining of massive datasets", chapter 3); a pair counts only if the Jaccard similarity of its
/// sets, computed exactly, reaches the threshold. Pairs are joined to clusters, and of each cluster the first row stays.
/// Rows without a text (null) are all kept; texts without a single word are duplicates of each other. The output `removed`
/// says for each removed row which one was kept for it, and their similarity, which lies below the threshold where the two
/// are only linked through others; rows are numbered from 0.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Near {
    /// The column with the texts.
    by: String,
    /// The Jaccard similarity from which two texts are duplicates, above 0 and at most 1. Default: 0.8.
    #[serde(default = "threshold")]
    #[schemars(extend("exclusiveMinimum" = 0.0, "maximum" = 1.0))]
    threshold: f64,
    /// What a shingle is a run of. Default: words.
    #[serde(default)]
    shingles: Shingles,
    /// How many words or characters a shingle has. Default: 3.
    #[serde(default = "shingle_size")]
    #[schemars(range(min = 1))]
    shingle_size: usize,
    /// The length of a MinHash signature: more find more of the pairs near the threshold, and take longer. Default: 128.
    #[serde(default = "permutations")]
    #[schemars(range(min = 1, max = 65536))]
    permutations: usize,
    /// Whether upper and lower case are the same. Default: true.
    #[serde(default = "yes")]
    ignore_case: bool,
    /// Whether every run of white space is the same as one blank, and as nothing at both ends. Default: true.
    #[serde(default = "yes")]
    ignore_white_space: bool,
}

/// What a shingle is a run of.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Shingles {
    /// Words, cut at white space.
    #[default]
    Words,
    /// Characters.
    Chars,
}

fn threshold() -> f64 {
    0.8
}

fn shingle_size() -> usize {
    3
}

fn permutations() -> usize {
    128
}

fn yes() -> bool {
    true
}

impl StepKind for Near {
    const OP: &'static str = "dedupe";
    const METHOD: Option<&'static str> = Some("near");
    const VERSION: u32 = 1;
}

impl Step for Near {
    fn inputs(&self) -> Vec<InputPort> {
        super::inputs()
    }

    fn outputs(&self) -> Vec<OutputPort> {
        super::outputs()
    }

    fn seeded(&self) -> bool {
        true
    }

    fn check(&self, check: &mut Check) {
        // Serde does not hold the ranges that the schema states.
        if !(self.threshold > 0.0 && self.threshold <= 1.0) {
            let message = format!(
                "`threshold` is {}, not above 0 and at most 1",
                self.threshold
            );
            check.problem("threshold", message, None);
        }
        for (name, value) in [
            ("shingle_size", self.shingle_size),
            ("permutations", self.permutations),
        ] {
            if value == 0 {
                check.problem(name, format!("`{name}` must be at least 1"), None);
            }
        }
        super::check(&self.by, check);
    }

    fn resources(&self) -> Resources {
        Resources {
            cores: usize::MAX,
            ..Resources::default()
        }
    }

    fn run(&self, context: &Context<'_>) -> Result<(), StepError> {
        let params = NearParams {
            normalise: Normalise {
                case: self.ignore_case,
                white_space: self.ignore_white_space,
            },
            shingle_unit: match self.shingles {
                Shingles::Words => ShingleUnit::Words,
                Shingles::Chars => ShingleUnit::Chars,
            },
            shingle_size: self.shingle_size,
            threshold: self.threshold,
            permutations: self.permutations,
            seed: context.seed,
            ..NearParams::default()
        };
        let deduplicate = |texts: &[&str]| near(texts, &params, &context.workers());
        super::run(&self.by, deduplicate, context)
    }
}
