//! The functions of expressions: names, types, and what they do.

use arrow_array::{Array, BooleanArray, Int64Array, StringArray};
use regex::Regex;

use super::Fault;
use super::check::Type;
use super::parse::{Literal, Syntax, SyntaxKind};
use super::vector::{Values, Vector, pick};

/// A function that expressions can call.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: &'static str,
    /// How it is written, for messages.
    pub(super) usage: &'static str,
    /// The least and the most arguments.
    pub(super) arity: (usize, usize),
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Len,
    Words,
    Lower,
    Upper,
    Trim,
    Contains,
    StartsWith,
    EndsWith,
    Matches,
    Has,
    Coalesce,
    Year,
}

const fn function(
    name: &'static str,
    usage: &'static str,
    arity: (usize, usize),
    what: What,
) -> Function {
    Function {
        name,
        usage,
        arity,
        what,
    }
}

/// All functions.
pub(super) static ALL: [Function; 12] = [
    function("len", "len(text) or len(list)", (1, 1), What::Len),
    function("words", "words(text)", (1, 1), What::Words),
    function("lower", "lower(text)", (1, 1), What::Lower),
    function("upper", "upper(text)", (1, 1), What::Upper),
    function("trim", "trim(text)", (1, 1), What::Trim),
    function(
        "contains",
        "contains(text, \"part\")",
        (2, 2),
        What::Contains,
    ),
    function(
        "starts_with",
        "starts_with(text, \"part\")",
        (2, 2),
        What::StartsWith,
    ),
    function(
        "ends_with",
        "ends_with(text, \"part\")",
        (2, 2),
        What::EndsWith,
    ),
    function(
        "matches",
        "matches(text, \"regular expression\")",
        (2, 2),
        What::Matches,
    ),
    function("has", "has(list, \"item\")", (2, 2), What::Has),
    function(
        "coalesce",
        "coalesce(first, second, …)",
        (1, 64),
        What::Coalesce,
    ),
    function("year", "year(text)", (1, 1), What::Year),
];

pub(super) fn find(name: &str) -> Option<&'static Function> {
    ALL.iter().find(|function| function.name == name)
}

/// The type of a call, its arguments checked.
pub(super) fn check(
    function: &Function,
    arguments: &[Syntax],
    types: &[Type],
) -> Result<Type, Fault> {
    let wrong = |index: usize, wanted: &str| {
        Fault::new(
            arguments[index].span.clone(),
            format!(
                "`{}` needs {wanted} here, but this is {}; it is written {}",
                function.name,
                types[index].name(),
                function.usage
            ),
        )
    };
    let need = |index: usize, wanted: Type| {
        if types[index].is(wanted) {
            Ok(())
        } else {
            Err(wrong(index, wanted.name()))
        }
    };
    match function.what {
        What::Len => match types[0] {
            Type::Text | Type::Lists | Type::Null => Ok(Type::Int),
            _ => Err(wrong(0, "text or a list")),
        },
        What::Words | What::Year => need(0, Type::Text).map(|()| Type::Int),
        What::Lower | What::Upper | What::Trim => need(0, Type::Text).map(|()| Type::Text),
        What::Contains | What::StartsWith | What::EndsWith => {
            if types[0] == Type::Lists && function.what == What::Contains {
                return Err(Fault::new(
                    arguments[0].span.clone(),
                    "`contains` looks into text; for a list ask `has(list, \"item\")`",
                ));
            }
            need(0, Type::Text)?;
            need(1, Type::Text)?;
            Ok(Type::Bool)
        }
        What::Matches => {
            need(0, Type::Text)?;
            pattern(&arguments[1])?;
            Ok(Type::Bool)
        }
        What::Has => {
            if types[0] == Type::Text {
                return Err(Fault::new(
                    arguments[0].span.clone(),
                    "`has` looks into a list; for a text ask `contains(text, \"part\")`",
                ));
            }
            need(0, Type::Lists)?;
            need(1, Type::Text)?;
            Ok(Type::Bool)
        }
        What::Coalesce => {
            let mut common = Type::Null;
            for (index, found) in types.iter().enumerate() {
                common = common
                    .common(*found)
                    .ok_or_else(|| wrong(index, common.name()))?;
            }
            Ok(common)
        }
    }
}

/// The regular expression that an argument spells out.
fn pattern(argument: &Syntax) -> Result<Regex, Fault> {
    let SyntaxKind::Literal(Literal::Text(text)) = &argument.kind else {
        return Err(Fault::new(
            argument.span.clone(),
            "`matches` needs its regular expression spelled out, as in matches(title, \"^\\[?bug\")",
        ));
    };
    Regex::new(text).map_err(|error| {
        Fault::new(
            argument.span.clone(),
            format!("this is no regular expression: {error}"),
        )
    })
}

