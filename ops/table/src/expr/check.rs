//! Types of expressions: found, and checked against a schema, before anything is evaluated.

use std::ops::Range;

use arrow_schema::{DataType, Schema};

use super::parse::{Literal, Operator, Syntax, SyntaxKind};
use super::{Fault, functions};
use crate::error::{TableError, type_name};

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Text,
    Int,
    Float,
    Bool,
    Lists,
    /// The literal `null`, which is of any type.
    Null,
}

impl Type {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Lists => "a list of text",
            Self::Null => "null",
        }
    }

    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Float | Self::Null)
    }

    /// Whether a value of this type can stand where `wanted` is needed.
    pub(super) fn is(self, wanted: Self) -> bool {
        self == wanted || self == Self::Null || (self == Self::Int && wanted == Self::Float)
    }

    /// The type that holds values of both.
    pub(super) fn common(self, other: Self) -> Option<Self> {
        match (self, other) {
            (left, right) if left == right => Some(left),
            (Self::Null, known) | (known, Self::Null) => Some(known),
            (Self::Int, Self::Float) | (Self::Float, Self::Int) => Some(Self::Float),
            _ => None,
        }
    }

    pub(super) fn of(data_type: &DataType) -> Option<Self> {
        Some(match data_type {
            DataType::Utf8 => Self::Text,
            DataType::Int64 => Self::Int,
            DataType::Float64 => Self::Float,
            DataType::Boolean => Self::Bool,
            DataType::Null => Self::Null,
            DataType::List(item) if item.data_type() == &DataType::Utf8 => Self::Lists,
            _ => return None,
        })
    }

    pub(super) fn data_type(self) -> DataType {
        match self {
            Self::Text | Self::Null => DataType::Utf8,
            Self::Int => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::Bool => DataType::Boolean,
            Self::Lists => crate::columns::string_list_type(),
        }
    }
}

/// The type of an expression over columns of `schema`.
pub(super) fn check(syntax: &Syntax, schema: &Schema) -> Result<Type, Fault> {
    match &syntax.kind {
        SyntaxKind::Literal(literal) => Ok(match literal {
            Literal::Text(_) => Type::Text,
            Literal::Int(_) => Type::Int,
            Literal::Float(_) => Type::Float,
            Literal::Bool(_) => Type::Bool,
            Literal::Null => Type::Null,
        }),
        SyntaxKind::Column(name) => check_column(name, &syntax.span, schema),
        SyntaxKind::Not(inner) => {
            want(inner, schema, Type::Bool, "`not`")?;
            Ok(Type::Bool)
        }
        SyntaxKind::Negative(inner) => match check(inner, schema)? {
            number if number.is_number() => Ok(number),
            other => Err(Fault::new(
                inner.span.clone(),
                format!("`-` needs a number, but this is {}", other.name()),
            )),
        },
        SyntaxKind::Binary(operator, left, right) => {
            check_binary(*operator, left, right, &syntax.span, schema)
        }
        SyntaxKind::In(value, items, _) => check_in(value, items, schema),
        SyntaxKind::IsNull(inner, _) => check(inner, schema).map(|_| Type::Bool),
        SyntaxKind::Call(function, arguments) => {
            let (least, most) = function.arity;
            if arguments.len() < least || arguments.len() > most {
                return Err(Fault::new(
                    syntax.span.clone(),
                    format!("`{}` is written {}", function.name, function.usage),
                ));
            }
            let types = arguments
                .iter()
                .map(|argument| check(argument, schema))
                .collect::<Result<Vec<_>, _>>()?;
            functions::check(function, arguments, &types)
        }
    }
}

