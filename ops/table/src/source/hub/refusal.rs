//! What the hub's refusals mean.

use serde::Deserialize;

use super::Hub;
use crate::source::retry::Failure;

impl Hub<'_> {
    pub(super) fn unreachable(&self, error: &ureq::Error) -> String {
        match error {
            ureq::Error::StatusCode(status) => format!("the hub answers {status}"),
            other => format!(
                "the hub cannot be reached ({other}); without network, HF_HUB_OFFLINE=1 takes what the cache has"
            ),
        }
    }

    /// What the hub's refusal means. It tells by a header what its status leaves open.
    pub(super) fn refusal(&self, status: u16, code: &str, body: &str) -> Failure {
        #[derive(Deserialize)]
        struct HubError {
            error: String,
        }
        let repository = &self.address.repository;
        let said = serde_json::from_str::<HubError>(body).map_or_else(
            |_| String::new(),
            |hub| format!(" (the hub says: {})", hub.error),
        );
        let token = if self.options.hub_token.is_some() {
            "the token in HF_TOKEN may not see it"
        } else {
            "if it is private, set HF_TOKEN"
        };
        let reason = match (status, code) {
            (429 | 500..=599, _) => {
                return Failure::Passing(format!("the hub answers {status}{said}"));
            }
            (_, "GatedRepo") => format!(
                "the dataset {repository} is gated: accept its terms on its page, then set HF_TOKEN{said}"
            ),
            (_, "RevisionNotFound") => format!(
                "the dataset {repository} has no revision `{}`{said}",
                self.address.revision
            ),
            (_, "EntryNotFound") => format!("the dataset {repository} has no file `{body}`"),
            (_, "RepoNotFound") | (404, _) => {
                format!("there is no dataset {repository}; {token}{said}")
            }
            (401 | 403, _) => {
                format!("the hub does not let the dataset {repository} be read; {token}{said}")
            }
            _ => format!("the hub answers {status}{said}"),
        };
        Failure::Lasting(self.failed(reason))
    }
}
