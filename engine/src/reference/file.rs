//! The JSON Schema of whole pipeline files, for editors and other programs.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::placeholder::{embed, or_placeholder, placeholder};
use crate::steps::{Kind, kinds};

/// A key that is not a parameter of a kind.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub description: &'static str,
    /// The schema of its value.
    schema: Json,
}

impl Key {
    fn new(name: &'static str, description: &'static str, schema: Json) -> Key {
        Key {
            name,
            description,
            schema,
        }
    }

    fn property(&self) -> (String, Json) {
        let mut schema = self.schema.clone();
        schema["description"] = Json::from(self.description);
        (self.name.to_owned(), schema)
    }
}

/// The keys of `[pipeline]`.
pub fn pipeline_keys() -> Vec<Key> {
    vec![
        Key::new(
            "name",
            "The name under which runs and reports are filed: up to 100 letters, digits, `_` and `-`. It must be given.",
            json!({ "type": "string", "pattern": NAME }),
        ),
        Key::new(
            "description",
            "What the pipeline is for, shown in its report.",
            json!({ "type": "string" }),
        ),
        Key::new(
            "seed",
            "The seed of all steps that draw random numbers and have none of their own. Default: 0.",
            json!({ "type": "integer", "minimum": 0, "default": 0 }),
        ),
        Key::new(
            "env",
            "The environment variables that every step may name as `${env.NAME}`. Their values are never printed or stored.",
            json!({ "type": "array", "items": { "type": "string" } }),
        ),
    ]
}

/// The keys that every step takes beside its parameters; `method` only where the op has several.
pub fn step_keys() -> Vec<Key> {
    let input = json!({ "anyOf": [
        { "type": "string" },
        { "type": "array", "items": { "type": "string" } },
    ] });
    let axis = json!({
        "type": "array",
        "minItems": 1,
        "items": { "type": ["string", "number", "boolean"] },
    });
    vec![
        Key::new(
            "op",
            "What the step does. It must be given.",
            json!({ "type": "string" }),
        ),
        Key::new(
            "method",
            "Which of the op's methods it uses. It must be given where there are several.",
            json!({ "type": "string" }),
        ),
        Key::new(
            "input",
            "What feeds the step: `\"STEP\"` or `\"STEP.PORT\"`, several of them in a list, or a table from ports of this step to such.",
            json!({ "anyOf": [
                { "type": "string" },
                { "type": "array", "items": { "type": "string" } },
                { "type": "object", "additionalProperties": input },
            ] }),
        ),
        Key::new(
            "matrix",
            "Expands the step into an instance for each combination of the axes' values, which `${matrix.AXIS}` names; or the name of a step whose matrix this one shares.",
            json!({ "anyOf": [
                { "type": "object", "additionalProperties": or_placeholder(axis) },
                { "type": "string" },
            ] }),
        ),
        Key::new(
            "env",
            "Further environment variables that this step may name as `${env.NAME}`.",
            json!({ "type": "array", "items": { "type": "string" } }),
        ),
        Key::new(
            "seed",
            "The seed of this step. Default: the matrix axis `seed` if there is one, else the pipeline's.",
            or_placeholder(json!({ "type": "integer", "minimum": 0 })),
        ),
        Key::new(
            "resources",
            "What the step needs while it runs, where the kind does not know better: `{ cores = 2, memory = \"4 GB\", gpu = true, share_gpu = true }`. It never changes the result.",
            json!({
                "type": "object",
                "properties": {
                    "cores": or_placeholder(json!({ "type": "integer", "minimum": 1 })),
                    "memory": { "type": "string" },
                    "gpu": or_placeholder(json!({ "type": "boolean" })),
                    "share_gpu": or_placeholder(json!({ "type": "boolean" })),
                },
                "additionalProperties": false,
            }),
        ),
    ]
}

/// What names a pipeline or a step.
const NAME: &str = "^[A-Za-z0-9_-]{1,100}$";

/// The schema of pipeline files (JSON Schema, draft 2020-12), as they are once TOML is read as JSON.
pub fn file_schema() -> Json {
    let mut definitions: Map<String, Json> = Map::new();
    definitions.extend([placeholder()]);
    let mut by_op: BTreeMap<&str, Vec<&Kind>> = BTreeMap::new();
    for kind in kinds() {
        by_op.entry(kind.op).or_default().push(kind);
        let schema = kind_schema(kind, &mut definitions);
        definitions.insert(definition_of(kind), schema);
    }
    definitions.insert("step".to_owned(), step_schema(&by_op));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Pipeline",
        "description": "A pipeline of the engine: what is done to which texts, step by step.",
        "type": "object",
        "properties": {
            "pipeline": {
                "description": "What the pipeline is called, and what holds for all its steps.",
                "type": "object",
                "properties": properties(&pipeline_keys()),
                "required": ["name"],
                "additionalProperties": false,
            },
            "vars": {
                "description": "Values that `${vars.NAME}` stands for; `--set vars.NAME=VALUE` overrides them.",
                "type": "object",
            },
            "steps": {
                "description": "The steps, in any order.",
                "type": "object",
                "minProperties": 1,
                "patternProperties": { NAME: { "$ref": "#/$defs/step" } },
                "additionalProperties": false,
            },
        },
        "required": ["pipeline", "steps"],
        "additionalProperties": false,
        "$defs": definitions,
    })
}

