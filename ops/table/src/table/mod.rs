//! The table: a schema and record batches.
//!
//! - `rows`: some of its rows.

mod rows;

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
    cast::AsArray, new_empty_array,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use arrow_select::concat::concat as concat_arrays;

use crate::batch::{column_index, plain_schema, record_batch, with_schema};
use crate::columns::{IntLists, StringLists};
use crate::error::{Result, TableError, type_name};

/// Named columns of equal length, kept as a schema and one or more record batches.
///
/// Cloning is cheap: batches share their buffers. The types in use are text (`Utf8`), lists of
/// text (`List<Utf8>`), `Int64`, `Float64`, `Boolean` and vectors of `Float32`; others pass
/// through untouched. Every column may hold nulls.
#[derive(Clone, Debug)]
pub struct Table {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    rows: usize,
}

impl Table {
    /// A table of the given batches.
    ///
    /// # Errors
    /// Where two columns bear one name, or a batch has another schema.
    pub fn new(schema: SchemaRef, batches: Vec<RecordBatch>) -> Result<Self> {
        let schema = plain_schema(&schema)?;
        let batches = batches
            .into_iter()
            .filter(|batch| batch.num_rows() > 0)
            .map(|batch| with_schema(&schema, &batch))
            .collect::<Result<Vec<_>>>()?;
        let rows = batches.iter().map(RecordBatch::num_rows).sum();
        Ok(Self {
            schema,
            batches,
            rows,
        })
    }

    /// A table without rows.
    ///
    /// # Errors
    /// Where two columns bear one name.
    pub fn empty(schema: SchemaRef) -> Result<Self> {
        Self::new(schema, Vec::new())
    }

    /// A table of one batch from named columns.
    ///
    /// # Errors
    /// Where the columns differ in length or two bear one name.
    pub fn from_columns<N: Into<String>>(columns: Vec<(N, ArrayRef)>) -> Result<Self> {
        let rows = columns.first().map_or(0, |(_, column)| column.len());
        let mut fields = Vec::with_capacity(columns.len());
        let mut arrays = Vec::with_capacity(columns.len());
        for (name, array) in columns {
            let name = name.into();
            if array.len() != rows {
                return Err(TableError::ColumnLength {
                    name,
                    found: array.len(),
                    expected: rows,
                });
            }
            fields.push(Field::new(name, array.data_type().clone(), true));
            arrays.push(array);
        }
        let schema = Arc::new(Schema::new(fields));
        let batch = record_batch(&schema, arrays, rows)?;
        Self::new(schema, vec![batch])
    }

    /// The names and types of the columns.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The batches that the rows lie in; none is empty.
    #[must_use]
    pub fn batches(&self) -> &[RecordBatch] {
        &self.batches
    }

    /// The number of rows.
    #[must_use]
    pub fn num_rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    #[must_use]
    pub fn num_columns(&self) -> usize {
        self.schema.fields().len()
    }

    /// The column names, in order.
    pub fn column_names(&self) -> impl Iterator<Item = &str> {
        self.schema
            .fields()
            .iter()
            .map(|field| field.name().as_str())
    }

    /// Whether there is a column of this name.
    #[must_use]
    pub fn has_column(&self, name: &str) -> bool {
        self.schema.column_with_name(name).is_some()
    }

    /// The position of a column.
    ///
    /// # Errors
    /// Where there is none of this name; the message lists those there are and the near miss.
    pub fn column_index(&self, name: &str) -> Result<usize> {
        column_index(&self.schema, name)
    }

    /// The type of a column.
    ///
    /// # Errors
    /// Where there is no such column.
    pub fn data_type(&self, name: &str) -> Result<&DataType> {
        Ok(self.schema.field(self.column_index(name)?).data_type())
    }

    /// A column, all batches in one array.
    ///
    /// # Errors
    /// Where there is no such column, or its text exceeds the 2 GiB that one array can hold
    /// (walk over [`Table::batches`] instead).
    pub fn column(&self, name: &str) -> Result<ArrayRef> {
        self.column_at(self.column_index(name)?)
    }

    fn column_at(&self, index: usize) -> Result<ArrayRef> {
        match self.batches.as_slice() {
            [] => Ok(new_empty_array(self.schema.field(index).data_type())),
            [batch] => Ok(Arc::clone(batch.column(index))),
            batches => {
                let parts: Vec<&dyn Array> = batches
                    .iter()
                    .map(|batch| batch.column(index).as_ref())
                    .collect();
                concat_arrays(&parts).map_err(TableError::arrow("join the batches of a column"))
            }
        }
    }

    /// A text column. A column of nothing but nulls counts as one.
    ///
    /// # Errors
    /// Where there is no such column, or it holds something else.
    pub fn text_column(&self, name: &str) -> Result<StringArray> {
        let column = self.column(name)?;
        match column.data_type() {
            DataType::Utf8 => Ok(column.as_string::<i32>().clone()),
            DataType::Null => Ok(StringArray::new_null(column.len())),
            found => Err(wrong_type(name, found, "text")),
        }
    }

    /// A column of labels: lists of text, where null is the empty list. A text column is read as
    /// one label a row, where null is none.
    ///
    /// # Errors
    /// Where there is no such column, or it holds something else.
    pub fn string_lists(&self, name: &str) -> Result<StringLists> {
        let column = self.column(name)?;
        StringLists::new(&column)
            .ok_or_else(|| wrong_type(name, column.data_type(), "lists of text (or text)"))
    }

    /// A column of lists of whole numbers, where null is the empty list.
    ///
    /// # Errors
    /// Where there is no such column, or it holds something else.
    pub fn int_lists(&self, name: &str) -> Result<IntLists> {
        let column = self.column(name)?;
        IntLists::new(&column)
            .ok_or_else(|| wrong_type(name, column.data_type(), "lists of whole numbers"))
    }

