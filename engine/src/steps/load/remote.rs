//! What comes over the network.

use table::Watch;
use table::source::{self, FetchOptions, Fetched, Secret, Source};

use super::Load;
use crate::steps::{Context, StepError};

/// Fetches a source into the folder that outlives an interrupted run.
pub(super) fn fetch(
    source: &Source,
    load: &Load,
    context: &Context<'_>,
) -> Result<Fetched, StepError> {
    let mut options = FetchOptions::from_env(context.root);
    options.blake3.clone_from(&load.blake3);
    if let Some(token) = &load.token {
        let token = Some(Secret::new(token));
        match source {
            Source::Hub(_) => options.hub_token = token,
            _ => options.github_token = token,
        }
    }
    let watch = Watch {
        progress: &|progress| match progress.bytes {
            0 => context.progress.update(progress.rows, 0, "rows"),
            bytes => context.progress.update(bytes, 0, "bytes"),
        },
        note: &|why| tracing::warn!("{source}: {why}"),
        cancelled: &|| context.is_cancelled(),
    };
    Ok(source::fetch(
        source,
        &options,
        &context.resume_folder,
        &watch,
    )?)
}
