//! Text made safe for XML and HTML.

use std::fmt::{self, Display, Write};

/// Displays `text` so that it is itself wherever XML or HTML expects text or a quoted attribute.
///
/// Characters that XML 1.0 (section 2.2) forbids even as references become U+FFFD.
pub(super) fn escaped(text: &str) -> impl Display + '_ {
    Escaped(text)
}

struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\t' | '\n' => f.write_char(c)?,
                '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => {
                    f.write_char('\u{fffd}')?
                }
                // Right-to-left overrides would let a name reorder the text around it.
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => f.write_char('\u{fffd}')?,
                _ => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// The id of the element that describes step `name`, unique among names: letters, digits, `_` and `-` stand for
/// themselves, any other character for its code.
pub(super) fn step_anchor(name: &str) -> String {
    let mut id = String::from("step-");
    for c in name.chars() {
        if c.is_ascii_alphanumeric() || c == '_' || c == '-' {
            id.push(c);
        } else {
            push(&mut id, format_args!(".{:x}.", u32::from(c)));
        }
    }
    id
}

/// Appends formatted text. `String`'s `fmt::Write` never fails, which is why there is nothing to return.
pub(super) fn push(out: &mut String, text: fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_text_becomes_references() {
        assert_eq!(
            escaped("<script a='1' b=\"2\">&</script>").to_string(),
            "&lt;script a=&#39;1&#39; b=&quot;2&quot;&gt;&amp;&lt;/script&gt;"
        );
    }

    #[test]
    fn an_anchor_is_a_valid_fragment_whatever_the_name() {
        assert_eq!(step_anchor("fit_uda-2"), "step-fit_uda-2");
        assert_eq!(step_anchor("a b\""), "step-a.20.b.22.");
    }

    #[test]
    fn characters_that_xml_forbids_are_replaced() {
        assert_eq!(
            escaped("a\u{0}b\u{1b}[31m\u{ffff}\n").to_string(),
            "a\u{fffd}b\u{fffd}[31m\u{fffd}\n"
        );
    }
}
