//! Expressions evaluated over whole columns.

use arrow_array::{BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};

use super::parse::{Literal, Operator, Syntax, SyntaxKind};
use super::vector::{Values, Vector, pick};
use super::{Fault, functions};

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
