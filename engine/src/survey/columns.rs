//! Which columns hold the text and the labels.

use std::collections::BTreeSet;

use arrow_schema::DataType;
use table::{Table, TableError};

/// Names under which texts usually stand, titles and labels, in lower case.
const TEXTS: [&str; 9] = [
    "text",
    "body",
    "content",
    "message",
    "description",
    "sentence",
    "review",
    "comment",
    "question",
];
const TITLES: [&str; 3] = ["title", "subject", "summary"];
const LABELS: [&str; 12] = [
    "labels",
    "label",
    "tags",
    "tag",
    "category",
    "categories",
    "class",
    "target",
    "intent",
    "topic",
    "sentiment",
    "component",
];

/// The most that a label has of characters, and a column of labels of different ones, where its name does not tell.
const LONGEST_LABEL: usize = 40;
const MOST_LABELS: usize = 50;
/// How many rows a label must have on average in such a column.
const ROWS_PER_LABEL: usize = 5;
/// How many words a text has on average at least, in a column whose name does not tell.
const WORDS_PER_TEXT: usize = 2;

/// The first column with one of the names, whatever its case.
fn named<'a>(rows: &'a Table, names: &[&str]) -> Option<&'a str> {
    let found = |name: &&str| {
        let mut columns = rows.column_names();
        columns.find(|column| column.to_lowercase() == **name)
    };
    names.iter().find_map(found)
}

/// The column of labels: a usual name, a column of lists of text, or a column of few short texts that recur.
pub fn label_column(rows: &Table, text: Option<&str>) -> Result<Option<String>, TableError> {
    let may_be = |name: &&str| Some(*name) != text;
    if let Some(name) = named(rows, &LABELS).filter(may_be) {
        return Ok(Some(name.to_owned()));
    }
    let is_list = |name: &&str| matches!(rows.data_type(name), Ok(DataType::List(item)) if item.data_type() == &DataType::Utf8);
    if let Some(name) = rows.column_names().find(is_list) {
        return Ok(Some(name.to_owned()));
    }
    for name in rows.column_names().filter(may_be) {
        if matches!(rows.data_type(name), Ok(DataType::Utf8)) {
            let column = rows.text_column(name)?;
            let mut distinct: BTreeSet<&str> = BTreeSet::new();
            let recur = column.iter().flatten().all(|text| {
                distinct.insert(text);
                text.chars().count() <= LONGEST_LABEL && distinct.len() <= MOST_LABELS
            });
            let enough = rows.num_rows() >= ROWS_PER_LABEL * distinct.len();
            if recur && enough && distinct.len() > 1 {
                return Ok(Some(name.to_owned()));
            }
        }
    }
    Ok(None)
}

/// The columns of the text: the named one, a title with a body, a usual name, or the text column with the longest texts.
pub fn text_columns(
    rows: &Table,
    named_by_user: Option<&str>,
    labels: Option<&str>,
) -> Result<Option<Vec<String>>, TableError> {
    if let Some(name) = named_by_user {
        return Ok(rows.has_column(name).then(|| vec![name.to_owned()]));
    }
    let is_text =
        |name: &&str| matches!(rows.data_type(name), Ok(DataType::Utf8)) && Some(*name) != labels;
    let usual = |names: &[&'static str]| {
        let mut found = names.iter().filter_map(|name| named(rows, &[*name]));
        found.find(is_text)
    };
    if let Some(body) = usual(&TEXTS) {
        let title = usual(&TITLES);
        return Ok(Some(
            title.into_iter().chain([body]).map(str::to_owned).collect(),
        ));
    }
    let mut longest: Option<(usize, &str)> = None;
    for name in rows.column_names().filter(is_text) {
        let column = rows.text_column(name)?;
        let texts = column.iter().flatten();
        let (mut count, mut words) = (0, 0);
        for text in texts {
            count += 1;
            words += text.split_whitespace().count();
        }
        let is_prose = count > 0 && words >= WORDS_PER_TEXT * count;
        if is_prose && longest.is_none_or(|(most, _)| words > most) {
            longest = Some((words, name));
        }
    }
    Ok(longest.map(|(_, name)| vec![name.to_owned()]))
}
