//! Columns under construction, which can go back to the row before.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, ListArray, StringArray};
use arrow_buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field};

use super::options::ColumnType;
use crate::columns::string_list_type;
use crate::error::{Result, TableError};

/// The kinds of values seen in a column so far, a lattice with `Text` on top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Only nulls.
    Nothing,
    /// Only empty lists.
    EmptyLists,
    Bool,
    Int,
    Float,
    /// Lists of text.
    Lists,
    /// Text, or several kinds at once, which only text can hold.
    Text,
}

impl Kind {
    /// The narrowest kind that holds both.
    pub(crate) fn join(self, other: Self) -> Self {
        use Kind::{EmptyLists, Float, Int, Lists, Nothing, Text};
        match (self, other) {
            (left, right) if left == right => left,
            (Nothing, kind) | (kind, Nothing) => kind,
            (EmptyLists, Lists) | (Lists, EmptyLists) => Lists,
            (Int, Float) | (Float, Int) => Float,
            _ => Text,
        }
    }

    /// Whether a column of this kind holds a value of kind `value`.
    pub(crate) fn holds(self, value: Self) -> bool {
        self.join(value) == self
    }

    pub(crate) fn data_type(self) -> DataType {
        match self {
            Self::Nothing | Self::Text => DataType::Utf8,
            Self::EmptyLists | Self::Lists => string_list_type(),
            Self::Bool => DataType::Boolean,
            Self::Int => DataType::Int64,
            Self::Float => DataType::Float64,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nothing => "null",
            Self::EmptyLists | Self::Lists => "a list",
            Self::Bool => "a truth value",
            Self::Int => "a whole number",
            Self::Float => "a number",
            Self::Text => "text",
        }
    }
}

/// A column as far as it is known.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Whether the kind was given and not learned, so that what does not fit is bad.
    pub(crate) fixed: bool,
    /// Whether a row without the value holds false and not null.
    pub(crate) false_if_absent: bool,
}

impl Column {
    pub(crate) fn fixed(name: &str, kind: Kind) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            fixed: true,
            false_if_absent: false,
        }
    }

    /// A column of the kind given for it, or else of one yet to learn.
    pub(crate) fn given_or_learned(name: &str, given: Option<Kind>) -> Self {
        Self {
            name: name.to_owned(),
            kind: given.unwrap_or(Kind::Nothing),
            fixed: given.is_some(),
            false_if_absent: false,
        }
    }
}

impl From<ColumnType> for Kind {
    fn from(column_type: ColumnType) -> Self {
        match column_type {
            ColumnType::Text => Self::Text,
            ColumnType::List => Self::Lists,
            ColumnType::Int => Self::Int,
            ColumnType::Float => Self::Float,
            ColumnType::Bool => Self::Bool,
        }
    }
}

/// The kind of a decimal number: whole numbers past 64 bits, and others past the range of a
/// float, can only be kept as text.
pub(crate) fn number_kind(text: &str) -> Kind {
    if text.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E')) {
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Kind::Float,
            _ => Kind::Text,
        }
    } else if is_huge_whole(text) {
        Kind::Text
    } else {
        Kind::Int
    }
}

/// Whether the text of a number is a whole one past 64 bits.
#[inline]
pub(crate) fn is_huge_whole(text: &str) -> bool {
    text.len() >= 19
        && !text.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E'))
        && text.parse::<i64>().is_err()
}

/// A column under construction.
pub(crate) enum Builder {
    /// A column of nothing but nulls.
    Nothing(usize),
    Text(Texts),
    Lists(Lists),
    Int(Values<i64>),
    Float(Values<f64>),
    Bool(Values<bool>),
}

/// Values with nulls.
#[derive(Default)]
pub(crate) struct Values<T> {
    values: Vec<T>,
    valid: Vec<bool>,
}

/// Texts with nulls.
pub(crate) struct Texts {
    /// The bytes of all texts; append here, then call [`Texts::end`].
    pub(crate) bytes: Vec<u8>,
    ends: Vec<i32>,
    valid: Vec<bool>,
}

/// Lists of texts with nulls.
pub(crate) struct Lists {
    /// The items of all lists; append here, then call [`Lists::end`].
    pub(crate) items: Texts,
    ends: Vec<i32>,
    valid: Vec<bool>,
    touched: bool,
}

impl<T: Copy + Default> Values<T> {
    pub(crate) fn push(&mut self, value: Option<T>) {
        self.values.push(value.unwrap_or_default());
        self.valid.push(value.is_some());
    }

    fn truncate(&mut self, rows: usize) {
        self.values.truncate(rows);
        self.valid.truncate(rows);
    }
}

