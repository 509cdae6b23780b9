//! Tagged rows as JSON lines, CSV or Parquet, on the standard output or in a file that is there as a whole or not at all.

use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use arrow_array::ArrayRef;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use table::parquet_file::ParquetTableWriter;
use table::{Table, columns};
use tempfile::NamedTempFile;

use super::TagError;
use super::cells;
use super::lines::Fields;
use super::tagger::Tags;
use crate::steps::StepError;

/// The field of predicted labels, and that of the scores.
const LABELS: &str = "labels";
const SCORES: &str = "scores";

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputForm {
    /// A JSON object a line; `scores` is an object.
    Lines,
    /// Fields between such bytes; lists are joined by `;`, and each label has a column of scores.
    Csv(u8),
    /// Parquet; each label has a column of scores.
    Parquet,
}

impl OutputForm {
    /// What a file's name speaks of.
    pub fn from_name(name: &str) -> Option<OutputForm> {
        let (_, extension) = name.rsplit_once('.')?;
        match extension.to_ascii_lowercase().as_str() {
            "jsonl" | "ndjson" => Some(OutputForm::Lines),
            "csv" => Some(OutputForm::Csv(b',')),
            "tsv" | "tab" => Some(OutputForm::Csv(b'\t')),
            "parquet" => Some(OutputForm::Parquet),
            _ => None,
        }
    }
}

/// Where tagged rows go.
pub struct Output {
    form: OutputForm,
    target: Target,
    parquet: Option<ParquetTableWriter>,
    labels: Vec<String>,
    /// What is to be written next.
    buffer: Vec<u8>,
}

enum Target {
    Stdout,
    /// The file under a name of its own, until it is whole.
    File(NamedTempFile, PathBuf),
}

impl Output {
    /// The standard output, as JSON lines.
    pub fn stdout() -> Output {
        Output::new(OutputForm::Lines, Target::Stdout)
    }

