//! Environment variables that a pipeline may read. Their values reach the steps and nothing else: keys, journals and
//! pages hold digests, and whatever is printed passes through [`Secrets::redact`].

use std::collections::BTreeMap;

/// The listed environment variables and their values.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    values: BTreeMap<String, String>,
}

impl Secrets {
    /// Reads the named variables from the environment of the process.
    pub fn from_env<'a>(names: impl IntoIterator<Item = &'a str>) -> Secrets {
        let values = names
            .into_iter()
            .filter_map(|name| {
                std::env::var(name)
                    .ok()
                    .map(|value| (name.to_owned(), value))
            })
            .collect();
        Secrets { values }
    }

    /// The value, for the step alone.
    pub fn value(&self, name: &str) -> Option<String> {
        self.values.get(name).cloned()
    }

    /// What stands for the value in keys and manifests: its name and digest.
    pub fn masked(&self, name: &str) -> Option<String> {
        let value = self.values.get(name)?;
        let digest = cache::Digest::of(format!("{name}={value}").as_bytes());
        Some(format!("env:{name}:{digest}"))
    }

    /// `text` with every listed value replaced by its name. Values of fewer than four bytes stay: they are no secrets,
    /// and replacing them would make the text unreadable.
    pub fn redact(&self, text: &str) -> String {
        let mut redacted = text.to_owned();
        for (name, value) in self.values.iter().filter(|(_, value)| value.len() >= 4) {
            if redacted.contains(value.as_str()) {
                redacted = redacted.replace(value.as_str(), &format!("${{env.{name}}}"));
            }
        }
        redacted
    }

    /// The variables among `names` that are set, with their values.
    pub fn pairs<'a>(&'a self, names: &'a [String]) -> impl Iterator<Item = (&'a str, &'a str)> {
        names.iter().filter_map(|name| {
            self.values
                .get_key_value(name)
                .map(|(name, value)| (name.as_str(), value.as_str()))
        })
    }
}