/// The values of a call for `rows` rows.
pub(super) fn call(
    function: &Function,
    syntax: &[Syntax],
    arguments: Vec<Vector>,
    rows: usize,
) -> Result<Vector, Fault> {
    let ints = |values: Int64Array, like: &Vector| Vector {
        values: Values::Int(values),
        constant: like.constant,
    };
    Ok(match (function.what, arguments.as_slice()) {
        (What::Len, [of]) => match &of.values {
            Values::Text(texts) => ints(
                texts
                    .iter()
                    .map(|text| text.map(|text| text.chars().count() as i64))
                    .collect(),
                of,
            ),
            // A null list is a list without items, as it is for whoever reads labels.
            Values::Lists(lists) => ints(
                (0..lists.len())
                    .map(|row| {
                        Some(if lists.is_null(row) {
                            0
                        } else {
                            i64::from(lists.value_length(row))
                        })
                    })
                    .collect(),
                of,
            ),
            _ => ints(Int64Array::new_null(of.len()), of),
        },
        (What::Words, [of]) => ints(
            of.texts()
                .iter()
                .map(|text| text.map(|text| text.split_whitespace().count() as i64))
                .collect(),
            of,
        ),
        (What::Year, [of]) => ints(
            of.texts().iter().map(|text| text.and_then(year)).collect(),
            of,
        ),
        (What::Lower, [of]) => map_text(of, str::to_lowercase),
        (What::Upper, [of]) => map_text(of, str::to_uppercase),
        (What::Trim, [of]) => map_text(of, |text| text.trim().to_owned()),
        (What::Contains, [text, part]) => {
            test_text(text, part, rows, |text, part| text.contains(part))
        }
        (What::StartsWith, [text, part]) => {
            test_text(text, part, rows, |text, part| text.starts_with(part))
        }
        (What::EndsWith, [text, part]) => {
            test_text(text, part, rows, |text, part| text.ends_with(part))
        }
        (What::Matches, [text, _]) => {
            let pattern = pattern(&syntax[1])?;
            let found = text
                .texts()
                .iter()
                .map(|text| text.map(|text| pattern.is_match(text)))
                .collect();
            Vector {
                values: Values::Bool(found),
                constant: text.constant,
            }
        }
        (What::Has, [lists, item]) => has(lists, item, rows),
        (What::Coalesce, _) => coalesce(arguments, rows),
        _ => Vector::null(),
    })
}

fn map_text(of: &Vector, map: impl Fn(&str) -> String) -> Vector {
    let mapped: StringArray = of.texts().iter().map(|text| text.map(&map)).collect();
    Vector {
        values: Values::Text(mapped),
        constant: of.constant,
    }
}

fn test_text(
    text: &Vector,
    part: &Vector,
    rows: usize,
    test: impl Fn(&str, &str) -> bool,
) -> Vector {
    let (texts, parts) = (text.texts(), part.texts());
    Vector::rows_of(
        rows,
        text.constant && part.constant,
        |row| {
            let text = pick(&texts, text.at(row))?;
            let part = pick(&parts, part.at(row))?;
            Some(test(text, part))
        },
        |found: BooleanArray| Values::Bool(found),
    )
}

fn has(lists: &Vector, item: &Vector, rows: usize) -> Vector {
    let items = item.texts();
    Vector::rows_of(
        rows,
        lists.constant && item.constant,
        |row| {
            let wanted = pick(&items, item.at(row))?;
            let Values::Lists(held) = &lists.values else {
                return Some(false);
            };
            let row = lists.at(row);
            if held.is_null(row) {
                return Some(false);
            }
            let values = held.value(row);
            let values = arrow_array::cast::AsArray::as_string_opt::<i32>(values.as_ref())?;
            Some(values.iter().flatten().any(|label| label == wanted))
        },
        |found: BooleanArray| Values::Bool(found),
    )
}

fn coalesce(arguments: Vec<Vector>, rows: usize) -> Vector {
    let mut arguments = arguments.into_iter();
    let Some(mut first) = arguments.next() else {
        return Vector::null();
    };
    for next in arguments {
        first = Vector::or_else(&first, &next, rows);
    }
    first
}

/// The year of an ISO 8601 date such as `2025-01-31` or `2025-01-31T10:00:00Z`.
fn year(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let digits = bytes.get(..4)?;
    let ends = bytes.get(4).is_none_or(|next| !next.is_ascii_digit());
    if ends && digits.iter().all(u8::is_ascii_digit) {
        text.get(..4)?.parse().ok()
    } else {
        None
    }
}
