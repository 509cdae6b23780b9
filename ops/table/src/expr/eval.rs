//! Expressions evaluated over whole columns.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, ListArray, RecordBatch, StringArray,
    UInt32Array, new_null_array,
};
use arrow_schema::DataType;

use super::check::Type;
use super::parse::{Literal, Operator, Syntax, SyntaxKind};
use super::{Fault, functions};

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

    fn constant(values: Values) -> Self {
        Self {
            values,
            constant: true,
        }
    }

    fn column(column: &ArrayRef) -> Self {
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

    fn is_null(&self, row: usize) -> bool {
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

    fn float(&self, row: usize) -> Option<f64> {
        let row = self.at(row);
        match &self.values {
            Values::Float(values) => values.is_valid(row).then(|| values.value(row)),
            Values::Int(values) => values.is_valid(row).then(|| values.value(row) as f64),
            _ => None,
        }
    }

    fn int(&self, row: usize) -> Option<i64> {
        let row = self.at(row);
        match &self.values {
            Values::Int(values) => values.is_valid(row).then(|| values.value(row)),
            _ => None,
        }
    }

    fn bool(&self, row: usize) -> Option<bool> {
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

/// Evaluates a checked expression over the rows of a batch.
pub(super) fn evaluate(syntax: &Syntax, batch: &RecordBatch) -> Result<Vector, Fault> {
    let rows = batch.num_rows();
    Ok(match &syntax.kind {
        SyntaxKind::Literal(literal) => match literal {
            Literal::Text(text) => {
                Vector::constant(Values::Text(StringArray::from_iter_values([text])))
            }
            Literal::Int(value) => {
                Vector::constant(Values::Int(Int64Array::from_iter_values([*value])))
            }
            Literal::Float(value) => {
                Vector::constant(Values::Float(Float64Array::from_iter_values([*value])))
            }
            Literal::Bool(value) => {
                Vector::constant(Values::Bool(BooleanArray::from(vec![*value])))
            }
            Literal::Null => Vector::null(),
        },
        SyntaxKind::Column(name) => match batch.column_by_name(name) {
            Some(column) => Vector::column(column),
            None => {
                return Err(Fault::new(
                    syntax.span.clone(),
                    format!("no column `{name}`"),
                ));
            }
        },
        SyntaxKind::Not(inner) => {
            let inner = evaluate(inner, batch)?;
            Vector::rows_of(
                rows,
                inner.constant,
                |row| inner.bool(row).map(|value| !value),
                Values::Bool,
            )
        }
        SyntaxKind::Negative(inner) => {
            let inner = evaluate(inner, batch)?;
            match &inner.values {
                Values::Int(_) => Vector::rows_of(
                    rows,
                    inner.constant,
                    |row| inner.int(row).and_then(i64::checked_neg),
                    Values::Int,
                ),
                Values::Null => inner,
                _ => Vector::rows_of(
                    rows,
                    inner.constant,
                    |row| inner.float(row).map(|value| -value),
                    Values::Float,
                ),
            }
        }
        SyntaxKind::Binary(operator, left, right) => {
            let left = evaluate(left, batch)?;
            let right = evaluate(right, batch)?;
            binary(*operator, &left, &right, rows)
        }
        SyntaxKind::In(value, items, negated) => {
            let value = evaluate(value, batch)?;
            among(&value, items, *negated, rows)
        }
        SyntaxKind::IsNull(inner, negated) => {
            let inner = evaluate(inner, batch)?;
            Vector::rows_of(
                rows,
                inner.constant,
                |row| Some(inner.is_null(row) != *negated),
                Values::Bool,
            )
        }
        SyntaxKind::Call(function, arguments) => {
            let values = arguments
                .iter()
                .map(|argument| evaluate(argument, batch))
                .collect::<Result<Vec<_>, _>>()?;
            functions::call(function, arguments, values, rows)?
        }
    })
}

fn binary(operator: Operator, left: &Vector, right: &Vector, rows: usize) -> Vector {
    use Operator::{Add, And, Divide, Or};
    let constant = left.constant && right.constant;
    let both_int = matches!(
        (&left.values, &right.values),
        (Values::Int(_), Values::Int(_))
    );
    match operator {
        // SQL's three-valued logic: a null that cannot change the outcome does not.
        Or => Vector::rows_of(
            rows,
            constant,
            |row| match (left.bool(row), right.bool(row)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
            Values::Bool,
        ),
        And => Vector::rows_of(
            rows,
            constant,
            |row| match (left.bool(row), right.bool(row)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Values::Bool,
        ),
        Add if matches!(left.values, Values::Text(_))
            || matches!(right.values, Values::Text(_)) =>
        {
            let (a, b) = (left.texts(), right.texts());
            Vector::rows_of(
                rows,
                constant,
                |row| {
                    Some(format!(
                        "{}{}",
                        pick(&a, left.at(row))?,
                        pick(&b, right.at(row))?
                    ))
                },
                Values::Text,
            )
        }
        Operator::Equal
        | Operator::Unequal
        | Operator::Less
        | Operator::LessEqual
        | Operator::Greater
        | Operator::GreaterEqual => compare(operator, left, right, rows),
        Divide => Vector::rows_of(
            rows,
            constant,
            |row| {
                let divisor = right.float(row)?;
                let quotient = left.float(row)? / divisor;
                (divisor != 0.0).then_some(quotient)
            },
            Values::Float,
        ),
        _ if both_int => Vector::rows_of(
            rows,
            constant,
            |row| int_arithmetic(operator, left.int(row)?, right.int(row)?),
            Values::Int,
        ),
        _ => Vector::rows_of(
            rows,
            constant,
            |row| float_arithmetic(operator, left.float(row)?, right.float(row)?),
            Values::Float,
        ),
    }
}

/// `None` on overflow and division by zero.
fn int_arithmetic(operator: Operator, left: i64, right: i64) -> Option<i64> {
    match operator {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        Operator::Remainder => left.checked_rem(right),
        _ => None,
    }
}

fn float_arithmetic(operator: Operator, left: f64, right: f64) -> Option<f64> {
    match operator {
        Operator::Add => Some(left + right),
        Operator::Subtract => Some(left - right),
        Operator::Multiply => Some(left * right),
        Operator::Remainder if right != 0.0 => Some(left % right),
        _ => None,
    }
}

fn compare(operator: Operator, left: &Vector, right: &Vector, rows: usize) -> Vector {
    use std::cmp::Ordering;
    let constant = left.constant && right.constant;
    let holds = |ordering: Option<Ordering>| match operator {
        Operator::Equal => ordering == Some(Ordering::Equal),
        Operator::Unequal => ordering != Some(Ordering::Equal),
        Operator::Less => ordering == Some(Ordering::Less),
        Operator::LessEqual => matches!(ordering, Some(Ordering::Less | Ordering::Equal)),
        Operator::Greater => ordering == Some(Ordering::Greater),
        _ => matches!(ordering, Some(Ordering::Greater | Ordering::Equal)),
    };
    match (&left.values, &right.values) {
        (Values::Text(a), Values::Text(b)) => Vector::rows_of(
            rows,
            constant,
            |row| {
                let (a, b) = (pick(a, left.at(row))?, pick(b, right.at(row))?);
                Some(holds(Some(a.cmp(b))))
            },
            Values::Bool,
        ),
        (Values::Int(_), Values::Int(_)) => Vector::rows_of(
            rows,
            constant,
            |row| Some(holds(Some(left.int(row)?.cmp(&right.int(row)?)))),
            Values::Bool,
        ),
        (Values::Bool(_), Values::Bool(_)) => Vector::rows_of(
            rows,
            constant,
            |row| Some(holds(Some(left.bool(row)?.cmp(&right.bool(row)?)))),
            Values::Bool,
        ),
        _ => Vector::rows_of(
            rows,
            constant,
            |row| Some(holds(left.float(row)?.partial_cmp(&right.float(row)?))),
            Values::Bool,
        ),
    }
}

fn among(value: &Vector, items: &[Syntax], negated: bool, rows: usize) -> Vector {
    let literals: Vec<&Literal> = items
        .iter()
        .filter_map(|item| match &item.kind {
            SyntaxKind::Literal(literal) => Some(literal),
            _ => None,
        })
        .collect();
    let found = |row: usize| -> Option<bool> {
        Some(match &value.values {
            Values::Text(texts) => {
                let text = pick(texts, value.at(row))?;
                literals
                    .iter()
                    .any(|item| matches!(item, Literal::Text(item) if item == text))
            }
            Values::Bool(_) => {
                let held = value.bool(row)?;
                literals
                    .iter()
                    .any(|item| matches!(item, Literal::Bool(item) if *item == held))
            }
            Values::Null | Values::Lists(_) => return None,
            Values::Int(_) | Values::Float(_) => {
                let (int, float) = (value.int(row), value.float(row)?);
                literals.iter().any(|item| match item {
                    Literal::Int(item) => int.map_or(float == *item as f64, |int| int == *item),
                    Literal::Float(item) => float == *item,
                    _ => false,
                })
            }
        })
    };
    Vector::rows_of(
        rows,
        value.constant,
        |row| found(row).map(|found| found != negated),
        Values::Bool,
    )
}
