//! A text as words and what is between them.

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A word of letters, such as `don't`.
    Word(&'a str),
    /// Blanks, punctuation, and what is no language: code between backticks, addresses, names with digits, dots or underscores.
    Other(&'a str),
}

impl<'a> Piece<'a> {
    /// Its text.
    pub fn text(self) -> &'a str {
        match self {
            Self::Word(text) | Self::Other(text) => text,
        }
    }
}

/// Cuts a text. The pieces together are the text.
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '`' => code(rest),
            _ if first.is_whitespace() => run(rest, char::is_whitespace),
            _ => run(rest, |c| !c.is_whitespace() && c != '`'),
        };
        let (piece, after) = rest.split_at(length);
        match first {
            '`' => pieces.push(Piece::Other(piece)),
            _ if first.is_whitespace() => pieces.push(Piece::Other(piece)),
            _ => visible(piece, &mut pieces),
        }
        rest = after;
    }
    pieces
}

/// The bytes of the code that begins here, up to as many backticks as begin it; of a single run without an end, the run.
fn code(text: &str) -> usize {
    let ticks = run(text, |c| c == '`');
    let fence = &text[..ticks];
    text[ticks..]
        .find(fence)
        .map_or(ticks, |end| ticks + end + ticks)
}

/// The bytes up to the first character that does not fit.
fn run(text: &str, fits: impl Fn(char) -> bool) -> usize {
    text.find(|c| !fits(c)).unwrap_or(text.len())
}

/// A word with the punctuation around it, or something that is none.
fn visible<'a>(text: &'a str, pieces: &mut Vec<Piece<'a>>) {
    let core = text.trim_matches(|c: char| !c.is_alphanumeric() && c != '_');
    let is_word = !core.is_empty()
        && core
            .chars()
            .all(|c| c.is_alphabetic() || c == '\'' || c == '’' || c == '-');
    if !is_word {
        pieces.push(Piece::Other(text));
        return;
    }
    let start = text.len()
        - text
            .trim_start_matches(|c: char| !c.is_alphanumeric() && c != '_')
            .len();
    let (before, rest) = text.split_at(start);
    let (word, after) = rest.split_at(core.len());
    for (piece, wraps) in [(before, false), (word, true), (after, false)] {
        match (piece.is_empty(), wraps) {
            (true, _) => {}
            (false, true) => pieces.push(Piece::Word(piece)),
            (false, false) => pieces.push(Piece::Other(piece)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        pieces(text)
            .into_iter()
            .filter_map(|piece| match piece {
                Piece::Word(word) => Some(word),
                Piece::Other(_) => None,
            })
            .collect()
    }

    #[test]
    fn words_are_language_and_nothing_else() {
        let text = "Don't call `load_dataset(x)`, see https://example.org/a (v2.1, load_it) - it's broken!";
        assert_eq!(words(text), ["Don't", "call", "see", "it's", "broken"]);
        let block = "It fails:\n```py\nfor x in y:\n```\nwhy?";
        assert_eq!(words(block), ["It", "fails", "why"]);
    }

    #[test]
    fn the_pieces_together_are_the_text() {
        for text in ["", " a  b\n", "`", "``x` y", "größer — 3 µm", "a`b`c"] {
            let joined: String = pieces(text).into_iter().map(Piece::text).collect();
            assert_eq!(joined, text);
        }
    }
}
