//! Columns from plain vectors, and lists of text as plain slices.

use std::sync::Arc;

use arrow_array::builder::{Int64Builder, ListBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, FixedSizeListArray, Float32Array, Float64Array, Int64Array,
    StringArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field};

/// A text column.
pub fn text<S: AsRef<str>>(values: impl IntoIterator<Item = S>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

/// A text column with nulls.
pub fn optional_text<S: AsRef<str>>(values: impl IntoIterator<Item = Option<S>>) -> ArrayRef {
    Arc::new(StringArray::from_iter(values))
}

/// A column of lists of text: labels.
pub fn string_lists<S: AsRef<str>, L: IntoIterator<Item = S>>(
    values: impl IntoIterator<Item = L>,
) -> ArrayRef {
    let mut builder = ListBuilder::new(StringBuilder::new());
    for list in values {
        for item in list {
            builder.values().append_value(item);
        }
        builder.append(true);
    }
    Arc::new(builder.finish())
}

/// A column of lists of whole numbers: the tokens of a text.
pub fn int_lists<L: IntoIterator<Item = i64>>(values: impl IntoIterator<Item = L>) -> ArrayRef {
    let mut builder = ListBuilder::new(Int64Builder::new());
    for list in values {
        for item in list {
            builder.values().append_value(item);
        }
        builder.append(true);
    }
    Arc::new(builder.finish())
}

/// A column of whole numbers.
pub fn ints(values: impl IntoIterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

/// A column of whole numbers with nulls.
pub fn optional_ints(values: impl IntoIterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(Int64Array::from_iter(values))
}

/// A column of numbers.
pub fn floats(values: impl IntoIterator<Item = f64>) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(values))
}

/// A column of numbers with nulls.
pub fn optional_floats(values: impl IntoIterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(Float64Array::from_iter(values))
}

/// A column of truth values.
pub fn bools(values: impl IntoIterator<Item = bool>) -> ArrayRef {
    Arc::new(BooleanArray::from_iter(values.into_iter().map(Some)))
}

/// A column of truth values with nulls.
pub fn optional_bools(values: impl IntoIterator<Item = Option<bool>>) -> ArrayRef {
    Arc::new(BooleanArray::from_iter(values))
}

/// A column of vectors of `size` numbers each, from their concatenation `[rows * size]`.
/// `None` where the length is no multiple of `size`.
#[must_use]
pub fn vectors(values: Vec<f32>, size: usize) -> Option<ArrayRef> {
    let item = Arc::new(Field::new_list_field(DataType::Float32, true));
    let width = i32::try_from(size).ok()?;
    if size == 0 || !values.len().is_multiple_of(size) {
        return None;
    }
    let values = Arc::new(Float32Array::from(values));
    FixedSizeListArray::try_new(item, width, values, None)
        .ok()
        .map(|array| Arc::new(array) as ArrayRef)
}

/// The concatenated numbers of a column of vectors and their common size. `None` where the
/// column is of another type or holds a null.
#[must_use]
pub fn vector_values(column: &ArrayRef) -> Option<(Float32Array, usize)> {
    let list = column.as_fixed_size_list_opt()?;
    if list.null_count() > 0 {
        return None;
    }
    let size = usize::try_from(list.value_length()).ok()?;
    let values = list.values().as_primitive_opt::<Float32Type>()?;
    let values = values.slice(list.value_offset_at(0), list.len() * size);
    Some((values, size))
}

/// The type of a column of labels.
#[must_use]
pub fn string_list_type() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)))
}

/// The type of a column of lists of whole numbers.
#[must_use]
pub fn int_list_type() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(DataType::Int64, true)))
}

/// One list of whole numbers a row, such as the tokens of a text. A null list is empty.
#[derive(Clone, Debug)]
pub struct IntLists {
    offsets: OffsetBuffer<i32>,
    values: Int64Array,
    nulls: Option<NullBuffer>,
}

impl IntLists {
    /// The lists of a column; `None` for any other type, or where an item is null.
    #[must_use]
    pub fn new(column: &ArrayRef) -> Option<Self> {
        let lists = column.as_list_opt::<i32>()?;
        let values = lists.values().as_primitive_opt::<Int64Type>()?;
        (values.null_count() == 0).then(|| Self {
            offsets: lists.offsets().clone(),
            values: values.clone(),
            nulls: lists.nulls().cloned(),
        })
    }

    /// The items of each row in turn.
    pub fn rows(&self) -> impl Iterator<Item = &[i64]> {
        let is_valid = |row| self.nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        let values = self.values.values();
        self.offsets
            .windows(2)
            .enumerate()
            .map(move |(row, ends)| match is_valid(row) {
                true => &values[ends[0] as usize..ends[1] as usize],
                false => &values[..0],
            })
    }
}

/// One list of texts a row, such as the labels of a record. A null list is empty, a null item
/// is left out.
#[derive(Clone, Debug)]
pub struct StringLists {
    offsets: OffsetBuffer<i32>,
    values: StringArray,
    nulls: Option<NullBuffer>,
}

impl StringLists {
    /// The lists of a column of lists of text, or of a text column (one item a row, null is
    /// none); `None` for any other type.
    #[must_use]
    pub fn new(column: &ArrayRef) -> Option<Self> {
        match column.data_type() {
            DataType::List(_) => {
                let lists = column.as_list::<i32>();
                Some(Self {
                    offsets: lists.offsets().clone(),
                    values: lists.values().as_string_opt::<i32>()?.clone(),
                    nulls: lists.nulls().cloned(),
                })
            }
            DataType::Utf8 => Some(Self {
                offsets: OffsetBuffer::from_repeated_length(1, column.len()),
                values: column.as_string::<i32>().clone(),
                nulls: None,
            }),
            DataType::Null => Some(Self {
                offsets: OffsetBuffer::from_repeated_length(0, column.len()),
                values: StringArray::new_null(0),
                nulls: None,
            }),
            _ => None,
        }
    }

    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The items of a row; none past the last row.
    pub fn row(&self, row: usize) -> impl Iterator<Item = &str> {
        let valid = row < self.len() && self.nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        let range = if valid {
            self.offsets[row] as usize..self.offsets[row + 1] as usize
        } else {
            0..0
        };
        range
            .filter(|&item| self.values.is_valid(item))
            .map(|item| self.values.value(item))
    }

    /// The items of each row in turn.
    pub fn rows(&self) -> impl Iterator<Item = impl Iterator<Item = &str>> {
        (0..self.len()).map(|row| self.row(row))
    }

    /// The items of every row as owned vectors.
    #[must_use]
    pub fn to_vecs(&self) -> Vec<Vec<String>> {
        self.rows()
            .map(|row| row.map(str::to_owned).collect())
            .collect()
    }
}
