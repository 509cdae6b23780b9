//! What the hub's refusals mean.

use serde::Deserialize;

use crate::client::Client;
use crate::error::HubError;
use crate::retry::Failure;

impl Client {
    /// A fault on the way to the hub, which may pass.
    pub(crate) fn unreachable(&self, error: &ureq::Error) -> Failure {
        let cached = match &self.cached {
            Some(commit) => format!("HF_HUB_OFFLINE=1 takes commit {commit} of it from the cache"),
            None => "check the network, and HF_ENDPOINT and HTTPS_PROXY where they are needed"
                .to_owned(),
        };
        Failure::Passing(format!(
            "the hub {} cannot be reached ({error}); {cached}",
            self.endpoint
        ))
    }

    /// What a status means. The hub tells by a header what the status leaves open.
    pub(crate) fn refusal(
        &self,
        status: u16,
        code: &str,
        body: &str,
        file: Option<&str>,
    ) -> Failure {
        #[derive(Deserialize)]
        struct Said {
            error: String,
        }
        let said = serde_json::from_str::<Said>(body).map_or_else(
            |_| String::new(),
            |said| format!(" (the hub says: {})", said.error),
        );
        let repository = &self.repository;
        let page = format!("{}/{repository}", self.endpoint);
        let token = if self.token.is_some() {
            "if it is private, the token in HF_TOKEN must be allowed to read it"
        } else {
            "if it is private, set HF_TOKEN to a token that may read it"
        };
        let reason = match (status, code) {
            (408 | 429 | 500..=599, _) => {
                return Failure::Passing(format!("the hub answers {status}{said}"));
            }
            (_, "GatedRepo") => format!(
                "it is gated: accept its terms on {page} while logged in, make a token on {}/settings/tokens and set HF_TOKEN to it{said}",
                self.endpoint
            ),
            (_, "RevisionNotFound") => format!(
                "it has no revision `{}`; check the branches and commits on {page}/tree/main{said}",
                self.revision
            ),
            (_, "EntryNotFound") => format!(
                "it has no file `{}` at this revision{said}",
                file.unwrap_or_default()
            ),
            // Without a token, the hub answers 401 for what is not there too.
            (_, "RepoNotFound") | (404, _) => format!(
                "there is no such model; check owner, name and spelling on {page}; {token}{said}"
            ),
            (401 | 403, _) => format!(
                "the hub does not let it be read: either there is no such model (check the spelling), or it is private or gated: \
                 accept its terms on {page}; {token}{said}"
            ),
            _ => format!("the hub answers {status}{said}"),
        };
        Failure::Lasting(HubError::model(&self.model, reason))
    }
}