    /// A column of whole numbers.
    ///
    /// # Errors
    /// Where there is no such column, or it holds something else.
    pub fn int_column(&self, name: &str) -> Result<Int64Array> {
        let column = self.column(name)?;
        match column.data_type() {
            DataType::Int64 => Ok(column.as_primitive().clone()),
            DataType::Null => Ok(Int64Array::new_null(column.len())),
            found => Err(wrong_type(name, found, "int")),
        }
    }

    /// A column of numbers; whole numbers are widened.
    ///
    /// # Errors
    /// Where there is no such column, or it holds something else.
    pub fn float_column(&self, name: &str) -> Result<Float64Array> {
        let column = self.column(name)?;
        match column.data_type() {
            DataType::Float64 => Ok(column.as_primitive().clone()),
            DataType::Int64 => Ok(column
                .as_primitive::<arrow_array::types::Int64Type>()
                .unary(|value| value as f64)),
            DataType::Null => Ok(Float64Array::new_null(column.len())),
            found => Err(wrong_type(name, found, "float or int")),
        }
    }

    /// A column of truth values.
    ///
    /// # Errors
    /// Where there is no such column, or it holds something else.
    pub fn bool_column(&self, name: &str) -> Result<BooleanArray> {
        let column = self.column(name)?;
        match column.data_type() {
            DataType::Boolean => Ok(column.as_boolean().clone()),
            DataType::Null => Ok(BooleanArray::new_null(column.len())),
            found => Err(wrong_type(name, found, "bool")),
        }
    }

    /// The table with one more column, or with the column of this name replaced in its place.
    ///
    /// # Errors
    /// Where the column's length is not the table's (a table without columns takes any).
    pub fn with_column(&self, name: &str, column: ArrayRef) -> Result<Self> {
        if self.num_columns() > 0 && column.len() != self.rows {
            return Err(TableError::ColumnLength {
                name: name.to_owned(),
                found: column.len(),
                expected: self.rows,
            });
        }
        if self.num_columns() == 0 {
            return Self::from_columns(vec![(name, column)]);
        }
        let field = Arc::new(Field::new(name, column.data_type().clone(), true));
        let mut fields = self.schema.fields().to_vec();
        let place = self.schema.column_with_name(name).map(|(index, _)| index);
        match place {
            Some(index) => fields[index] = field,
            None => fields.push(field),
        }
        let schema = Arc::new(Schema::new(fields));
        let mut start = 0;
        let mut batches = Vec::with_capacity(self.batches.len());
        for batch in &self.batches {
            let part = column.slice(start, batch.num_rows());
            start += batch.num_rows();
            let mut arrays = batch.columns().to_vec();
            match place {
                Some(index) => arrays[index] = part,
                None => arrays.push(part),
            }
            batches.push(record_batch(&schema, arrays, batch.num_rows())?);
        }
        Self::new(schema, batches)
    }

    /// The table without a column.
    ///
    /// # Errors
    /// Where there is no such column.
    pub fn drop_column(&self, name: &str) -> Result<Self> {
        let dropped = self.column_index(name)?;
        let kept: Vec<usize> = (0..self.num_columns()).filter(|&i| i != dropped).collect();
        self.project(&kept)
    }

    /// Only the named columns, in the given order.
    ///
    /// # Errors
    /// Where there is no such column, or one is named twice.
    pub fn select<N: AsRef<str>>(&self, names: &[N]) -> Result<Self> {
        let indices = names
            .iter()
            .map(|name| self.column_index(name.as_ref()))
            .collect::<Result<Vec<_>>>()?;
        self.project(&indices)
    }

    fn project(&self, indices: &[usize]) -> Result<Self> {
        let schema = self
            .schema
            .project(indices)
            .map_err(TableError::arrow("select columns"))?;
        let batches = self
            .batches
            .iter()
            .map(|batch| batch.project(indices))
            .collect::<Result<Vec<_>, _>>()
            .map_err(TableError::arrow("select columns"))?;
        Self::new(Arc::new(schema), batches)
    }

    /// The table with column `from` named `to`.
    ///
    /// # Errors
    /// Where there is no column `from`, or another is named `to` already.
    pub fn rename(&self, from: &str, to: &str) -> Result<Self> {
        let index = self.column_index(from)?;
        let mut fields = self.schema.fields().to_vec();
        fields[index] = Arc::new(Field::new(to, fields[index].data_type().clone(), true));
        Self::new(Arc::new(Schema::new(fields)), self.batches.clone())
    }

    /// The same rows in a single batch (none where there are no rows).
    ///
    /// # Errors
    /// Where a column's text exceeds the 2 GiB that one array can hold.
    pub fn combined(&self) -> Result<Self> {
        if self.batches.len() <= 1 {
            return Ok(self.clone());
        }
        let columns = (0..self.num_columns())
            .map(|index| self.column_at(index))
            .collect::<Result<Vec<_>>>()?;
        let batch = record_batch(&self.schema, columns, self.rows)?;
        Self::new(Arc::clone(&self.schema), vec![batch])
    }
}

/// Equal schema and rows, however the rows are cut into batches.
impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        self.schema == other.schema
            && self.rows == other.rows
            && (0..self.num_columns()).all(|index| {
                match (self.column_at(index), other.column_at(index)) {
                    (Ok(left), Ok(right)) => left == right,
                    _ => false,
                }
            })
    }
}

fn wrong_type(name: &str, found: &DataType, expected: &'static str) -> TableError {
    TableError::ColumnType {
        name: name.to_owned(),
        found: type_name(found),
        expected,
    }
}