impl Texts {
    fn new() -> Self {
        Self {
            bytes: Vec::new(),
            ends: vec![0],
            valid: Vec::new(),
        }
    }

    /// Ends a text, or a null for which nothing was appended. The bytes of a chunk's column never
    /// exceed the chunk's, whose size is bounded well below 2 GiB.
    #[inline]
    pub(crate) fn end(&mut self, valid: bool) {
        self.ends.push(self.bytes.len() as i32);
        self.valid.push(valid);
    }

    pub(crate) fn push(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
        self.end(true);
    }

    fn truncate(&mut self, rows: usize) {
        self.ends.truncate(rows + 1);
        self.valid.truncate(rows);
        self.bytes.truncate(self.ends[rows] as usize);
    }

    fn finish(self) -> Result<StringArray> {
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.ends));
        StringArray::try_new(offsets, self.bytes.into(), nulls(self.valid))
            .map_err(TableError::arrow("build a text column"))
    }
}

impl Lists {
    /// The row has a list, be it empty.
    pub(crate) fn touch(&mut self) {
        self.touched = true;
    }

    fn end(&mut self) {
        self.ends.push(self.items.valid.len() as i32);
        self.valid.push(self.touched);
        self.touched = false;
    }

    fn truncate(&mut self, rows: usize) {
        self.ends.truncate(rows + 1);
        self.valid.truncate(rows);
        self.items.truncate(self.ends[rows] as usize);
        self.touched = false;
    }
}

impl Builder {
    pub(crate) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Nothing => Self::Nothing(0),
            Kind::Text => Self::Text(Texts::new()),
            Kind::EmptyLists | Kind::Lists => Self::Lists(Lists {
                items: Texts::new(),
                ends: vec![0],
                valid: Vec::new(),
                touched: false,
            }),
            Kind::Bool => Self::Bool(Values::default()),
            Kind::Int => Self::Int(Values::default()),
            Kind::Float => Self::Float(Values::default()),
        }
    }

    /// Ends row `row`: with a null where no value came.
    #[inline]
    pub(crate) fn end_row(&mut self, row: usize) {
        match self {
            Self::Nothing(rows) => *rows = row + 1,
            Self::Lists(lists) => lists.end(),
            Self::Text(texts) if texts.valid.len() == row => texts.end(false),
            Self::Int(values) if values.valid.len() == row => values.push(None),
            Self::Float(values) if values.valid.len() == row => values.push(None),
            Self::Bool(values) if values.valid.len() == row => values.push(None),
            _ => {}
        }
    }

    /// Ends row `row` of a column of truth values: with false where no value came.
    pub(crate) fn end_row_false(&mut self, row: usize) {
        match self {
            Self::Bool(values) if values.valid.len() == row => values.push(Some(false)),
            other => other.end_row(row),
        }
    }

    /// Forgets everything after the first `rows` rows.
    pub(crate) fn truncate(&mut self, rows: usize) {
        match self {
            Self::Nothing(count) => *count = rows,
            Self::Text(texts) => texts.truncate(rows),
            Self::Lists(lists) => lists.truncate(rows),
            Self::Int(values) => values.truncate(rows),
            Self::Float(values) => values.truncate(rows),
            Self::Bool(values) => values.truncate(rows),
        }
    }

    pub(crate) fn finish(self) -> Result<ArrayRef> {
        Ok(match self {
            Self::Nothing(rows) => Arc::new(StringArray::new_null(rows)),
            Self::Text(texts) => Arc::new(texts.finish()?),
            Self::Lists(lists) => {
                let item = Arc::new(Field::new_list_field(DataType::Utf8, true));
                let offsets = OffsetBuffer::new(ScalarBuffer::from(lists.ends));
                let items = Arc::new(lists.items.finish()?);
                let list = ListArray::try_new(item, offsets, items, nulls(lists.valid))
                    .map_err(TableError::arrow("build a column of lists"))?;
                Arc::new(list)
            }
            Self::Int(values) => {
                Arc::new(Int64Array::new(values.values.into(), nulls(values.valid)))
            }
            Self::Float(values) => {
                Arc::new(Float64Array::new(values.values.into(), nulls(values.valid)))
            }
            Self::Bool(values) => {
                Arc::new(BooleanArray::new(values.values.into(), nulls(values.valid)))
            }
        })
    }
}

fn nulls(valid: Vec<bool>) -> Option<NullBuffer> {
    if valid.iter().all(|&valid| valid) {
        None
    } else {
        Some(NullBuffer::from(valid))
    }
}
