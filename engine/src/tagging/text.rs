//! Which fields of a row are its text.

use arrow_array::StringArray;
use serde_json::value::RawValue;
use table::Table;

use super::lines::Fields;
use crate::steps::StepError;

/// What stands between a title and a body, as in the pipelines.
const SEPARATOR: &str = "\n\n";
const TEXT: &str = "text";
const TITLE_AND_BODY: [&str; 2] = ["title", "body"];
const ADVICE: &str = "name the field with --text NAME, or several with --text NAME,NAME";

/// The fields that make up a row's text, in order, with a blank line between them: those that were named, else `text`, else `title`
/// and `body`. Nulls and empty texts are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextFields(Vec<String>);

impl TextFields {
    /// These; none of them means the usual ones.
    pub fn new(names: Vec<String>) -> TextFields {
        TextFields(names)
    }

    /// The text of a row, or why it has none.
    pub fn of_row(&self, row: &Fields) -> Result<String, String> {
        let has = |name: &&str| row.get(name).is_some();
        let names: Vec<&str> = match (self.0.is_empty(), row.get(TEXT)) {
            (false, _) => self.0.iter().map(String::as_str).filter(has).collect(),
            (true, Some(_)) => vec![TEXT],
            (true, None) => TITLE_AND_BODY.into_iter().filter(has).collect(),
        };
        if names.is_empty() {
            let wanted = match self.0.as_slice() {
                [] => "`text`, `title` or `body`".to_owned(),
                names => words(names.iter().map(String::as_str)),
            };
            return Err(format!(
                "it has no field {wanted}, but {}; {ADVICE}",
                words(row.names().take(10))
            ));
        }
        let mut text = String::new();
        for name in names {
            let Some(value) = row.get(name) else { continue };
            let part = text_of(name, value)?;
            if !text.is_empty() && !part.is_empty() {
                text.push_str(SEPARATOR);
            }
            text.push_str(&part);
        }
        Ok(text)
    }

    /// The columns of a table that are its text.
    pub fn of_columns<'a>(
        &self,
        columns: impl Iterator<Item = &'a str> + Clone,
    ) -> Result<Vec<String>, StepError> {
        let has = |name: &str| columns.clone().any(|column| column == name);
        if let Some(missing) = self.0.iter().find(|name| !has(name)) {
            let help = match table::near_miss(missing, columns.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("columns: {}", words(columns.clone())),
            };
            let message = format!("the rows have no column `{missing}`");
            return Err(StepError::new(message).help(help));
        }
        if !self.0.is_empty() {
            return Ok(self.0.clone());
        }
        if has(TEXT) {
            return Ok(vec![TEXT.to_owned()]);
        }
        let found = TITLE_AND_BODY.into_iter().filter(|name| has(name));
        let found: Vec<String> = found.map(str::to_owned).collect();
        if found.is_empty() {
            let message = format!(
                "the rows have no column `text`, `title` or `body`, but {}",
                words(columns)
            );
            return Err(StepError::new(message).help(ADVICE));
        }
        Ok(found)
    }

    /// The texts of the rows of a table, from the columns that [`TextFields::of_columns`] found.
    pub fn of_table(table: &Table, columns: &[String]) -> Result<StringArray, StepError> {
        let joined = table::expr::concat_text(table, columns, SEPARATOR)?;
        let joined = Table::from_columns(vec![(TEXT, joined)])?;
        Ok(joined.text_column(TEXT)?)
    }
}

fn text_of(name: &str, value: &RawValue) -> Result<String, String> {
    let is = match value.get().as_bytes().first() {
        Some(b'"') => {
            return serde_json::from_str(value.get()).map_err(|error| format!("`{name}`: {error}"));
        }
        Some(b'n') => return Ok(String::new()),
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b't' | b'f') => "a truth value",
        _ => "a number",
    };
    Err(format!("`{name}` is {is}, not text"))
}

fn words<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    match names.is_empty() {
        true => "no others".to_owned(),
        false => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str], row: &str) -> Result<String, String> {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        TextFields::new(names).of_row(&serde_json::from_str(row).unwrap())
    }

    #[test]
    fn a_text_is_the_field_of_that_name_or_title_blank_line_and_body() {
        assert_eq!(of(&[], r#"{"text": "a", "title": "b"}"#).unwrap(), "a");
        let issue = r#"{"body": "b\"", "title": "a", "n": 1}"#;
        assert_eq!(of(&[], issue).unwrap(), "a\n\nb\"");
        assert_eq!(of(&[], r#"{"body": null, "title": "a"}"#).unwrap(), "a");
        assert_eq!(of(&["body", "title"], issue).unwrap(), "b\"\n\na");
    }

    #[test]
    fn a_row_without_its_text_says_what_it_has_instead() {
        let said = of(&[], r#"{"message": "a"}"#).unwrap_err();
        assert!(
            said.contains("`message`") && said.contains("--text"),
            "{said}"
        );
        let said = of(&[], r#"{"text": 3}"#).unwrap_err();
        assert_eq!(said, "`text` is a number, not text");
    }

    #[test]
    fn a_table_without_the_named_column_says_what_was_probably_meant() {
        let columns = ["title", "boddy", "n"];
        let all = TextFields::default();
        assert_eq!(all.of_columns(columns.into_iter()).unwrap(), ["title"]);
        let named = TextFields::new(vec!["body".to_owned()]);
        let error = named.of_columns(columns.into_iter()).unwrap_err();
        let StepError::Failed { help, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(help.unwrap(), "did you mean `boddy`?");
    }
}
