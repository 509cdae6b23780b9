//! What is ignored when texts are compared.

use crate::unicode::{push_lowercase, split_space};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// What is ignored when texts are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Normalise {
    /// Upper and lower case are the same.
    pub case: bool,
    /// Every run of white space is one blank, and none at either end.
    pub white_space: bool,
}

impl Normalise {
    pub(super) fn apply<'a>(self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        if self.case {
            let mut lowered = String::new();
            push_lowercase(&text, &mut lowered);
            text = Cow::Owned(lowered);
        }
        if self.white_space {
            let mut squeezed = String::with_capacity(text.len());
            for word in split_space(&text) {
                if !squeezed.is_empty() {
                    squeezed.push(' ');
                }
                squeezed.push_str(word);
            }
            text = Cow::Owned(squeezed);
        }
        text
    }
}
