/// What a caller hears while a model is brought, and how it stops that.
pub trait Watch {
    /// A part of a file has come.
    fn progress(&self, _progress: &Progress<'_>) {}

    /// Something passed that may explain a wait: a retry, another download of the same file.
    fn note(&self, _text: &str) {}

    /// True when the work should stop.
    fn cancelled(&self) -> bool {
        false
    }
}

/// The watch that hears nothing and never stops.
impl Watch for () {}

/// How far the download of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The file's path in the repository.
    pub file: &'a str,
    /// Bytes that are there, of this and earlier downloads.
    pub bytes: u64,
    /// The file's size, where the hub says it.
    pub total: Option<u64>,
}
