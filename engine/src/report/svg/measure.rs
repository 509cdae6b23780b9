//! How wide a text will be before any browser has seen it.

use unicode_width::UnicodeWidthChar;

/// Estimated width of `text` in pixels at `size` pixels. The widths are those of a broad sans serif, so that the box
/// drawn around a text holds it in whichever system font the reader has.
pub(in super::super) fn text_width(text: &str, size: f64) -> f64 {
    text.chars().map(em).sum::<f64>() * size
}

/// `text` itself if it fits into `limit` pixels, else its longest beginning that does, with an ellipsis.
pub(in super::super) fn fit(text: &str, size: f64, limit: f64) -> String {
    if text_width(text, size) <= limit {
        return text.to_owned();
    }
    let room = limit - text_width("…", size);
    let mut used = 0.0;
    let kept: String = text
        .chars()
        .take_while(|&c| {
            used += em(c) * size;
            used <= room
        })
        .collect();
    format!("{}…", kept.trim_end())
}

fn em(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | '\'' | '|' | '.' | ',' | ':' | ';' | '!' | ' ' | 'I' => 0.33,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '-' | '/' | '\\' | '"' | '·' => 0.40,
        'm' | 'M' | 'W' | '@' | '%' => 0.96,
        'w' | '+' | '=' | '<' | '>' | '×' | '→' | '−' | '±' => 0.82,
        's' | 'c' | 'k' | 'v' | 'x' | 'y' | 'z' | '_' => 0.57,
        'a'..='z' | '0'..='9' => 0.63,
        'A'..='Z' => 0.73,
        c => match UnicodeWidthChar::width(c) {
            Some(0) | None => 0.0,
            Some(1) => 0.66,
            Some(_) => 1.05,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_to_the_room_it_has() {
        let cut = fit("TF-IDF + logistic regression", 12.0, 90.0);
        assert!(cut.ends_with('…'));
        assert!(text_width(&cut, 12.0) <= 90.0);
        assert_eq!(fit("short", 12.0, 90.0), "short");
        assert_eq!(fit("anything", 12.0, 0.0), "…");
    }

    #[test]
    fn wide_characters_take_a_whole_em() {
        assert!(text_width("漢字", 10.0) > 20.0);
        assert_eq!(text_width("\u{301}", 10.0), 0.0);
    }
}