    /// A file, which takes the place of what is there once it is whole.
    ///
    /// # Errors
    /// Where its name tells no form, or its folder cannot be written to.
    pub fn file(path: &Path) -> Result<Output, StepError> {
        let form = OutputForm::from_name(&path.to_string_lossy()).ok_or_else(|| {
            StepError::new(format!("the name {} tells no form", path.display()))
                .help("name a file that ends in .jsonl, .csv, .tsv or .parquet")
        })?;
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let made = tempfile::Builder::new()
            .prefix(".predictions-")
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder);
        let made = made.map_err(|error| StepError::io("making a file in", folder, &error))?;
        Ok(Output::new(form, Target::File(made, path.to_owned())))
    }

    fn new(form: OutputForm, target: Target) -> Output {
        Output {
            form,
            target,
            parquet: None,
            labels: Vec::new(),
            buffer: Vec::new(),
        }
    }

    /// How rows are written.
    pub fn form(&self) -> OutputForm {
        self.form
    }

    /// Rows that are lines of JSON are to come.
    pub fn start_lines(&mut self, labels: &[String]) -> Result<(), StepError> {
        self.labels = labels.to_vec();
        Ok(())
    }

    /// Writes rows that were lines of JSON, their fields as they were.
    pub fn write_lines(&mut self, rows: &[&Fields], tags: &Tags) -> Result<(), TagError> {
        for (row, fields) in rows.iter().enumerate() {
            let has = |name: &str| fields.get(name).is_some();
            self.buffer.push(b'{');
            for (name, value) in &fields.0 {
                let name = match is_ours(name) {
                    true => given(name, has),
                    false => name.clone(),
                };
                push_json(&mut self.buffer, &name)?;
                self.buffer.push(b':');
                self.buffer.extend_from_slice(value.get().as_bytes());
                self.buffer.push(b',');
            }
            self.push_tags(row, tags)?;
        }
        self.flush()
    }

    /// Rows of tables with this schema are to come.
    pub fn start_table(
        &mut self,
        schema: &SchemaRef,
        labels: &[String],
        threads: usize,
    ) -> Result<(), TagError> {
        self.labels = labels.to_vec();
        let tagged = tagged_schema(schema, labels);
        match self.form {
            OutputForm::Lines => cells::check(schema)?,
            OutputForm::Csv(delimiter) => {
                cells::check(schema)?;
                for (at, field) in tagged.fields().iter().enumerate() {
                    if at > 0 {
                        self.buffer.push(delimiter);
                    }
                    cells::csv_text(field.name(), delimiter, &mut self.buffer);
                }
                self.buffer.push(b'\n');
                self.flush()?;
            }
            OutputForm::Parquet => {
                if let Target::File(file, _) = &self.target {
                    let writer = ParquetTableWriter::create(file.path(), &tagged, threads)?;
                    self.parquet = Some(writer);
                }
            }
        }
        Ok(())
    }

    /// Writes the rows of a table.
    pub fn write_table(&mut self, table: &Table, tags: &Tags) -> Result<(), TagError> {
        let columns = |table: &Table| -> Result<Vec<(String, ArrayRef)>, StepError> {
            let names = table.column_names();
            names
                .map(|name| Ok((name.to_owned(), table.column(name)?)))
                .collect()
        };
        match self.form {
            OutputForm::Lines => {
                let given =
                    Table::new(given_schema(table.schema(), &[]), table.batches().to_vec())?;
                let columns = columns(&given)?;
                for row in 0..table.num_rows() {
                    self.buffer.push(b'{');
                    for (name, column) in &columns {
                        push_json(&mut self.buffer, name)?;
                        self.buffer.push(b':');
                        push_json(&mut self.buffer, &cells::json(column, row))?;
                        self.buffer.push(b',');
                    }
                    self.push_tags(row, tags)?;
                }
                self.flush()
            }
            OutputForm::Csv(delimiter) => {
                let columns = columns(&tagged(table, tags)?)?;
                for row in 0..table.num_rows() {
                    for (at, (_, column)) in columns.iter().enumerate() {
                        if at > 0 {
                            self.buffer.push(delimiter);
                        }
                        cells::csv(&cells::json(column, row), delimiter, &mut self.buffer)?;
                    }
                    self.buffer.push(b'\n');
                }
                self.flush()
            }
            OutputForm::Parquet => {
                if let Some(writer) = &mut self.parquet {
                    for batch in tagged(table, tags)?.batches() {
                        writer.write(batch)?;
                    }
                }
                Ok(())
            }
        }
    }

    /// Puts a file in its place.
    pub fn finish(mut self) -> Result<(), TagError> {
        if let Some(writer) = self.parquet.take() {
            writer.finish()?;
        }
        let Target::File(file, path) = self.target else {
            return Ok(());
        };
        let failed = |error: io::Error| StepError::io("writing", &path, &error);
        // Parquet is written under the file's name, and so through another handle.
        std::fs::File::open(file.path())
            .and_then(|file| file.sync_all())
            .map_err(failed)?;
        file.persist(&path).map_err(|error| failed(error.error))?;
        Ok(())
    }

    /// Appends the labels and scores of a row, and ends it.
    fn push_tags(&mut self, row: usize, tags: &Tags) -> Result<(), StepError> {
        let labels: Vec<&str> = tags.labels.names(row).collect();
        let scores = self.labels.iter().zip(tags.scores.row(row));
        let scores: serde_json::Map<String, serde_json::Value> = scores
            .map(|(label, score)| (label.clone(), cells::number(*score)))
            .collect();
        for (name, value) in [(LABELS, serde_json::json!(labels)), (SCORES, scores.into())] {
            push_json(&mut self.buffer, &name)?;
            self.buffer.push(b':');
            push_json(&mut self.buffer, &value)?;
            self.buffer.push(if name == LABELS { b',' } else { b'}' });
        }
        self.buffer.push(b'\n');
        Ok(())
    }

    fn flush(&mut self) -> Result<(), TagError> {
        let written = match &mut self.target {
            Target::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(&self.buffer).and_then(|()| out.flush())
            }
            Target::File(file, _) => file.write_all(&self.buffer),
        };
        self.buffer.clear();
        match (written, &self.target) {
            (Ok(()), _) => Ok(()),
            (Err(error), Target::Stdout) if error.kind() == io::ErrorKind::BrokenPipe => {
                Err(TagError::ReaderGone)
            }
            (Err(error), Target::Stdout) => {
                Err(StepError::new(format!("writing to the standard output: {error}")).into())
            }
            (Err(error), Target::File(_, path)) => {
                Err(StepError::io("writing", path, &error).into())
            }
        }
    }
}

