//! What methods learn from: tokenised texts, their labels, the vocabulary; and the checks that all methods make first.

use serde::{Deserialize, Serialize};

use crate::{MethodError, Network, Observer, Result};

/// A tokenised text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// Its token ids, with the special ones around it.
    pub ids: Vec<u32>,
    /// Whether each token is a special one, such as `[CLS]`, which is never masked.
    pub special: Vec<bool>,
}

impl Text {
    /// How many tokens it has.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

impl AsRef<[u32]> for Text {
    fn as_ref(&self) -> &[u32] {
        &self.ids
    }
}

/// What methods need to know of a tokenizer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vocabulary {
    /// Token ids are below this.
    pub size: usize,
    /// The token that masks.
    pub mask: u32,
    /// The token that pads.
    pub pad: u32,
    /// All special tokens.
    pub special: Vec<u32>,
}

/// Whether labels exclude each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Problem {
    /// Each text has any number of labels.
    #[serde(rename = "multi_label_classification")]
    Multi,
    /// Each text has exactly one.
    #[serde(rename = "single_label_classification")]
    Single,
}

impl Problem {
    /// As `transformers` calls it in `problem_type` of config.json.
    pub fn name(self) -> &'static str {
        match self {
            Self::Multi => "multi_label_classification",
            Self::Single => "single_label_classification",
        }
    }
}

/// The labels of texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Targets {
    /// For each text whether it has each label.
    Multi(Vec<Vec<bool>>),
    /// The one label of each text.
    Single(Vec<u32>),
}

impl Targets {
    /// Whether labels exclude each other.
    pub fn problem(&self) -> Problem {
        match self {
            Self::Multi(_) => Problem::Multi,
            Self::Single(_) => Problem::Single,
        }
    }

    /// How many texts there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Multi(rows) => rows.len(),
            Self::Single(classes) => classes.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a text has a label.
    pub fn has(&self, text: usize, label: usize) -> bool {
        match self {
            Self::Multi(rows) => rows[text][label],
            Self::Single(classes) => classes[text] as usize == label,
        }
    }

    /// Those of some of the texts.
    #[must_use]
    pub fn select(&self, texts: &[usize]) -> Self {
        match self {
            Self::Multi(rows) => {
                Self::Multi(texts.iter().map(|&text| rows[text].clone()).collect())
            }
            Self::Single(classes) => {
                Self::Single(texts.iter().map(|&text| classes[text]).collect())
            }
        }
    }

    /// These and others of the same kind.
    ///
    /// # Errors
    /// [`MethodError::Input`] for those of the other kind.
    pub fn and(&self, others: &Self) -> Result<Self> {
        match (self, others) {
            (Self::Multi(some), Self::Multi(more)) => Ok(Self::Multi([&some[..], more].concat())),
            (Self::Single(some), Self::Single(more)) => {
                Ok(Self::Single([&some[..], more].concat()))
            }
            _ => Err(MethodError::input(
                "labels",
                "some texts have one label each, others have sets of labels; give all of them the same form",
            )),
        }
    }
}

/// Texts with labels.
#[derive(Clone, Copy, Debug)]
pub struct Labelled<'a> {
    /// The texts.
    pub texts: &'a [Text],
    /// Their labels.
    pub targets: &'a Targets,
}

/// Fails for texts that the model cannot read. `what` says which: "training texts".
pub(crate) fn check_texts<N: Network>(
    method: &'static str,
    what: &str,
    texts: &[Text],
    network: &N,
) -> Result<()> {
    let (vocabulary, longest) = (network.vocab_size(), network.max_tokens());
    for (place, text) in texts.iter().enumerate() {
        let fault = if text.is_empty() {
            "has no tokens; leave it out".to_owned()
        } else if text.special.len() != text.len() {
            format!(
                "has {} tokens, but {} marks of special ones; give one a token",
                text.len(),
                text.special.len()
            )
        } else if let Some(id) = text.ids.iter().find(|&&id| id as usize >= vocabulary) {
            format!(
                "has token {id}, but the model's vocabulary ends at {}; use the tokenizer of this model",
                vocabulary.saturating_sub(1)
            )
        } else if text.len() > longest {
            format!(
                "has {} tokens, but the model takes {longest} at most; tokenize with max_length = {longest} or less",
                text.len()
            )
        } else {
            continue;
        };
        return Err(MethodError::input(
            method,
            format!("{what}: text {place} {fault}"),
        ));
    }
    Ok(())
}

