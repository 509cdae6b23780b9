//! Mistakes in a pipeline file: collected all, shown at once.

use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};

use super::value::Span;

/// One mistake: where it is, what is wrong, what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    span: Span,
    message: String,
    label: String,
    help: Option<String>,
}

impl Mistake {
    /// A mistake at `span`.
    pub fn new(span: Span, message: impl Into<String>) -> Mistake {
        Mistake {
            span,
            message: message.into(),
            label: "here".to_owned(),
            help: None,
        }
    }

    /// The words beside the caret.
    pub fn label(mut self, label: impl Into<String>) -> Mistake {
        self.label = label.into();
        self
    }

    /// What to do about it.
    pub fn help(mut self, help: impl Into<String>) -> Mistake {
        self.help = Some(help.into());
        self
    }

    /// Names the candidate nearest to `written`, or lists them all where none is near.
    pub fn near_miss<'a>(
        self,
        written: &str,
        candidates: impl IntoIterator<Item = &'a str>,
        what: &str,
    ) -> Mistake {
        let candidates: Vec<&str> = candidates.into_iter().collect();
        if let Some(near) = nearest(written, candidates.iter().copied()) {
            return self.help(format!("did you mean `{near}`?"));
        }
        if candidates.is_empty() {
            return self.help(format!("there are no {what} here"));
        }
        let shown: Vec<&str> = candidates.iter().copied().take(40).collect();
        let rest = candidates.len() - shown.len();
        let more = if rest > 0 {
            format!(" and {rest} more")
        } else {
            String::new()
        };
        self.help(format!("{what}: {}{more}", shown.join(", ")))
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do, if anything is known.
    pub fn advice(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// Where it is.
    pub fn span(&self) -> &Span {
        &self.span
    }
}

/// The candidate that `written` was probably meant to be.
pub fn nearest<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(written, candidate), candidate))
        .filter(|(distance, candidate)| {
            let longest = written.chars().count().max(candidate.chars().count());
            *distance <= (longest / 3).max(1) && *distance < longest
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// All mistakes found so far, each one once, in the order of the file.
#[derive(Clone, Debug, Default)]
pub struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// Notes a mistake, unless the very same was noted before (as by another instance of a matrix).
    pub fn push(&mut self, mistake: Mistake) {
        if !self.0.contains(&mistake) {
            self.0.push(mistake);
        }
    }

    /// Notes all of `others`, each unless it was noted before.
    pub fn extend(&mut self, others: Mistakes) {
        others.0.into_iter().for_each(|mistake| self.push(mistake));
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The mistakes, in the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = &Mistake> {
        self.0.iter()
    }

    /// The report that the user sees.
    pub fn into_invalid(mut self, name: &str, text: Arc<str>) -> InvalidPipeline {
        self.0.sort_by_key(|mistake| mistake.span.start);
        let source = Arc::new(NamedSource::new(name, text.to_string()).with_language("TOML"));
        let limit = text.len();
        let mistakes = self
            .0
            .into_iter()
            .map(|mistake| {
                let start = mistake.span.start.min(limit);
                let span = start..mistake.span.end.clamp(start, limit);
                PlacedMistake {
                    mistake: Mistake { span, ..mistake },
                    source: Arc::clone(&source),
                }
            })
            .collect();
        InvalidPipeline {
            name: name.to_owned(),
            mistakes,
        }
    }
}

/// A pipeline file that cannot run, with every mistake in it.
#[derive(Debug)]
pub struct InvalidPipeline {
    name: String,
    mistakes: Vec<PlacedMistake>,
}

impl InvalidPipeline {
    /// The mistakes, in the order of the file.
    pub fn mistakes(&self) -> impl Iterator<Item = &Mistake> {
        self.mistakes.iter().map(|placed| &placed.mistake)
    }
}

impl std::fmt::Display for InvalidPipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.mistakes.len() {
            1 => write!(f, "a mistake in {}; nothing ran", self.name),
            n => write!(f, "{n} mistakes in {}; nothing ran", self.name),
        }
    }
}

impl std::error::Error for InvalidPipeline {}

impl Diagnostic for InvalidPipeline {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(
            self.mistakes
                .iter()
                .map(|mistake| mistake as &dyn Diagnostic),
        ))
    }
}

#[derive(Debug)]
struct PlacedMistake {
    mistake: Mistake,
    source: Arc<NamedSource<String>>,
}

impl std::fmt::Display for PlacedMistake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.mistake.message)
    }
}

impl std::error::Error for PlacedMistake {}

impl Diagnostic for PlacedMistake {
    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.mistake
            .help
            .as_ref()
            .map(|help| Box::new(help) as Box<dyn std::fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&*self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label =
            LabeledSpan::new_with_span(Some(self.mistake.label.clone()), self.mistake.span.clone());
        Some(Box::new(std::iter::once(label)))
    }
}