fn push_json<T: serde::Serialize + ?Sized>(
    buffer: &mut Vec<u8>,
    value: &T,
) -> Result<(), StepError> {
    serde_json::to_writer(buffer, value)
        .map_err(|error| StepError::new(format!("writing a row as JSON: {error}")))
}

fn is_ours(name: &str) -> bool {
    name == LABELS || name == SCORES
}

/// Under which name a field is kept whose own is taken for what the model says.
fn given(name: &str, has: impl Fn(&str) -> bool) -> String {
    let mut name = format!("given_{name}");
    while has(&name) {
        name = format!("given_{name}");
    }
    name
}

fn score_column(label: &str) -> String {
    format!("score.{label}")
}

/// The schema with its columns renamed where their names are taken for what the model says, `scores` of these labels among it.
fn given_schema(schema: &SchemaRef, labels: &[String]) -> SchemaRef {
    let scores: Vec<String> = labels.iter().map(|label| score_column(label)).collect();
    let has = |name: &str| schema.column_with_name(name).is_some();
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .map(|field| {
            let is_taken = is_ours(field.name()) || scores.contains(field.name());
            let field = field.as_ref().clone();
            match is_taken {
                true => {
                    let name = given(field.name(), has);
                    field.with_name(name)
                }
                false => field,
            }
        })
        .collect();
    Schema::new(fields).into()
}

fn tagged_schema(schema: &SchemaRef, labels: &[String]) -> SchemaRef {
    let given = given_schema(schema, labels);
    let mut fields: Vec<Field> = given
        .fields()
        .iter()
        .map(|field| field.as_ref().clone())
        .collect();
    fields.push(Field::new(LABELS, columns::string_list_type(), true));
    let scores = labels.iter().map(|label| score_column(label));
    fields.extend(scores.map(|name| Field::new(name, DataType::Float64, true)));
    Schema::new(fields).into()
}

/// A table with the columns of what the model says of its rows.
fn tagged(table: &Table, tags: &Tags) -> Result<Table, StepError> {
    let labels = tags.labels.vocabulary();
    let given = given_schema(table.schema(), labels);
    let names = (0..table.num_rows()).map(|row| tags.labels.names(row));
    let mut tagged = Table::new(given, table.batches().to_vec())?
        .with_column(LABELS, columns::string_lists(names))?;
    for (label, name) in labels.iter().enumerate() {
        let scores = (0..table.num_rows()).map(|row| tags.scores.row(row)[label]);
        tagged = tagged.with_column(&score_column(name), columns::floats(scores))?;
    }
    Ok(tagged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_whose_name_is_taken_is_kept_under_another() {
        let fields = ["labels", "given_labels", "text"];
        let has = |name: &str| fields.contains(&name);
        assert_eq!(given("labels", has), "given_given_labels");
        assert_eq!(given("scores", has), "given_scores");
    }

    #[test]
    fn names_of_files_tell_how_rows_are_written() {
        let form = OutputForm::from_name;
        assert_eq!(form("a/b.jsonl"), Some(OutputForm::Lines));
        assert_eq!(form("b.CSV"), Some(OutputForm::Csv(b',')));
        assert_eq!(form("b.parquet"), Some(OutputForm::Parquet));
        assert_eq!(form("b.txt"), None);
    }
}
