//! How long the texts are, and how many repeat an earlier one.

use std::collections::HashSet;

use table::expr::concat_text;
use table::{Table, TableError};

/// What can be told of the texts without reading them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    /// Words of the text in the middle.
    pub median_words: usize,
    /// Words that nine texts of ten have at most.
    pub most_words: usize,
    /// Texts that equal an earlier one.
    pub repeated: usize,
    /// Rows without a text.
    pub empty: usize,
}

/// Looks at the texts that `columns` make up.
pub fn look(rows: &Table, columns: &[String]) -> Result<Texts, TableError> {
    let joined = rows.with_column("text", concat_text(rows, columns, "\n\n")?)?;
    let column = joined.text_column("text")?;
    let mut found = Texts::default();
    let mut seen: HashSet<&str> = HashSet::new();
    let mut lengths: Vec<usize> = Vec::new();
    for text in column.iter() {
        let text = text.unwrap_or_default();
        if text.trim().is_empty() {
            found.empty += 1;
            continue;
        }
        found.repeated += usize::from(!seen.insert(text));
        lengths.push(text.split_whitespace().count());
    }
    lengths.sort_unstable();
    let at = |share: f64| {
        let place = (lengths.len() as f64 * share) as usize;
        lengths.get(place).or(lengths.last()).copied().unwrap_or(0)
    };
    found.median_words = at(0.5);
    found.most_words = at(0.9);
    Ok(found)
}
