//! The filter and derive language over a table's columns.
//!
//! ```text
//! not is_pull_request and words(body) >= 5 and (has(labels, "bug") or state in ["open", "new"])
//! coalesce(body, title)        len(labels)        year(created_at) < 2024        `odd name` is null
//! ```
//!
//! Values are text in single or double quotes, whole numbers, floats, `true`, `false`, `null`,
//! and columns, in backticks where their names are no words. Operators, loosest first: `or`;
//! `and`; `not`; `== != < <= > >= in [..] not in [..] is null is not null`; `+ -`; `* / %`; `-x`.
//!
//! - `len(text)` counts characters, `len(list)` items, `words(text)` words between white space.
//! - `lower`, `upper`, `trim` of a text; `text + text` joins.
//! - `contains(text, part)`, `starts_with`, `ends_with`, `matches(text, "regular expression")`.
//! - `has(list, "item")`; `coalesce(a, b, …)`, the first that is not null.
//! - `year(text)` of an ISO 8601 date.
//!
//! Null is SQL's: what touches a null is null, but `false and null` is false and `true or null`
//! true; a row whose filter is null is dropped. A null list counts as empty in `len` and `has`.
//! `/` always gives a float; overflow and division by zero give null. Texts are ordered by their
//! Unicode code points.

mod check;
mod concat_text;
mod eval;
mod functions;
mod lex;
mod parse;
mod vector;

use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, new_empty_array};
use arrow_schema::{DataType, Schema};
use arrow_select::concat::concat;

pub use concat_text::concat_text;

use crate::error::{Result, TableError};
use crate::table::Table;
use check::Type;
use parse::{Syntax, SyntaxKind};

/// A mistake in an expression and the bytes it is in.
#[derive(Debug)]
struct Fault {
    span: Range<usize>,
    message: String,
}

impl Fault {
    fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
        }
    }
}

/// An expression over columns; see the [module](self) for the language.
#[derive(Clone, Debug)]
pub struct Expression {
    text: String,
    root: Syntax,
}

impl Expression {
    /// Parses an expression.
    ///
    /// # Errors
    /// [`TableError::Expression`] with the span of the mistake.
    pub fn parse(text: &str) -> Result<Self> {
        match parse::parse(text) {
            Ok(root) => Ok(Self {
                text: text.to_owned(),
                root,
            }),
            Err(fault) => Err(error(text, fault)),
        }
    }

    /// The expression as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The columns it uses and where it names them, in order; a column may occur more than once.
    #[must_use]
    pub fn columns(&self) -> Vec<(&str, Range<usize>)> {
        let mut columns = Vec::new();
        collect_columns(&self.root, &mut columns);
        columns
    }

    /// The type of its values over columns of `schema`, everything checked.
    ///
    /// # Errors
    /// [`TableError::Expression`] with the span of the mistake: a column that is not there, a
    /// value of the wrong type, a broken regular expression.
    pub fn check(&self, schema: &Schema) -> Result<DataType> {
        self.check_type(schema).map(Type::data_type)
    }

    /// Checks that the expression is true or false over columns of `schema`, as a filter must be.
    ///
    /// # Errors
    /// As [`Expression::check`], and where its values are something else.
    pub fn check_filter(&self, schema: &Schema) -> Result<()> {
        match self.check_type(schema)? {
            Type::Bool | Type::Null => Ok(()),
            other => Err(self.error(Fault::new(
                0..self.text.len(),
                format!(
                    "a filter must be true or false, but this is {}; compare it with something",
                    other.name()
                ),
            ))),
        }
    }

    /// Its value for each row.
    ///
    /// # Errors
    /// As [`Expression::check`].
    pub fn evaluate(&self, table: &Table) -> Result<ArrayRef> {
        let wanted = self.check_type(table.schema())?;
        let mut parts = Vec::with_capacity(table.batches().len());
        for batch in table.batches() {
            let vector = eval::evaluate(&self.root, batch).map_err(|fault| self.error(fault))?;
            let column = vector
                .into_column(batch.num_rows(), wanted)
                .map_err(|message| self.error(Fault::new(0..self.text.len(), message)))?;
            parts.push(column);
        }
        match parts.as_slice() {
            [] => Ok(new_empty_array(&wanted.data_type())),
            [only] => Ok(Arc::clone(only)),
            _ => {
                let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
                concat(&parts).map_err(TableError::arrow("join an expression's values"))
            }
        }
    }

    /// Whether each row is to be kept; never null.
    ///
    /// # Errors
    /// As [`Expression::check_filter`].
    pub fn mask(&self, table: &Table) -> Result<BooleanArray> {
        self.check_filter(table.schema())?;
        let values = self.evaluate(table)?;
        let Some(values) = values.as_boolean_opt() else {
            return Ok(BooleanArray::from(vec![false; table.num_rows()]));
        };
        Ok(values
            .iter()
            .map(|value| Some(value.unwrap_or(false)))
            .collect())
    }

    /// The rows for which the expression is true.
    ///
    /// # Errors
    /// As [`Expression::check_filter`].
    pub fn filter(&self, table: &Table) -> Result<Table> {
        table.filter(&self.mask(table)?)
    }

    fn check_type(&self, schema: &Schema) -> Result<Type> {
        check::check(&self.root, schema).map_err(|fault| self.error(fault))
    }

    fn error(&self, fault: Fault) -> TableError {
        error(&self.text, fault)
    }
}

fn error(text: &str, fault: Fault) -> TableError {
    TableError::Expression {
        expression: text.to_owned(),
        span: fault.span,
        message: fault.message,
    }
}

fn collect_columns<'a>(syntax: &'a Syntax, columns: &mut Vec<(&'a str, Range<usize>)>) {
    match &syntax.kind {
        SyntaxKind::Column(name) => columns.push((name, syntax.span.clone())),
        SyntaxKind::Literal(_) => {}
        SyntaxKind::Not(inner)
        | SyntaxKind::Negative(inner)
        | SyntaxKind::IsNull(inner, _)
        | SyntaxKind::In(inner, _, _) => collect_columns(inner, columns),
        SyntaxKind::Binary(_, left, right) => {
            collect_columns(left, columns);
            collect_columns(right, columns);
        }
        SyntaxKind::Call(_, arguments) => {
            for argument in arguments {
                collect_columns(argument, columns);
            }
        }
    }
}
