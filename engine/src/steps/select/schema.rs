//! The columns after each stage, as far as they are known before anything runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use table::expr::Expression;
use table::near_miss;

use super::Select;
use crate::steps::Check;
use crate::steps::check::with_fields;

/// The expressions that could be parsed.
pub(super) struct Parsed {
    derive: Vec<(String, Option<Expression>)>,
    filter: Option<Option<Expression>>,
}

/// Parses every expression and notes what is wrong with it, and with parameters that exclude each other.
pub(super) fn parse(select: &Select, check: &mut Check) -> Parsed {
    let mut parse = |parameter: &str, text: &str| match Expression::parse(text) {
        Ok(expression) => Some(expression),
        Err(error) => {
            check.problem(parameter, error.to_string(), None);
            None
        }
    };
    let derive = select
        .derive
        .iter()
        .map(|(name, text)| (name.to_owned(), parse(&format!("derive.{name}"), text)))
        .collect();
    let filter = select.filter.as_ref().map(|text| parse("filter", text));
    if select.columns.is_some() && !select.drop.is_empty() {
        let message = "`columns` names what stays and `drop` what goes: one of them says it all";
        check.problem("drop", message, Some("take one of them away".to_owned()));
    }
    for (name, concat) in select.concat.iter() {
        if concat.columns.is_empty() {
            let message = format!("`{name}` joins no columns");
            check.problem(&format!("concat.{name}"), message, None);
        }
        if select.derive.contains(name) {
            let message = format!("`{name}` is made twice, by `concat` and by `derive`");
            check.problem(&format!("derive.{name}"), message, None);
        }
    }
    Parsed { derive, filter }
}

/// The columns of the output, and a problem for each mistake; `None` where a mistake leaves them unknown.
pub(super) fn follow(
    select: &Select,
    parsed: &Parsed,
    input: &SchemaRef,
    check: &mut Check,
) -> Option<SchemaRef> {
    let joined = joined(select, input, check);
    let derived = derived(parsed, &joined, check);
    // A column of unknown type would make every expression and choice that names it look mistaken.
    let derived = derived?;
    if let Some(Some(filter)) = &parsed.filter
        && let Err(error) = filter.check_filter(&derived)
    {
        check.problem("filter", error.to_string(), None);
    }
    let chosen = chosen(select, &derived, check)?;
    check_names(select, &chosen, check).then(|| renamed(&chosen, &select.rename))
}

fn joined(select: &Select, input: &SchemaRef, check: &mut Check) -> SchemaRef {
    let mut fields = Vec::new();
    for (name, concat) in select.concat.iter() {
        let parameter = format!("concat.{name}.columns");
        for column in &concat.columns {
            match input.field_with_name(column) {
                Err(_) => missing(&parameter, column, input, check),
                Ok(field) if !matches!(field.data_type(), DataType::Utf8 | DataType::Null) => {
                    let held = table::type_name(field.data_type());
                    let message = format!("the column `{column}` holds {held}, not text");
                    let help = "make it a text by `derive` in a `select` before".to_owned();
                    check.problem(&parameter, message, Some(help));
                }
                Ok(_) => {}
            }
        }
        fields.push(Field::new(name, DataType::Utf8, true));
    }
    with_fields(input, &fields)
}

fn derived(parsed: &Parsed, joined: &SchemaRef, check: &mut Check) -> Option<SchemaRef> {
    let mut fields = Vec::new();
    let mut known = true;
    for (name, expression) in &parsed.derive {
        let parameter = format!("derive.{name}");
        match expression
            .as_ref()
            .map(|expression| expression.check(joined))
        {
            Some(Ok(data_type)) => fields.push(Field::new(name, data_type, true)),
            Some(Err(error)) => {
                check.problem(&parameter, error.to_string(), None);
                known = false;
            }
            None => known = false,
        }
    }
    known.then(|| with_fields(joined, &fields))
}

fn chosen(select: &Select, schema: &SchemaRef, check: &mut Check) -> Option<SchemaRef> {
    let mut known = true;
    let listed = [
        ("columns", select.columns.as_deref().unwrap_or_default()),
        ("drop", select.drop.as_slice()),
    ];
    for (parameter, names) in listed {
        for (at, name) in names.iter().enumerate() {
            if schema.field_with_name(name).is_err() {
                missing(parameter, name, schema, check);
                known = false;
            } else if names[..at].contains(name) {
                check.problem(parameter, format!("`{name}` is named twice"), None);
                known = false;
            }
        }
    }
    let field = |name: &String| schema.field_with_name(name).ok().cloned();
    let fields: Vec<Field> = match &select.columns {
        Some(names) => names.iter().filter_map(field).collect(),
        None => {
            let fields = schema.fields().iter().map(|field| field.as_ref().clone());
            fields
                .filter(|field| !select.drop.contains(field.name()))
                .collect()
        }
    };
    if known && fields.is_empty() {
        let parameter = if select.columns.is_some() {
            "columns"
        } else {
            "drop"
        };
        check.problem(parameter, "no column would be left", None);
        return None;
    }
    known.then(|| Arc::new(Schema::new(fields)))
}

/// Notes renamed columns that are not there, and names that two columns would have.
fn check_names(select: &Select, schema: &SchemaRef, check: &mut Check) -> bool {
    let mut fine = true;
    for old in select.rename.keys() {
        if schema.field_with_name(old).is_err() {
            missing(&format!("rename.{old}"), old, schema, check);
            fine = false;
        }
    }
    let renamed = renamed(schema, &select.rename);
    for (at, field) in renamed.fields().iter().enumerate() {
        if renamed.fields()[..at]
            .iter()
            .any(|other| other.name() == field.name())
        {
            let message = format!("two columns would be called `{}`", field.name());
            check.problem("rename", message, Some("drop one of them".to_owned()));
            fine = false;
        }
    }
    fine
}

/// The schema with new names.
pub(super) fn renamed(schema: &SchemaRef, names: &BTreeMap<String, String>) -> SchemaRef {
    let field = |field: &Arc<Field>| match names.get(field.name()) {
        Some(name) => field.as_ref().clone().with_name(name),
        None => field.as_ref().clone(),
    };
    Arc::new(Schema::new(
        schema.fields().iter().map(field).collect::<Vec<_>>(),
    ))
}

fn missing(parameter: &str, column: &str, schema: &SchemaRef, check: &mut Check) {
    let names = || schema.fields().iter().map(|field| field.name().as_str());
    let help = match near_miss(column, names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("columns: {}", names().collect::<Vec<_>>().join(", ")),
    };
    check.problem(
        parameter,
        format!("there is no column `{column}`"),
        Some(help),
    );
}
