//! Addresses of sources.

use std::fmt;

use crate::error::{Result, TableError};

/// Where rows come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A path, or a glob such as `data/*.jsonl.gz`.
    Local {
        /// The path or glob, relative to the base folder.
        pattern: String,
    },
    /// A file on the web.
    Http {
        /// The address: `https`, or `http` on this machine.
        url: String,
    },
    /// Files of a dataset on the Hugging Face hub.
    Hub(HubAddress),
    /// The issues of a repository on GitHub.
    Github(GithubAddress),
}

/// `hf://datasets/OWNER/NAME/PATH@REVISION`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubAddress {
    /// `OWNER/NAME`
    pub repository: String,
    /// The file's path in the repository, or a glob.
    pub path: String,
    /// A branch, a tag or a commit; `main` where none was named.
    pub revision: String,
}

/// `github://OWNER/REPO/issues?QUERY`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GithubAddress {
    /// `OWNER/REPO`
    pub repository: String,
    /// The query of the REST API's issue list, such as `state=all&labels=bug`; may be empty.
    pub query: String,
}

impl Source {
    /// Parses an address; whatever has no scheme is a local path or glob.
    ///
    /// # Errors
    /// Where it makes no sense; the message shows a right one.
    pub fn parse(address: &str) -> Result<Self> {
        let wrong = |reason: &str| TableError::Address {
            address: without_password(address),
            reason: reason.to_owned(),
        };
        if address.trim().is_empty() {
            return Err(wrong("it is empty"));
        }
        let Some((scheme, rest)) = address.split_once("://") else {
            return Ok(Self::Local {
                pattern: address.to_owned(),
            });
        };
        match scheme {
            "https" | "http" => {
                let host = host(rest);
                if host.is_empty() {
                    return Err(wrong("it names no server"));
                }
                if rest
                    .split('/')
                    .next()
                    .is_some_and(|authority| authority.contains('@'))
                {
                    return Err(wrong("it holds a password; addresses are stored and shown"));
                }
                if scheme == "http" && !is_loopback(host) {
                    return Err(wrong(
                        "plain http is only for servers on this machine; write https",
                    ));
                }
                Ok(Self::Http {
                    url: address.to_owned(),
                })
            }
            "hf" => hub(rest).map(Self::Hub).map_err(wrong),
            "github" => github(rest).map(Self::Github).map_err(wrong),
            "file" => Err(wrong("write the path alone, without file://")),
            _ => Err(wrong(
                "there are paths, https://, hf://datasets/OWNER/NAME/PATH@REVISION and github://OWNER/REPO/issues",
            )),
        }
    }

    /// Whether it lies on this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Local { .. })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local { pattern } => formatter.write_str(pattern),
            Self::Http { url } => formatter.write_str(url),
            Self::Hub(HubAddress {
                repository,
                path,
                revision,
            }) => write!(formatter, "hf://datasets/{repository}/{path}@{revision}"),
            Self::Github(GithubAddress { repository, query }) => {
                write!(formatter, "github://{repository}/issues")?;
                if query.is_empty() {
                    Ok(())
                } else {
                    write!(formatter, "?{query}")
                }
            }
        }
    }
}

fn hub(rest: &str) -> Result<HubAddress, &'static str> {
    const SHAPE: &str = "it should look like hf://datasets/OWNER/NAME/data/train-*.parquet@main";
    let (path, revision) = match rest.rsplit_once('@') {
        Some((path, revision)) => (path, revision),
        None => (rest, "main"),
    };
    let mut parts = path.splitn(4, '/');
    let (Some("datasets"), Some(owner), Some(name), Some(path)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(SHAPE);
    };
    if !is_name(owner) || !is_name(name) || !is_inside(path) || !is_inside(revision) {
        return Err(SHAPE);
    }
    Ok(HubAddress {
        repository: format!("{owner}/{name}"),
        path: path.to_owned(),
        revision: revision.to_owned(),
    })
}

fn github(rest: &str) -> Result<GithubAddress, &'static str> {
    const SHAPE: &str = "it should look like github://OWNER/REPO/issues?state=all&labels=bug";
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let parts: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    let [owner, name, "issues"] = parts.as_slice() else {
        return Err(SHAPE);
    };
    let plain = query
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'?' | b'"' | b'<' | b'>'));
    if !is_name(owner) || !is_name(name) || !plain {
        return Err(SHAPE);
    }
    let fixed = query
        .split('&')
        .any(|pair| matches!(pair.split('=').next(), Some("page" | "per_page" | "after")));
    if fixed {
        return Err("leave out page and per_page: all pages are fetched");
    }
    Ok(GithubAddress {
        repository: format!("{owner}/{name}"),
        query: query.to_owned(),
    })
}

fn is_name(part: &str) -> bool {
    !part.is_empty()
        && !part.starts_with('.')
        && part
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// Whether a slashed path stays within the folder it is joined to.
pub(super) fn is_inside(path: &str) -> bool {
    !path.is_empty()
        && !path.contains(['\\', '\0'])
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// The host of what follows a scheme.
pub(super) fn host(rest: &str) -> &str {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

pub(super) fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn without_password(address: &str) -> String {
    match (address.split_once("://"), address.rsplit_once('@')) {
        (Some((scheme @ ("http" | "https"), _)), Some((_, rest))) => format!("{scheme}://…@{rest}"),
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_what_they_say() {
        for address in [
            "data/*.jsonl",
            "https://example.org/a.csv",
            "http://127.0.0.1:8080/a.csv",
            "hf://datasets/ann/issues/data/train.jsonl@v1.0",
            "hf://datasets/ann/issues/default/train/*.parquet@refs/convert/parquet",
            "github://ann/reader/issues?state=all&labels=bug",
        ] {
            assert_eq!(Source::parse(address).unwrap().to_string(), address);
        }
        assert_eq!(
            Source::parse("hf://datasets/ann/issues/a.csv")
                .unwrap()
                .to_string(),
            "hf://datasets/ann/issues/a.csv@main"
        );
    }

    #[test]
    fn addresses_that_make_no_sense_are_met_with_a_right_one() {
        for (address, advice) in [
            ("", "empty"),
            ("ftp://x/y", "https://"),
            ("http://example.org/x", "write https"),
            ("http://localhost.example.org/x", "write https"),
            ("https://", "no server"),
            ("https://ann:secret@example.org/x", "password"),
            ("hf://datasets/squad/a.csv", "OWNER/NAME"),
            ("hf://datasets/a/b/../../c@main", "OWNER/NAME"),
            ("hf://datasets/a/b/c@../x", "OWNER/NAME"),
            ("github://ann/reader", "issues"),
            ("github://ann/reader/issues?page=2", "all pages"),
        ] {
            let message = Source::parse(address).unwrap_err().to_string();
            assert!(message.contains(advice), "{address}: {message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }
}
