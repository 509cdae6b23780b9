//! Endpoint, token, cache, offline.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{HubError, Result};

/// How the hub is reached.
#[derive(Clone, Debug)]
pub struct Options {
    /// The hub's address.
    pub endpoint: String,
    /// A token for it.
    pub token: Option<Token>,
    /// The folder of its cache.
    pub cache: PathBuf,
    /// Take what the cache has, and ask no server.
    pub offline: bool,
    /// The pause before the first retry of a request; it doubles with each.
    pub retry_pause: Duration,
}

impl Options {
    /// The public hub, without a token, and a cache in `cache`.
    #[must_use]
    pub fn new(cache: impl Into<PathBuf>) -> Self {
        Self {
            endpoint: "https://huggingface.co".into(),
            token: None,
            cache: cache.into(),
            offline: false,
            retry_pause: Duration::from_millis(500),
        }
    }

    /// What the environment says: `HF_ENDPOINT`, `HF_TOKEN` (or the file that `hf auth login` writes), `HF_HUB_CACHE`,
    /// `HF_HOME`, `HF_HUB_OFFLINE`.
    #[must_use]
    pub fn from_env() -> Self {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// What variables of these values say; see [`from_env`](Self::from_env).
    #[must_use]
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let home = set("HF_HOME").map_or_else(
            || {
                set("XDG_CACHE_HOME")
                    .map(PathBuf::from)
                    .or_else(|| std::env::home_dir().map(|home| home.join(".cache")))
                    .unwrap_or_else(|| PathBuf::from("."))
                    .join("huggingface")
            },
            PathBuf::from,
        );
        let cache = set("HF_HUB_CACHE").map_or_else(|| home.join("hub"), PathBuf::from);
        let mut options = Self::new(cache);
        if let Some(endpoint) = set("HF_ENDPOINT") {
            options.endpoint = endpoint;
        }
        options.token = set("HF_TOKEN").or_else(|| token_in(&home)).map(Token::new);
        options.offline = ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"]
            .into_iter()
            .filter_map(set)
            .any(|value| matches!(value.to_lowercase().as_str(), "1" | "true" | "yes" | "on"));
        options
    }

    /// The endpoint without a slash at its end.
    pub(crate) fn checked_endpoint(&self) -> Result<&str> {
        let endpoint = self.endpoint.trim_end_matches('/');
        let authority = |rest: &str| rest.split('/').next().unwrap_or_default().to_owned();
        let refused = |reason: &str| HubError::Setting {
            setting: "HF_ENDPOINT",
            reason: reason.to_owned(),
        };
        match endpoint.split_once("://") {
            Some((_, rest)) if authority(rest).contains('@') => Err(refused(
                "it holds a user or password; give the address alone and the token in HF_TOKEN",
            )),
            Some(("https", rest)) if !authority(rest).is_empty() => Ok(endpoint),
            Some(("http", rest)) if is_loopback(&authority(rest)) => Ok(endpoint),
            Some(("http", _)) => Err(refused(
                "http:// shows the token to everybody on the way, so only this machine may be reached by it; use https://",
            )),
            _ => Err(refused("it must look like https://huggingface.co")),
        }
    }
}

/// The token that `hf auth login` keeps, at the place that the `hf-hub` crate reads too.
fn token_in(home: &Path) -> Option<String> {
    hf_hub::Cache::new(home.join("hub")).token()
}

fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// A token. Printed, it is a few dots.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Keeps a token.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(variables: &[(&str, &str)]) -> Options {
        Options::from_variables(|name| {
            let found = variables.iter().find(|(held, _)| *held == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_environment_says_where_the_cache_is() {
        assert_eq!(options(&[("HF_HOME", "/h")]).cache, Path::new("/h/hub"));
        assert_eq!(
            options(&[("HF_HOME", "/h"), ("HF_HUB_CACHE", "/c")]).cache,
            Path::new("/c")
        );
        assert_eq!(
            options(&[("XDG_CACHE_HOME", "/x")]).cache,
            Path::new("/x/huggingface/hub")
        );
        assert!(options(&[("HF_HUB_OFFLINE", "1")]).offline);
        assert!(!options(&[("HF_HUB_OFFLINE", "0")]).offline);
    }

    #[test]
    fn the_token_comes_from_its_variable_or_from_the_file_of_the_login_and_is_never_printed() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("token"), "hf_file\n").unwrap();
        let home = home.path().to_str().unwrap();
        let from_file = options(&[("HF_HOME", home)]);
        assert_eq!(from_file.token.as_ref().unwrap().reveal(), "hf_file");
        let both = options(&[("HF_HOME", home), ("HF_TOKEN", "hf_variable")]);
        assert_eq!(both.token.as_ref().unwrap().reveal(), "hf_variable");
        assert!(!format!("{both:?}").contains("hf_variable"));
    }

    #[test]
    fn the_endpoint_is_https_or_on_this_machine() {
        let endpoint = |address: &str| {
            let options = options(&[("HF_ENDPOINT", address), ("HF_HOME", "/h")]);
            options.checked_endpoint().map(str::to_owned)
        };
        assert_eq!(
            endpoint("https://mirror.example/hub/").unwrap(),
            "https://mirror.example/hub"
        );
        assert_eq!(
            endpoint("http://127.0.0.1:80").unwrap(),
            "http://127.0.0.1:80"
        );
        assert!(
            endpoint("http://mirror.example")
                .unwrap_err()
                .to_string()
                .contains("use https://")
        );
        assert!(
            endpoint("mirror.example")
                .unwrap_err()
                .to_string()
                .contains("must look like")
        );
        assert!(
            endpoint("https://me:pw@mirror.example")
                .unwrap_err()
                .to_string()
                .contains("HF_TOKEN")
        );
        assert!(endpoint("http://127.0.0.1.evil.example").is_err());
    }
}
