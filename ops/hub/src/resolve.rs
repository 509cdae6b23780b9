//! From a name to a folder with the files that are needed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::cache::{Cache, files_below};
use crate::client::{Client, Listing};
use crate::download::Download;
use crate::error::{HubError, Result};
use crate::name::{Name, is_commit};
use crate::needs::{self, Needs};
use crate::options::Options;
use crate::retry::with_retries;
use crate::watch::Watch;

/// A model whose files are on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// What was asked for, understood.
    pub name: Name,
    /// The folder that the files are in.
    pub folder: PathBuf,
    /// The commit of a repository's files: for provenance, and to ask for these very files again.
    pub commit: Option<String>,
    /// The files that were needed, in order of their names.
    pub files: Vec<ModelFile>,
}

/// A file of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFile {
    /// Its path in the folder, with `/` between the parts.
    pub name: String,
    /// Its size.
    pub bytes: u64,
}

impl Model {
    /// The name that means these very files: `hf://OWNER/NAME@COMMIT`, or the folder.
    pub fn pinned(&self) -> String {
        match (&self.name, &self.commit) {
            (Name::Repository { repository, .. }, Some(commit)) => {
                format!("hf://{repository}@{commit}")
            }
            (name, _) => name.to_string(),
        }
    }

    /// The path of a file, where the model has it.
    pub fn file(&self, name: &str) -> Option<PathBuf> {
        let held = self.files.iter().any(|file| file.name == name);
        held.then(|| self.folder.join(name))
    }
}

/// Finds a model: a folder, or a repository of the hub, of which the files that are not in the cache yet are fetched. See
/// [`Name::parse`] for what names mean; relative folders start from `base`.
///
/// A repository's files are all of one commit, which the model carries. A commit whose files are all in the cache is had
/// without asking anybody.
///
/// # Errors
/// Where there is no such model, it lacks what is needed, the hub refuses or cannot be reached, a file is damaged, or the
/// watch asks to stop.
pub fn resolve(
    name: &str,
    base: &Path,
    needs: Needs,
    options: &Options,
    watch: &dyn Watch,
) -> Result<Model> {
    let name = Name::parse(name, base)?;
    match &name {
        Name::Folder(folder) => in_folder(&name, folder.clone(), None, needs),
        Name::Repository {
            repository,
            revision,
        } => on_the_hub(&name, repository, revision, needs, options, watch),
    }
}

/// A model in a folder, which has to have all that is needed.
fn in_folder(name: &Name, folder: PathBuf, commit: Option<String>, needs: Needs) -> Result<Model> {
    let failed = |reason: String| HubError::model(name, reason);
    let present = files_below(&folder);
    let mut chosen = needs::chosen(&present, needs).map_err(failed)?;
    if chosen.iter().any(|file| file == needs::INDEX) {
        for shard in shards_of(name, &folder)? {
            if !present.contains(&shard) {
                return Err(failed(format!(
                    "{} names `{shard}`, which is not in {}; fetch or copy it there",
                    needs::INDEX,
                    folder.display()
                )));
            }
            chosen.push(shard);
        }
    }
    chosen.sort();
    let files = chosen
        .into_iter()
        .map(|file| {
            let path = folder.join(&file);
            let metadata = path.metadata().map_err(HubError::io("read", &path))?;
            Ok(ModelFile {
                name: file,
                bytes: metadata.len(),
            })
        })
        .collect::<Result<_>>()?;
    Ok(Model {
        name: name.clone(),
        folder,
        commit,
        files,
    })
}

fn shards_of(name: &Name, folder: &Path) -> Result<BTreeSet<String>> {
    let path = folder.join(needs::INDEX);
    let index = std::fs::read(&path).map_err(HubError::io("read", &path))?;
    needs::shards(&index).map_err(|reason| HubError::model(name, reason))
}

fn on_the_hub(
    name: &Name,
    repository: &str,
    revision: &str,
    needs: Needs,
    options: &Options,
    watch: &dyn Watch,
) -> Result<Model> {
    let cache = Cache::new(&options.cache, repository)?;
    let cached = cache.commit(revision);
    let from_cache =
        |commit: &str| in_folder(name, cache.snapshot(commit), Some(commit.to_owned()), needs);
    if options.offline {
        let Some(commit) = cached else {
            return Err(HubError::model(
                name,
                format!(
                    "HF_HUB_OFFLINE forbids to ask the hub, and the cache {} has nothing of this revision; fetch it once while online",
                    cache.root().display()
                ),
            ));
        };
        return from_cache(&commit).map_err(|error| {
            HubError::model(
                name,
                format!(
                    "HF_HUB_OFFLINE forbids to ask the hub, and the cache {} has not all of it ({error}); fetch it once while online",
                    cache.root().display()
                ),
            )
        });
    }
    if is_commit(revision)
        && let Some(commit) = &cached
        && let Ok(model) = from_cache(commit)
    {
        return Ok(model);
    }
    let client = Client::new(options, repository, revision, cached)?;
    let listing = with_retries(
        &client.model,
        options.retry_pause,
        watch,
        || 0,
        || client.listing(),
    )?;
    cache.remember(revision, &listing.commit)?;
    let folder = cache.snapshot(&listing.commit);
    let chosen =
        needs::chosen(&listing.files, needs).map_err(|reason| HubError::model(name, reason))?;
    let fetch = |file: &str| -> Result<()> {
        if cache.files(&listing.commit).contains(file) {
            return Ok(());
        }
        let download = Download {
            client: &client,
            cache: &cache,
            options,
            watch,
            commit: &listing.commit,
            file,
        };
        download.run().map(drop)
    };
    for file in &chosen {
        fetch(file)?;
    }
    if chosen.iter().any(|file| file == needs::INDEX) {
        for shard in shards_of(name, &folder)? {
            known(name, &listing, &shard)?;
            fetch(&shard)?;
        }
    }
    from_cache(&listing.commit)
}

fn known(name: &Name, listing: &Listing, shard: &str) -> Result<()> {
    if listing.files.contains(shard) {
        return Ok(());
    }
    Err(HubError::model(
        name,
        format!(
            "{} names `{shard}`, which the repository does not have; its upload may not be finished, or name another revision",
            needs::INDEX
        ),
    ))
}
