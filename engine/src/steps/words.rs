//! Words for notes.

use crate::report::number::count;

/// `1 row`, `7,258 rows`.
pub fn rows(rows: usize) -> String {
    let unit = if rows == 1 { "row" } else { "rows" };
    format!("{} {unit}", number(rows))
}

/// `7,258`.
pub fn number(number: usize) -> String {
    count(number as u64)
}

/// The first `limit` of some words, and how many more there are: `a, b, 3 more`.
pub fn first<S: Into<String>>(words: impl IntoIterator<Item = S>, limit: usize) -> String {
    let mut words: Vec<String> = words.into_iter().map(Into::into).collect();
    if words.len() > limit {
        let more = words.len() - limit;
        words.truncate(limit);
        words.push(format!("{} more", number(more)));
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_end_with_how_many_more_there_are() {
        assert_eq!(first(["a", "b"], 2), "a, b");
        assert_eq!(first(["a", "b", "c", "d"], 2), "a, b, 2 more");
        assert_eq!(rows(1), "1 row");
        assert_eq!(rows(7258), "7,258 rows");
    }
}
