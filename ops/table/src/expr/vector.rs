//! Values of whole columns, on the way through an expression.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, ListArray, StringArray, UInt32Array,
    new_null_array,
};
use arrow_schema::DataType;

use super::check::Type;

/// One value a row; a constant holds a single one for all.
pub(super) struct Vector {
    pub(super) values: Values,
    pub(super) constant: bool,
}

pub(super) enum Values {
    Text(StringArray),
    Int(Int64Array),
    Float(Float64Array),
    Bool(BooleanArray),
    Lists(ListArray),
    /// Nulls without a type.
    Null,
}

/// The value of a text array, `None` for null.
pub(super) fn pick(texts: &StringArray, row: usize) -> Option<&str> {
    texts.is_valid(row).then(|| texts.value(row))
}

impl Vector {
    pub(super) fn null() -> Self {
        Self {
            values: Values::Null,
            constant: true,
        }
    }

    pub(super) fn constant(values: Values) -> Self {
        Self {
            values,
            constant: true,
        }
    }

    pub(super) fn column(column: &ArrayRef) -> Self {
        let values = match column.data_type() {
            DataType::Utf8 => Values::Text(column.as_string().clone()),
            DataType::Int64 => Values::Int(column.as_primitive().clone()),
            DataType::Float64 => Values::Float(column.as_primitive().clone()),
            DataType::Boolean => Values::Bool(column.as_boolean().clone()),
            DataType::List(_) => Values::Lists(column.as_list().clone()),
            _ => return Self::null(),
        };
        Self {
            values,
            constant: false,
        }
    }

    /// Where in the values the row's is.
    #[inline]
    pub(super) fn at(&self, row: usize) -> usize {
        if self.constant { 0 } else { row }
    }

    pub(super) fn len(&self) -> usize {
        match &self.values {
            Values::Text(values) => values.len(),
            Values::Int(values) => values.len(),
            Values::Float(values) => values.len(),
            Values::Bool(values) => values.len(),
            Values::Lists(values) => values.len(),
            Values::Null => 1,
        }
    }

    pub(super) fn is_null(&self, row: usize) -> bool {
        let row = self.at(row);
        match &self.values {
            Values::Text(values) => values.is_null(row),
            Values::Int(values) => values.is_null(row),
            Values::Float(values) => values.is_null(row),
            Values::Bool(values) => values.is_null(row),
            Values::Lists(values) => values.is_null(row),
            Values::Null => true,
        }
    }

    /// The values as text; nulls where they are nulls without a type.
    pub(super) fn texts(&self) -> StringArray {
        match &self.values {
            Values::Text(texts) => texts.clone(),
            _ => StringArray::new_null(self.len()),
        }
    }

    pub(super) fn float(&self, row: usize) -> Option<f64> {
        let row = self.at(row);
        match &self.values {
            Values::Float(values) => values.is_valid(row).then(|| values.value(row)),
            Values::Int(values) => values.is_valid(row).then(|| values.value(row) as f64),
            _ => None,
        }
    }

    pub(super) fn int(&self, row: usize) -> Option<i64> {
        let row = self.at(row);
        match &self.values {
            Values::Int(values) => values.is_valid(row).then(|| values.value(row)),
            _ => None,
        }
    }

    pub(super) fn bool(&self, row: usize) -> Option<bool> {
        let row = self.at(row);
        match &self.values {
            Values::Bool(values) => values.is_valid(row).then(|| values.value(row)),
            _ => None,
        }
    }

    /// A vector of what `value` gives for each row, or for the first where that holds for all.
    pub(super) fn rows_of<T, A: FromIterator<Option<T>>>(
        rows: usize,
        constant: bool,
        value: impl FnMut(usize) -> Option<T>,
        wrap: impl Fn(A) -> Values,
    ) -> Self {
        let rows = if constant { 1 } else { rows };
        Self {
            values: wrap((0..rows).map(value).collect()),
            constant,
        }
    }

    /// The values of `first`, and where they are null those of `second`.
    pub(super) fn or_else(first: &Self, second: &Self, rows: usize) -> Self {
        let constant = first.constant && second.constant;
        match (&first.values, &second.values) {
            (Values::Null, _) => second.shared(),
            (_, Values::Null) => first.shared(),
            (Values::Text(a), Values::Text(b)) => Self::rows_of(
                rows,
                constant,
                |row| pick(a, first.at(row)).or_else(|| pick(b, second.at(row))),
                Values::Text,
            ),
            (Values::Int(_), Values::Int(_)) => Self::rows_of(
                rows,
                constant,
                |row| first.int(row).or_else(|| second.int(row)),
                Values::Int,
            ),
            (Values::Bool(_), _) => Self::rows_of(
                rows,
                constant,
                |row| first.bool(row).or_else(|| second.bool(row)),
                Values::Bool,
            ),
            (Values::Lists(a), Values::Lists(b)) => lists_or_else(first, a, second, b, rows),
            _ => Self::rows_of(
                rows,
                constant,
                |row| first.float(row).or_else(|| second.float(row)),
                Values::Float,
            ),
        }
    }

    fn shared(&self) -> Self {
        let values = match &self.values {
            Values::Text(values) => Values::Text(values.clone()),
            Values::Int(values) => Values::Int(values.clone()),
            Values::Float(values) => Values::Float(values.clone()),
            Values::Bool(values) => Values::Bool(values.clone()),
            Values::Lists(values) => Values::Lists(values.clone()),
            Values::Null => Values::Null,
        };
        Self {
            values,
            constant: self.constant,
        }
    }

    /// The values as a column of `rows` rows and the type `wanted`.
    pub(super) fn into_column(self, rows: usize, wanted: Type) -> Result<ArrayRef, String> {
        let data_type = wanted.data_type();
        let array: ArrayRef = match self.values {
            Values::Text(values) => Arc::new(values),
            Values::Int(values) if wanted == Type::Float => {
                Arc::new(values.unary::<_, Float64Type>(|value| value as f64))
            }
            Values::Int(values) => Arc::new(values),
            Values::Float(values) => Arc::new(values),
            Values::Bool(values) => Arc::new(values),
            Values::Lists(values) => Arc::new(values),
            Values::Null => return Ok(new_null_array(&data_type, rows)),
        };
        if !self.constant {
            return Ok(array);
        }
        let repeated = UInt32Array::from(vec![0; rows]);
        arrow_select::take::take(&array, &repeated, None).map_err(|error| error.to_string())
    }
}

fn lists_or_else(
    first: &Vector,
    a: &ListArray,
    second: &Vector,
    b: &ListArray,
    rows: usize,
) -> Vector {
    let places: Vec<(usize, usize)> = (0..rows)
        .map(|row| {
            if first.is_null(row) {
                (1, second.at(row))
            } else {
                (0, first.at(row))
            }
        })
        .collect();
    match arrow_select::interleave::interleave(&[a, b], &places) {
        Ok(lists) => Vector::column(&lists),
        Err(_) => first.shared(),
    }
}
