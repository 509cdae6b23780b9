//! What a model's name means.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::{HubError, Result};

/// A model's name, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// A folder with `config.json` and weights.
    Folder(PathBuf),
    /// A repository on the hub.
    Repository {
        /// `OWNER/NAME`, or `NAME` alone for the hub's oldest models.
        repository: String,
        /// A branch, a tag or a commit; `main` where none is named.
        revision: String,
    },
}

const SHAPE: &str = "give a folder, or a model of the hub such as bert-base-uncased, OWNER/NAME or hf://OWNER/NAME@REVISION";

impl Name {
    /// Understands a name: `hf://OWNER/NAME@REVISION`, a folder that exists (relative ones start from `base`), or else a
    /// repository's name with or without `@REVISION`.
    ///
    /// # Errors
    /// Where it is neither; the message shows right ones.
    pub fn parse(name: &str, base: &Path) -> Result<Self> {
        let wrong = |reason: String| HubError::Name {
            name: name.to_owned(),
            reason,
        };
        if let Some(rest) = name.strip_prefix("hf://") {
            return repository(rest.strip_prefix("models/").unwrap_or(rest))
                .ok_or_else(|| wrong(format!("it names no repository; {SHAPE}")));
        }
        if name.contains("://") {
            return Err(wrong(format!("only hf:// addresses are known; {SHAPE}")));
        }
        let path = base.join(name);
        if path.is_dir() {
            return Ok(Self::Folder(path));
        }
        if path.is_file() {
            return Err(wrong(format!(
                "it is a file; give the folder that it is in{}",
                path.parent()
                    .map_or_else(String::new, |folder| format!(", {}", folder.display()))
            )));
        }
        let is_path = name.starts_with(['.', '/', '~']) || name.ends_with('/');
        match repository(name) {
            Some(repository) if !is_path => Ok(repository),
            _ => Err(wrong(format!(
                "there is no folder {}; {SHAPE}",
                path.display()
            ))),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(formatter, "{}", folder.display()),
            Self::Repository {
                repository,
                revision,
            } => write!(formatter, "{repository}@{revision}"),
        }
    }
}

fn repository(text: &str) -> Option<Name> {
    let (repository, revision) = text.split_once('@').unwrap_or((text, "main"));
    let is_name = |part: &str| {
        !part.is_empty()
            && !matches!(part, "." | "..")
            && !part.contains("--")
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    let parts: Vec<&str> = repository.split('/').collect();
    if parts.len() > 2 || !parts.iter().all(|part| is_name(part)) || !is_revision(revision) {
        return None;
    }
    Some(Name::Repository {
        repository: repository.to_owned(),
        revision: revision.to_owned(),
    })
}

/// True for what can stand in an address and name a file below `refs`: `main`, `refs/pr/12`.
fn is_revision(text: &str) -> bool {
    is_inside(text)
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_./+".contains(&byte))
}

/// True for relative paths that stay in their folder.
pub(crate) fn is_inside(path: &str) -> bool {
    !path.is_empty()
        && !path.contains(['\\', '\0', ':'])
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// True for the whole digest that names a commit.
pub(crate) fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(name: &str) -> Result<Name> {
        Name::parse(name, Path::new("/no/such/base"))
    }

    fn repository(repository: &str, revision: &str) -> Name {
        Name::Repository {
            repository: repository.into(),
            revision: revision.into(),
        }
    }

    #[test]
    fn names_of_the_hub_have_an_owner_or_not_and_a_revision_or_not() {
        assert_eq!(parse("gpt2").unwrap(), repository("gpt2", "main"));
        assert_eq!(parse("a/b").unwrap(), repository("a/b", "main"));
        assert_eq!(
            parse("hf://a/b.c_d-1@v1.0").unwrap(),
            repository("a/b.c_d-1", "v1.0")
        );
        assert_eq!(parse("hf://models/a/b").unwrap(), repository("a/b", "main"));
        assert_eq!(
            parse("a/b@refs/pr/12").unwrap(),
            repository("a/b", "refs/pr/12")
        );
    }

    #[test]
    fn what_is_neither_folder_nor_repository_is_refused() {
        for name in [
            "",
            "./model",
            "/model",
            "~/model",
            "model/",
            "a/b/c",
            "hf://",
            "hf://a b",
            "a/..",
            "a/b@../x",
            "a/b@",
            "https://a/b",
            "a--b/c",
            "a/b@x?y",
        ] {
            let error = parse(name).unwrap_err().to_string();
            assert!(
                error.contains("give a folder, or a model of the hub"),
                "{name}: {error}"
            );
        }
    }

    #[test]
    fn a_folder_that_exists_goes_before_a_repository_of_that_name() {
        let base = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(base.path().join("gpt2")).unwrap();
        std::fs::write(base.path().join("weights"), "").unwrap();
        let folder = Name::parse("gpt2", base.path()).unwrap();
        assert_eq!(folder, Name::Folder(base.path().join("gpt2")));
        let hub = Name::parse("hf://gpt2", base.path()).unwrap();
        assert_eq!(hub, repository("gpt2", "main"));
        let file = Name::parse("weights", base.path()).unwrap_err().to_string();
        assert!(file.contains("give the folder that it is in"), "{file}");
    }
}