fn properties(keys: &[Key]) -> Map<String, Json> {
    keys.iter().map(Key::property).collect()
}

fn definition_of(kind: &Kind) -> String {
    format!("step.{}", kind.name())
}

/// A step of one kind: its parameters and the keys that every step takes.
fn kind_schema(kind: &Kind, definitions: &mut Map<String, Json>) -> Json {
    let mut schema = embed(kind.schema(), &kind.name(), definitions);
    let mut keys = step_keys();
    keys.retain(|key| key.name != "method" || kind.method.is_some());
    let mut all = properties(&keys);
    all["op"] = json!({ "const": kind.op, "description": all["op"]["description"] });
    let mut required = vec![Json::from("op")];
    if let Some(method) = kind.method {
        all["method"] = json!({ "const": method, "description": all["method"]["description"] });
        if !kind.default_method {
            required.push(Json::from("method"));
        }
    }
    if let Some(Json::Object(parameters)) = schema.get("properties") {
        all.extend(parameters.clone());
    }
    if let Some(Json::Array(names)) = schema.get("required") {
        required.extend(names.iter().cloned());
    }
    schema["type"] = Json::from("object");
    schema["properties"] = Json::Object(all);
    schema["required"] = Json::Array(required);
    schema["additionalProperties"] = Json::Bool(false);
    schema
}

/// Any step: which one it is depends on `op`, and on `method` where there are several.
fn step_schema(by_op: &BTreeMap<&str, Vec<&Kind>>) -> Json {
    let mut cases = Vec::new();
    for (op, kinds) in by_op {
        let is_op = json!({ "properties": { "op": { "const": op } }, "required": ["op"] });
        if let [Kind { method: None, .. }] = kinds.as_slice() {
            let reference = format!("#/$defs/{}", definition_of(kinds[0]));
            cases.push(json!({ "if": is_op, "then": { "$ref": reference } }));
            continue;
        }
        let methods: Vec<&str> = kinds.iter().filter_map(|kind| kind.method).collect();
        let has_default = kinds.iter().any(|kind| kind.default_method);
        let required: &[&str] = if has_default { &[] } else { &["method"] };
        cases.push(json!({
            "if": is_op,
            "then": { "properties": { "method": { "enum": methods } }, "required": required },
        }));
        for kind in kinds {
            let reference = format!("#/$defs/{}", definition_of(kind));
            let required: &[&str] = if kind.default_method {
                &["op"]
            } else {
                &["op", "method"]
            };
            let is_kind = json!({
                "properties": { "op": { "const": op }, "method": { "const": kind.method } },
                "required": required,
            });
            cases.push(json!({ "if": is_kind, "then": { "$ref": reference } }));
        }
    }
    let ops: Vec<&&str> = by_op.keys().collect();
    json!({
        "type": "object",
        "properties": { "op": { "enum": ops } },
        "required": ["op"],
        "allOf": cases,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an independent validator finds wrong. It first holds the schema itself against its draft.
    fn error(toml: &str) -> Option<String> {
        let file: Json = toml::from_str(toml).unwrap();
        let mut compiler = boon::Compiler::new();
        compiler
            .add_resource("pipeline.json", file_schema())
            .unwrap();
        let mut schemas = boon::Schemas::new();
        let schema = compiler.compile("pipeline.json", &mut schemas).unwrap();
        let checked = schemas.validate(&file, schema);
        checked.err().map(|error| format!("{error:#}"))
    }

    #[test]
    fn a_sound_pipeline_fits() {
        let found = error(
            r#"
            [pipeline]
            name = "sound"
            seed = 1
            [vars]
            cores = 2
            [steps.a]
            op = "command"
            command = "echo ${matrix.n}"
            matrix = { n = [1, 2], m = "${vars.sizes}" }
            cores = "${vars.cores}"
            resources = { memory = "1 GB" }
            [steps.b]
            op = "command"
            input = { first = "a", rest = ["a", "a.stdout"] }
            matrix = "a"
            command = "cat"
            outputs = { table = "${vars.type}" }
            "#,
        );
        assert_eq!(found, None);
    }

    #[test]
    fn unknown_ops_keys_and_types_do_not_fit() {
        let with = |step: &str| format!("[pipeline]\nname = \"x\"\n[steps.a]\n{step}");
        for step in [
            "op = \"comand\"\ncommand = \"x\"",
            "op = \"command\"\ncommand = \"x\"\ncolour = 1",
            "op = \"command\"\ncommand = 3",
            "op = \"command\"\ncommand = \"x\"\ncores = \"two\"",
            "op = \"command\"\ncommand = \"x\"\nmethod = \"none\"",
            "op = \"command\"",
            "command = \"x\"",
        ] {
            assert!(error(&with(step)).is_some(), "{step}");
        }
        assert!(error("[pipeline]\n[steps.a]\nop = \"command\"\ncommand = \"x\"").is_some());
        assert!(error("[pipeline]\nname = \"x\"").is_some());
    }
}