fn check_column(name: &str, span: &Range<usize>, schema: &Schema) -> Result<Type, Fault> {
    let Some((_, field)) = schema.column_with_name(name) else {
        let names = schema.fields().iter().map(|field| field.name().as_str());
        let mut message = TableError::no_column(name, names).to_string();
        if crate::near_miss(name, schema.fields().iter().map(|f| f.name().as_str())).is_none() {
            message.push_str("; a text needs quotes");
        }
        return Err(Fault::new(span.clone(), message));
    };
    Type::of(field.data_type()).ok_or_else(|| {
        Fault::new(
            span.clone(),
            format!(
                "the column `{name}` holds {}, which expressions cannot use",
                type_name(field.data_type())
            ),
        )
    })
}

fn want(syntax: &Syntax, schema: &Schema, wanted: Type, who: &str) -> Result<(), Fault> {
    let found = check(syntax, schema)?;
    if found.is(wanted) {
        return Ok(());
    }
    Err(Fault::new(
        syntax.span.clone(),
        format!(
            "{who} needs {}, but this is {}",
            wanted.name(),
            found.name()
        ),
    ))
}

fn check_binary(
    operator: Operator,
    left: &Syntax,
    right: &Syntax,
    span: &Range<usize>,
    schema: &Schema,
) -> Result<Type, Fault> {
    use Operator::{
        Add, And, Divide, Equal, Greater, GreaterEqual, Less, LessEqual, Multiply, Or, Remainder,
        Subtract, Unequal,
    };
    let symbol = operator.symbol();
    match operator {
        Or | And => {
            want(left, schema, Type::Bool, &format!("`{symbol}`"))?;
            want(right, schema, Type::Bool, &format!("`{symbol}`"))?;
            Ok(Type::Bool)
        }
        Equal | Unequal | Less | LessEqual | Greater | GreaterEqual => {
            let types = (check(left, schema)?, check(right, schema)?);
            for side in [left, right] {
                if side.kind == SyntaxKind::Literal(Literal::Null) {
                    return Err(Fault::new(
                        span.clone(),
                        "nothing equals null; write `is null` or `is not null`",
                    ));
                }
            }
            match types.0.common(types.1) {
                Some(Type::Lists) => Err(Fault::new(
                    span.clone(),
                    "lists are not compared; ask `has(labels, \"bug\")` or `len(labels) > 0`",
                )),
                Some(Type::Bool) if !matches!(operator, Equal | Unequal) => Err(Fault::new(
                    span.clone(),
                    format!("truth values have no order for `{symbol}`"),
                )),
                Some(_) => Ok(Type::Bool),
                None => Err(mismatch(symbol, types, span)),
            }
        }
        Add | Subtract | Multiply | Divide | Remainder => {
            let types = (check(left, schema)?, check(right, schema)?);
            match types.0.common(types.1) {
                Some(Type::Text) if operator == Add => Ok(Type::Text),
                Some(number) if number.is_number() => Ok(match (operator, number) {
                    (Divide, _) => Type::Float,
                    (_, number) => number,
                }),
                _ => Err(mismatch(symbol, types, span)),
            }
        }
    }
}

fn mismatch(symbol: &str, (left, right): (Type, Type), span: &Range<usize>) -> Fault {
    Fault::new(
        span.clone(),
        format!(
            "`{symbol}` does not go between {} and {}",
            left.name(),
            right.name()
        ),
    )
}

fn check_in(value: &Syntax, items: &[Syntax], schema: &Schema) -> Result<Type, Fault> {
    let held = check(value, schema)?;
    if held == Type::Lists {
        return Err(Fault::new(
            value.span.clone(),
            "`in` asks where one value is; for a column of lists ask `has(labels, \"bug\")`",
        ));
    }
    for item in items {
        let SyntaxKind::Literal(literal) = &item.kind else {
            return Err(Fault::new(
                item.span.clone(),
                "a list after `in` holds plain values only",
            ));
        };
        if literal == &Literal::Null {
            return Err(Fault::new(
                item.span.clone(),
                "nothing equals null; add `or … is null`",
            ));
        }
        let found = check(item, schema)?;
        if held.common(found).is_none() {
            return Err(Fault::new(
                item.span.clone(),
                format!("this is {}, but the value is {}", found.name(), held.name()),
            ));
        }
    }
    Ok(Type::Bool)
}
