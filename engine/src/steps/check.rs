//! What a step can say about its inputs' columns before anything runs.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef};

use table::near_miss;

/// What a column must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// Anything.
    Any,
    /// Text.
    Text,
    /// Text, or a list of texts.
    Labels,
    /// Integers or floats.
    Number,
    /// Vectors of one length.
    Vectors,
}

impl ColumnType {
    fn accepts(self, data_type: &DataType) -> bool {
        let text = |data_type: &DataType| matches!(data_type, DataType::Utf8 | DataType::LargeUtf8);
        match self {
            ColumnType::Any => true,
            ColumnType::Text => text(data_type),
            ColumnType::Labels => match data_type {
                DataType::List(item) => text(item.data_type()),
                other => text(other),
            },
            ColumnType::Number => data_type.is_numeric(),
            ColumnType::Vectors => match data_type {
                DataType::FixedSizeList(item, _) => *item.data_type() == DataType::Float32,
                _ => false,
            },
        }
    }

    fn name(self) -> &'static str {
        match self {
            ColumnType::Any => "anything",
            ColumnType::Text => "text",
            ColumnType::Labels => "labels (text or a list of texts)",
            ColumnType::Number => "numbers",
            ColumnType::Vectors => "vectors, which `embed` makes of texts",
        }
    }
}

/// A mistake that a step found in its own parameters; the pipeline knows where the parameter is written.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The parameter, or empty for the step as a whole.
    pub parameter: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

/// Known columns go in, problems and the outputs' columns come out.
#[derive(Default)]
pub struct Check {
    inputs: Vec<(String, Option<SchemaRef>)>,
    outputs: Vec<(String, SchemaRef)>,
    problems: Vec<Problem>,
}

impl Check {
    /// A check with the columns of each input port, `None` where they are not known yet.
    pub fn new(inputs: Vec<(String, Option<SchemaRef>)>) -> Check {
        Check {
            inputs,
            ..Check::default()
        }
    }

    /// Whether anything feeds `port`.
    pub fn is_fed(&self, port: &str) -> bool {
        self.inputs.iter().any(|(name, _)| name == port)
    }

    /// The columns of an input, if known.
    pub fn columns(&self, port: &str) -> Option<SchemaRef> {
        self.inputs
            .iter()
            .find(|(name, _)| name == port)
            .and_then(|(_, schema)| schema.clone())
    }

    /// Notes a problem unless `port` has a column `column` of type `wanted`, or its columns are not known.
    pub fn require(&mut self, parameter: &str, port: &str, column: &str, wanted: ColumnType) {
        let Some(schema) = self.columns(port) else {
            return;
        };
        match schema.field_with_name(column) {
            Ok(field) if wanted.accepts(field.data_type()) => {}
            Ok(field) => {
                let message = format!(
                    "the column `{column}` of the input `{port}` holds {}, not {}",
                    table::type_name(field.data_type()),
                    wanted.name()
                );
                self.problem(parameter, message, None);
            }
            Err(_) => {
                let names = schema.fields().iter().map(|field| field.name().as_str());
                let help = match near_miss(column, names.clone()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("columns: {}", names.collect::<Vec<_>>().join(", ")),
                };
                self.problem(
                    parameter,
                    format!("the input `{port}` has no column `{column}`"),
                    Some(help),
                );
            }
        }
    }

    /// Notes a problem with a parameter.
    pub fn problem(&mut self, parameter: &str, message: impl Into<String>, help: Option<String>) {
        self.problems.push(Problem {
            parameter: parameter.to_owned(),
            message: message.into(),
            help,
        });
    }

    /// States the columns of an output.
    pub fn output(&mut self, port: &str, schema: SchemaRef) {
        self.outputs.push((port.to_owned(), schema));
    }

    /// States that an output has an input's columns and `more`, where the input's are known. A column of the same
    /// name is replaced.
    pub fn output_like(&mut self, port: &str, input: &str, more: &[Field]) {
        if let Some(schema) = self.columns(input) {
            self.output(port, with_fields(&schema, more));
        }
    }

    /// The problems and the outputs' columns.
    pub fn into_parts(self) -> (Vec<Problem>, Vec<(String, SchemaRef)>) {
        (self.problems, self.outputs)
    }
}

/// `schema` without the fields of these names.
pub fn without_fields(schema: &Schema, names: &[&str]) -> SchemaRef {
    let kept = schema.fields().iter();
    let kept = kept.filter(|field| !names.contains(&field.name().as_str()));
    Arc::new(Schema::new(kept.cloned().collect::<Vec<_>>()))
}

/// `schema` with `more` fields; one of the same name is replaced in place.
pub fn with_fields(schema: &Schema, more: &[Field]) -> SchemaRef {
    let mut fields: Vec<Field> = schema
        .fields()
        .iter()
        .map(|field| field.as_ref().clone())
        .collect();
    for field in more {
        match fields.iter_mut().find(|old| old.name() == field.name()) {
            Some(old) => *old = field.clone(),
            None => fields.push(field.clone()),
        }
    }
    Arc::new(Schema::new(fields))
}