/// Fails for labels that do not fit the texts or the names.
pub(crate) fn check_targets(
    method: &'static str,
    what: &str,
    data: &Labelled<'_>,
    labels: usize,
) -> Result<()> {
    let refuse = |reason: String| Err(MethodError::input(method, format!("{what}: {reason}")));
    let (texts, rows) = (data.texts.len(), data.targets.len());
    if texts != rows {
        return refuse(format!(
            "there are {texts} texts, but the labels of {rows}; give every text its labels"
        ));
    }
    match data.targets {
        Targets::Multi(rows) => match rows.iter().position(|row| row.len() != labels) {
            Some(place) => refuse(format!(
                "text {place} says yes or no to {} labels, but there are {labels}; give every text the same labels",
                rows[place].len()
            )),
            None => Ok(()),
        },
        Targets::Single(classes) => {
            match classes.iter().position(|&class| class as usize >= labels) {
                Some(place) => refuse(format!(
                    "text {place} has label {}, but there are {labels}, counted from 0; check the list of labels",
                    classes[place]
                )),
                None => Ok(()),
            }
        }
    }
}

/// All checks of training texts with labels; warns of labels that no text has.
pub(crate) fn check_training<N: Network>(
    method: &'static str,
    data: &Labelled<'_>,
    labels: &[String],
    network: &N,
    observer: &mut dyn Observer,
) -> Result<()> {
    check_labelled(method, data, labels, network)?;
    let absent: Vec<&str> = (labels.iter().enumerate())
        .filter(|(label, _)| (0..data.targets.len()).all(|text| !data.targets.has(text, *label)))
        .map(|(_, name)| name.as_str())
        .collect();
    if !absent.is_empty() {
        observer.warn(&format!(
            "{method}: no training text has {}: nothing can be learned of {}; label more texts, or leave {} out",
            absent.join(", "),
            if absent.len() == 1 { "it" } else { "them" },
            if absent.len() == 1 { "it" } else { "them" },
        ));
    }
    Ok(())
}

/// All checks of training texts with labels.
pub(crate) fn check_labelled<N: Network>(
    method: &'static str,
    data: &Labelled<'_>,
    labels: &[String],
    network: &N,
) -> Result<()> {
    if data.texts.is_empty() {
        return Err(MethodError::input(
            method,
            "there are no training texts; check the split and the slice that feed it",
        ));
    }
    if labels.is_empty() {
        return Err(MethodError::input(
            method,
            "there are no labels; name at least one",
        ));
    }
    check_texts(method, "training texts", data.texts, network)?;
    check_targets(method, "training texts", data, labels.len())
}

/// All checks of validation texts, which there may be none of.
pub(crate) fn check_validation<N: Network>(
    method: &'static str,
    data: Option<&Labelled<'_>>,
    problem: Problem,
    labels: usize,
    network: &N,
) -> Result<()> {
    let Some(data) = data else { return Ok(()) };
    if data.targets.problem() != problem {
        return Err(MethodError::input(
            method,
            "validation texts have other labels than training texts: one each here, any number there",
        ));
    }
    if data.texts.is_empty() {
        return Err(MethodError::input(
            method,
            "there are no validation texts; leave validation out, or check the split that feeds it",
        ));
    }
    check_texts(method, "validation texts", data.texts, network)?;
    check_targets(method, "validation texts", data, labels)
}
