//! How a run is named on the command line: by its id, a beginning of it that is unique, `latest`, or `latest~2`.

use super::History;

/// Why a name means no run.
#[derive(Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum FindError {
    /// There are no runs.
    #[error("there is no run yet{}", of(pipeline.as_deref()))]
    #[diagnostic(help(
        "`engine run FILE` makes one; runs are kept in `.engine/runs` of the project's root"
    ))]
    NoRuns {
        /// The pipeline that was asked for, if any.
        pipeline: Option<String>,
    },
    /// No run has this name.
    #[error("there is no run `{name}`")]
    #[diagnostic(help(
        "`engine runs` lists them; `latest`, `latest~1` and unique beginnings of ids are names, too"
    ))]
    Unknown {
        /// As written.
        name: String,
    },
    /// Several runs begin so.
    #[error("`{name}` may be several runs: {}", candidates.join(", "))]
    #[diagnostic(help("write more of the id"))]
    Ambiguous {
        /// As written.
        name: String,
        /// The first few of them, newest first.
        candidates: Vec<String>,
    },
    /// There are not so many runs.
    #[error("`{name}`: there are only {runs} runs{}", of(pipeline.as_deref()))]
    #[diagnostic(help("`engine runs` lists them"))]
    TooFarBack {
        /// As written.
        name: String,
        /// How many there are.
        runs: usize,
        /// The pipeline that was asked for, if any.
        pipeline: Option<String>,
    },
}

fn of(pipeline: Option<&str>) -> String {
    pipeline.map_or_else(String::new, |name| format!(" of `{name}`"))
}

impl History {
    /// The id of the run that `name` means, among all or those of one pipeline.
    ///
    /// # Errors
    /// [`FindError`].
    pub fn find(&self, name: &str, pipeline: Option<&str>) -> Result<String, FindError> {
        let ids = match pipeline {
            Some(pipeline) => self.ids_of(pipeline),
            None => self.ids(),
        };
        find(name, &ids, pipeline)
    }
}

fn find(name: &str, ids: &[String], pipeline: Option<&str>) -> Result<String, FindError> {
    let pipeline = pipeline.map(str::to_owned);
    if ids.is_empty() {
        return Err(FindError::NoRuns { pipeline });
    }
    if let Some(back) = steps_back(name) {
        return ids.get(back).cloned().ok_or_else(|| FindError::TooFarBack {
            name: name.to_owned(),
            runs: ids.len(),
            pipeline,
        });
    }
    if ids.iter().any(|id| id == name) {
        return Ok(name.to_owned());
    }
    let beginning: Vec<&String> = ids.iter().filter(|id| id.starts_with(name)).collect();
    match beginning.as_slice() {
        _ if name.is_empty() => Err(FindError::Unknown {
            name: String::new(),
        }),
        [] => Err(FindError::Unknown {
            name: name.to_owned(),
        }),
        [only] => Ok((*only).clone()),
        several => Err(FindError::Ambiguous {
            name: name.to_owned(),
            candidates: several.iter().take(5).map(|id| (*id).clone()).collect(),
        }),
    }
}

/// `latest` is 0, `latest~3` is 3.
fn steps_back(name: &str) -> Option<usize> {
    match name.strip_prefix("latest")? {
        "" => Some(0),
        rest => rest.strip_prefix('~')?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> Vec<String> {
        [
            "20261123-101500-b",
            "20261123-094500-a",
            "20261122-080000-a",
        ]
        .map(str::to_owned)
        .to_vec()
    }

    #[test]
    fn a_run_is_found_by_its_age_its_id_or_a_unique_beginning() {
        let found = |name| find(name, &ids(), None).unwrap();
        assert_eq!(found("latest"), "20261123-101500-b");
        assert_eq!(found("latest~2"), "20261122-080000-a");
        assert_eq!(found("20261123-09"), "20261123-094500-a");
        assert_eq!(found("20261122-080000-a"), "20261122-080000-a");
    }

    #[test]
    fn a_name_that_means_no_single_run_is_refused() {
        let refused = |name| find(name, &ids(), None).unwrap_err();
        assert!(
            matches!(refused("20261123"), FindError::Ambiguous { candidates, .. } if candidates.len() == 2)
        );
        assert!(matches!(
            refused("latest~3"),
            FindError::TooFarBack { runs: 3, .. }
        ));
        assert!(matches!(refused("latest~x"), FindError::Unknown { .. }));
        assert!(matches!(refused(""), FindError::Unknown { .. }));
        assert!(matches!(
            find("latest", &[], None),
            Err(FindError::NoRuns { .. })
        ));
    }
}
