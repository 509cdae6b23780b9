/// How texts become tokens. The settings for lengths and padding that stand in a `tokenizer.json` do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The most tokens of a text or pair, special ones included; `None` keeps all.
    pub max_length: Option<usize>,
    /// Whether the post-processor adds its special tokens.
    pub add_special: bool,
    /// Which text of a pair gives way.
    pub truncation: Truncation,
    /// The side that is cut.
    pub side: Side,
}

impl Default for Options {
    /// All tokens, with the special ones.
    fn default() -> Self {
        Self {
            max_length: None,
            add_special: true,
            truncation: Truncation::LongestFirst,
            side: Side::Right,
        }
    }
}

impl Options {
    /// At most `max_length` tokens, special ones included.
    pub fn of_length(max_length: usize) -> Self {
        Self {
            max_length: Some(max_length),
            ..Self::default()
        }
    }
}

/// Which text of a pair is cut when both together are too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truncation {
    /// The longer one, down to the length of the other; then both alike.
    LongestFirst,
    /// The first alone; an error where the second leaves no room for it.
    OnlyFirst,
    /// The second alone; an error where the first leaves no room for it.
    OnlySecond,
}

/// The side of a text that is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The end.
    Right,
    /// The beginning.
    Left,
}
