//! A scanner over the text of one JSON value (RFC 8259), without a tree.
//!
//! It checks the whole grammar, also of what is skipped, so a row is accepted exactly where a
//! strict parser accepts it. Strings are handed out as they stand and unescaped only on demand.

use super::string::{RawString, hex4, next_special};

/// Why a row is no good: a sentence for [`crate::read::BadRow`].
pub(crate) type Reason = String;

/// A place in the text of a row.
pub(crate) struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    position: usize,
    max_depth: usize,
}

/// What kind of value comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Object,
    Array,
    String,
    Number,
    True,
    False,
    Null,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str, max_depth: usize) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            position: 0,
            max_depth,
        }
    }

    pub(crate) fn position(&self) -> usize {
        self.position
    }

    pub(crate) fn go_to(&mut self, position: usize) {
        self.position = position;
    }

    /// The text from an earlier position up to here.
    pub(crate) fn since(&self, start: usize) -> &'a str {
        &self.text[start..self.position]
    }

    #[inline]
    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.bytes.get(self.position) {
            self.position += 1;
        }
    }

    /// The kind of the next value, past white space.
    #[inline]
    pub(crate) fn next_kind(&mut self) -> Result<Next, Reason> {
        self.skip_space();
        match self.bytes.get(self.position) {
            Some(b'"') => Ok(Next::String),
            Some(b'{') => Ok(Next::Object),
            Some(b'[') => Ok(Next::Array),
            Some(b'-' | b'0'..=b'9') => Ok(Next::Number),
            Some(b't') => Ok(Next::True),
            Some(b'f') => Ok(Next::False),
            Some(b'n') => Ok(Next::Null),
            _ => Err(self.unexpected("a value")),
        }
    }

    /// Checks that nothing but white space follows.
    pub(crate) fn end(&mut self) -> Result<(), Reason> {
        self.skip_space();
        if self.position == self.bytes.len() {
            Ok(())
        } else {
            Err(self.unexpected("the end of the row"))
        }
    }

    /// Enters an object; call [`Scanner::key`] until it gives none.
    pub(crate) fn open_object(&mut self) {
        self.position += 1;
    }

    /// The next key of an object, the colon passed; `None` past the closing brace.
    #[inline]
    pub(crate) fn key(&mut self, first: bool) -> Result<Option<RawString<'a>>, Reason> {
        self.skip_space();
        match self.bytes.get(self.position) {
            Some(b'}') => {
                self.position += 1;
                return Ok(None);
            }
            Some(b',') if !first => {
                self.position += 1;
                self.skip_space();
            }
            _ if !first => return Err(self.unexpected("`,` or `}`")),
            _ => {}
        }
        if self.bytes.get(self.position) != Some(&b'"') {
            return Err(self.unexpected("a key in quotes"));
        }
        let key = self.string()?;
        self.skip_space();
        if self.bytes.get(self.position) != Some(&b':') {
            return Err(self.unexpected("`:`"));
        }
        self.position += 1;
        Ok(Some(key))
    }

    /// Enters an array; call [`Scanner::item`] until it is false.
    pub(crate) fn open_array(&mut self) {
        self.position += 1;
    }

    /// Whether another item follows; false past the closing bracket.
    #[inline]
    pub(crate) fn item(&mut self, first: bool) -> Result<bool, Reason> {
        self.skip_space();
        match self.bytes.get(self.position) {
            Some(b']') => {
                self.position += 1;
                Ok(false)
            }
            Some(b',') if !first => {
                self.position += 1;
                Ok(true)
            }
            _ if !first => Err(self.unexpected("`,` or `]`")),
            _ => Ok(true),
        }
    }

    /// The string that begins here.
    #[inline]
    pub(crate) fn string(&mut self) -> Result<RawString<'a>, Reason> {
        let start = self.position + 1;
        let mut at = start;
        let mut escaped = false;
        loop {
            at = next_special(self.bytes, at);
            match self.bytes.get(at) {
                Some(b'"') => {
                    self.position = at + 1;
                    return Ok(RawString {
                        text: &self.text[start..at],
                        escaped,
                    });
                }
                Some(b'\\') => {
                    escaped = true;
                    at = self.check_escape(at)?;
                }
                Some(byte) => {
                    let byte = *byte;
                    self.position = at;
                    return Err(format!(
                        "a control character (0x{byte:02x}) in a string{}, which JSON wants escaped",
                        self.place()
                    ));
                }
                None => {
                    self.position = start - 1;
                    return Err(format!(
                        "the row ends inside the string that begins{}",
                        self.place()
                    ));
                }
            }
        }
    }

    /// Checks the escape at `at`, a backslash; gives the position after it.
    #[inline]
    fn check_escape(&mut self, at: usize) -> Result<usize, Reason> {
        match self.bytes.get(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
            Some(b'u') if hex4(self.bytes, at + 2).is_some() => Ok(at + 6),
            _ => {
                self.position = at;
                Err(format!("an escape that JSON does not know{}", self.place()))
            }
        }
    }

    /// The number that begins here, as it stands.
    pub(crate) fn number(&mut self) -> Result<&'a str, Reason> {
        let start = self.position;
        let mut at = start;
        if self.bytes.get(at) == Some(&b'-') {
            at += 1;
        }
        match self.bytes.get(at) {
            Some(b'0') => at += 1,
            Some(b'1'..=b'9') => at = self.digits(at),
            _ => return Err(self.unexpected("a number")),
        }
        if self.bytes.get(at) == Some(&b'.') {
            let end = self.digits(at + 1);
            if end == at + 1 {
                return Err(self.unexpected("a number"));
            }
            at = end;
        }
        if let Some(b'e' | b'E') = self.bytes.get(at) {
            let mut digits = at + 1;
            if let Some(b'+' | b'-') = self.bytes.get(digits) {
                digits += 1;
            }
            let end = self.digits(digits);
            if end == digits {
                return Err(self.unexpected("a number"));
            }
            at = end;
        }
        // `01` or `1x` are no numbers; whatever may follow one is checked by the caller.
        if let Some(b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'.' | b'+' | b'-') =
            self.bytes.get(at)
        {
            return Err(self.unexpected("a number"));
        }
        self.position = at;
        Ok(&self.text[start..at])
    }

    fn digits(&self, mut at: usize) -> usize {
        while let Some(b'0'..=b'9') = self.bytes.get(at) {
            at += 1;
        }
        at
    }

    /// Passes `true`, `false` or `null`.
    pub(crate) fn word(&mut self, word: &str) -> Result<(), Reason> {
        if self.bytes[self.position..].starts_with(word.as_bytes()) {
            self.position += word.len();
            Ok(())
        } else {
            Err(self.unexpected("a value"))
        }
    }

    /// Passes one value of any kind, checking it; `depth` is that of what encloses it.
    pub(crate) fn skip(&mut self, depth: usize) -> Result<(), Reason> {
        match self.next_kind()? {
            Next::String => self.string().map(|_| ()),
            Next::Number => self.number().map(|_| ()),
            Next::True => self.word("true"),
            Next::False => self.word("false"),
            Next::Null => self.word("null"),
            Next::Object => {
                self.check_depth(depth)?;
                self.open_object();
                let mut first = true;
                while self.key(first)?.is_some() {
                    first = false;
                    self.skip(depth + 1)?;
                }
                Ok(())
            }
            Next::Array => {
                self.check_depth(depth)?;
                self.open_array();
                let mut first = true;
                while self.item(first)? {
                    first = false;
                    self.skip(depth + 1)?;
                }
                Ok(())
            }
        }
    }

    pub(crate) fn check_depth(&self, depth: usize) -> Result<(), Reason> {
        if depth < self.max_depth {
            Ok(())
        } else {
            Err(format!(
                "arrays and objects nested more than {} deep{}",
                self.max_depth,
                self.place()
            ))
        }
    }

    fn unexpected(&self, wanted: &str) -> Reason {
        match self
            .text
            .get(self.position..)
            .and_then(|rest| rest.chars().next())
        {
            Some(found) => format!("expected {wanted}{}, found {found:?}", self.place()),
            None => format!("the row ends where {wanted} should come; it may be cut off"),
        }
    }

    fn place(&self) -> String {
        format!(" at byte {}", self.position + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nesting_is_bounded() {
        let deep = "[".repeat(100_000);
        let reason = Scanner::new(&deep, 128).skip(0).unwrap_err();
        assert!(reason.contains("more than 128 deep"), "{reason}");
    }

    fn accepts(text: &str) -> bool {
        let mut scanner = Scanner::new(text, 120);
        scanner.skip(0).and_then(|()| scanner.end()).is_ok()
    }

    proptest! {
        #[test]
        fn exactly_what_serde_json_accepts_is_accepted(
            pieces in prop::collection::vec(
                prop_oneof![
                    Just("{"), Just("}"), Just("["), Just("]"), Just(","), Just(":"), Just("\"a\""),
                    Just("\"\\u00e9\""), Just("\"\\x\""), Just("1"), Just("-0.5e+3"), Just("01"),
                    Just("1."), Just("true"), Just("nul"), Just("null"), Just(" "), Just("\n"),
                    Just("\"\t\""), Just("\"ab"), Just("1e5"), Just("-"), Just("{\"k\":1}"),
                ],
                0..12,
            )
        ) {
            let text = pieces.concat();
            let peer = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
            prop_assert_eq!(accepts(&text), peer, "{}", text);
        }
    }
}
