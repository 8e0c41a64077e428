// SPDX-License-Identifier: MIT OR Apache-2.0
//! The schema of the tools' JSON, for the tests of each tool.
//!
//! The schema allows keys that it does not know, as readers must. Tests are stricter: the tools
//! print no key that the schema lacks.

#![forbid(unsafe_code)]

use std::cell::OnceCell;

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::{json, Value};

/// The text of the schema.
pub const SCHEMA: &str = include_str!("../../../docs/json.schema.json");

/// The schema as a JSON value.
///
/// # Errors
/// A text that is not JSON.
pub fn schema() -> Result<Value, serde_json::Error> {
    serde_json::from_str(SCHEMA)
}

/// Parses records, one a line, and compares each with the schema.
///
/// # Errors
/// The first line that is not a record, and the reason.
pub fn records(text: &str) -> Result<Vec<Value>, String> {
    text.lines()
        .map(|line| {
            let value = serde_json::from_str(line).map_err(|error| format!("{line}: {error}"))?;
            validate(&value).map_err(|error| format!("{line}: {error}"))?;
            Ok(value)
        })
        .collect()
}

/// Compares a record with the schema.
///
/// # Errors
/// The reason for which it is not a record of the schema.
pub fn validate(record: &Value) -> Result<(), String> {
    thread_local! {
        static VALIDATOR: OnceCell<Result<Validator, String>> = const { OnceCell::new() };
    }
    VALIDATOR.with(|validator| match validator.get_or_init(Validator::new) {
        Ok(validator) => validator.validate(record),
        Err(error) => Err(error.clone()),
    })
}

struct Validator {
    schemas: Schemas,
    index: SchemaIndex,
    /// The names of the records.
    records: Vec<String>,
}

impl Validator {
    fn new() -> Result<Self, String> {
        let mut schema = schema().map_err(|error| error.to_string())?;
        let records = record_names(&schema);
        if let Some(definitions) = schema.get_mut("$defs") {
            close(definitions);
        }
        let mut compiler = Compiler::new();
        let mut schemas = Schemas::new();
        compiler
            .add_resource("urn:daxfs:json:1", schema)
            .map_err(|error| error.to_string())?;
        let index = compiler
            .compile("urn:daxfs:json:1", &mut schemas)
            .map_err(|error| format!("{error:#}"))?;
        Ok(Self {
            schemas,
            index,
            records,
        })
    }

    fn validate(&self, record: &Value) -> Result<(), String> {
        let name = record["record"].as_str().unwrap_or_default();
        if !self.records.iter().any(|known| known == name) {
            return Err(format!("the schema has no record {name:?}"));
        }
        let result = self.schemas.validate(record, self.index);
        result.map_err(|error| format!("{error:#}"))
    }
}

/// The names of the records that a schema has.
#[must_use]
pub fn record_names(schema: &Value) -> Vec<String> {
    let cases = schema["allOf"].as_array().into_iter().flatten();
    let name = |case: &Value| {
        Some(
            case["if"]["properties"]["record"]["const"]
                .as_str()?
                .to_owned(),
        )
    };
    cases.filter_map(name).collect()
}

/// Refuses unknown keys of all objects.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.values_mut().for_each(close);
            if map.get("type") == Some(&json!("object")) {
                map.entry("additionalProperties").or_insert(json!(false));
            }
        }
        Value::Array(values) => values.iter_mut().for_each(close),
        _ => {}
    }
}
