//! String literals, which are handed out as they stand and unescaped on demand.

use super::scan::Reason;

/// A string literal's inside.
#[derive(Clone, Copy)]
pub(crate) struct RawString<'a> {
    /// The text between the quotes, as it stands.
    pub(crate) text: &'a str,
    /// Whether it holds a backslash.
    pub(crate) escaped: bool,
}

/// The first position from `at` on that holds a quote, a backslash or a control character, or
/// the length where there is none. Eight bytes at a time: most strings are short, where this
/// beats a call into a SIMD search.
#[inline]
pub(super) fn next_special(bytes: &[u8], mut at: usize) -> usize {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    while let Some(Ok(eight)) = bytes.get(at..at + 8).map(<[u8; 8]>::try_from) {
        let word = u64::from_le_bytes(eight);
        let quote = word ^ (LOW * u64::from(b'"'));
        let slash = word ^ (LOW * u64::from(b'\\'));
        // The classic zero-byte test; a borrow only reaches bytes above a true hit.
        let hits = (quote.wrapping_sub(LOW) & !quote)
            | (slash.wrapping_sub(LOW) & !slash)
            | (word.wrapping_sub(LOW * 0x20) & !word);
        let hits = hits & HIGH;
        if hits != 0 {
            return at + (hits.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while let Some(&byte) = bytes.get(at) {
        if byte == b'"' || byte == b'\\' || byte < 0x20 {
            return at;
        }
        at += 1;
    }
    bytes.len()
}

pub(super) fn hex4(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at + 4)?;
    let mut value = 0;
    for &digit in digits {
        value = value * 16 + char::from(digit).to_digit(16)?;
    }
    Some(value)
}

impl RawString<'_> {
    /// Appends the string's content to `out`.
    ///
    /// # Errors
    /// Where an escaped surrogate has no partner: such a string is no Unicode text.
    #[inline]
    pub(crate) fn append_to(&self, out: &mut Vec<u8>) -> Result<(), Reason> {
        if !self.escaped {
            out.extend_from_slice(self.text.as_bytes());
            return Ok(());
        }
        let bytes = self.text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let plain = next_special(bytes, at);
            out.extend_from_slice(&bytes[at..plain]);
            at = plain;
            let Some(&escape) = bytes.get(at + 1) else {
                break;
            };
            at += 2;
            let byte = match escape {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'b' => 0x08,
                b'f' => 0x0c,
                b'u' => {
                    let (character, after) = unicode_escape(bytes, at)?;
                    let mut buffer = [0; 4];
                    out.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
                    at = after;
                    continue;
                }
                other => other,
            };
            out.push(byte);
        }
        Ok(())
    }

    /// The string's content.
    ///
    /// # Errors
    /// As [`RawString::append_to`].
    pub(crate) fn to_text(self) -> Result<String, Reason> {
        let mut out = Vec::with_capacity(self.text.len());
        self.append_to(&mut out)?;
        String::from_utf8(out).map_err(|error| error.to_string())
    }
}

/// The character whose four hexadecimal digits begin at `at`, with its second half where it is a
/// surrogate pair, and the position after it.
fn unicode_escape(bytes: &[u8], at: usize) -> Result<(char, usize), Reason> {
    let unit = hex4(bytes, at).unwrap_or(0xdc00);
    if let Some(character) = char::from_u32(unit) {
        return Ok((character, at + 4));
    }
    let partner = if (0xd800..0xdc00).contains(&unit) && bytes.get(at + 4..at + 6) == Some(b"\\u") {
        hex4(bytes, at + 6).filter(|low| (0xdc00..0xe000).contains(low))
    } else {
        None
    };
    partner
        .and_then(|low| char::from_u32(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)))
        .map(|character| (character, at + 10))
        .ok_or_else(|| format!("half a surrogate pair (`\\u{unit:04x}`), which is no Unicode text"))
}

#[cfg(test)]
mod tests {
    use super::super::scan::Scanner;
    use super::*;
    use proptest::prelude::*;

    fn unescaped(literal: &str) -> Result<String, Reason> {
        let mut scanner = Scanner::new(literal, 64);
        let raw = scanner.string()?;
        scanner.end()?;
        raw.to_text()
    }

    #[test]
    fn escapes_become_what_they_stand_for() {
        assert_eq!(
            unescaped(r#""a\"b\\c\/d\n\r\t\b\fé\u00e9\ud83d\ude00z""#).unwrap(),
            "a\"b\\c/d\n\r\t\u{8}\u{c}éé😀z"
        );
    }

    #[test]
    fn half_a_surrogate_pair_is_refused() {
        for literal in [r#""\ud83d""#, r#""\ude00""#, r#""\ud83dx""#, r#""\ud83dA""#] {
            assert!(
                unescaped(literal).unwrap_err().contains("surrogate"),
                "{literal}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_string_survives_escaping(text in any::<String>()) {
            let literal = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(unescaped(&literal).unwrap(), text);
        }
    }
}
