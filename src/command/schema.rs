//! `thalweg schema`: the JSON schema of a job file, made of the registries and the defaults, for editors
//! that complete and check TOML.

use anyhow::Result;
use serde_json::{Map, Value, json};
use thalweg_common::config::{Draft, Registries, keys_of_sections};
use thalweg_common::feedback::FEEDBACKS;
use thalweg_common::optimizer::OPTIMIZERS;
use thalweg_common::regularizer::REGULARIZERS;
use thalweg_common::schedule::SCHEDULES;
use thalweg_worker::data::DATASETS;
use thalweg_worker::method::METHODS;
use thalweg_worker::model::MODELS;
use thalweg_worker::transform::TRANSFORMS;
use toml::Table;

use super::{Ending, say};

/// Prints the schema.
pub(super) fn run() -> Result<Ending> {
    say(&serde_json::to_string_pretty(&schema())?);
    Ok(Ending::Done)
}

/// An entry of a registry: its name, what it is, and its keys with their defaults as TOML.
type Entry = (&'static str, &'static str, &'static str);

fn schema() -> Value {
    let defaults = Draft::parse("defaults", "[optimizer]\nlr = 0.1\n").expect("this is TOML");
    let job = defaults
        .check(&Registries::UNCHECKED)
        .expect("a job of defaults is right");
    let defaults: Table = job.to_toml().parse().expect("a job is TOML");
    let mut sections = Map::new();
    for (section, keys) in keys_of_sections() {
        let known = defaults.get(section).and_then(toml::Value::as_table);
        let property = |key: &&str| {
            let default = known.and_then(|known| known.get(*key));
            (
                (*key).to_owned(),
                default.map_or_else(|| without_default(section, key), property),
            )
        };
        let properties: Map<String, Value> = keys.iter().map(property).collect();
        let schema = match entries(section) {
            Some(entries) => with_entries(properties, &entries),
            None if section == "schedules" => json!({ "type": "object" }),
            None => json!({
                "type": "object", "properties": properties, "additionalProperties": false
            }),
        };
        match section.split_once('.') {
            None => drop(sections.insert(section.to_owned(), schema)),
            // What the launcher writes of the data.
            Some((outer, inner)) => {
                sections[outer]["properties"][inner] = schema;
            }
        }
    }
    sections["regularizer"]["properties"]["terms"] = list(&entries("terms").unwrap_or_default());
    sections["gradient"]["properties"]["transforms"] =
        list(&entries("transforms").unwrap_or_default());
    for key in ["name", "seed"] {
        sections.insert(key.to_owned(), property(&defaults[key]));
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A Thalweg job",
        "type": "object",
        "properties": sections,
        "additionalProperties": false,
    })
}

/// What the sections and lists whose `name` chooses an entry may hold.
fn entries(section: &str) -> Option<Vec<Entry>> {
    Some(match section {
        "data" => DATASETS.iter().map(|e| (e.name, e.about, e.keys)).collect(),
        "model" => MODELS.iter().map(|e| (e.name, e.about, e.keys)).collect(),
        "optimizer" => {
            let entry = |e: &thalweg_common::optimizer::OptimizerEntry| {
                (e.name, e.about.formula, e.about.defaults)
            };
            OPTIMIZERS.iter().map(entry).collect()
        }
        "schedule" => SCHEDULES
            .iter()
            .map(|e| (e.name, e.formula, e.defaults))
            .collect(),
        "feedback" => FEEDBACKS
            .iter()
            .map(|e| (e.name, e.formula, e.defaults))
            .collect(),
        "terms" => REGULARIZERS
            .iter()
            .map(|e| (e.name, e.formula, e.defaults))
            .collect(),
        "transforms" => TRANSFORMS
            .iter()
            .map(|e| (e.name, e.formula, e.defaults))
            .collect(),
        "method" => METHODS.iter().map(|e| (e.name, e.about, "")).collect(),
        _ => return None,
    })
}

fn list(entries: &[Entry]) -> Value {
    let tensors = json!({ "type": "array", "items": { "type": "string" }, "minItems": 1 });
    let own = Map::from_iter([("tensors".to_owned(), tensors)]);
    json!({ "type": "array", "items": with_entries(own, entries) })
}

/// A table whose `name` is one of the entries', with the keys of that entry.
fn with_entries(mut properties: Map<String, Value>, entries: &[Entry]) -> Value {
    let names: Vec<_> = entries
        .iter()
        .map(|(name, about, _)| json!({ "const": name, "description": about }))
        .collect();
    properties.insert("name".to_owned(), json!({ "oneOf": names }));
    let chosen: Vec<_> = entries
        .iter()
        .map(|(name, _, keys)| {
            let keys: Table = keys.parse().unwrap_or_default();
            let own: Map<String, Value> = keys
                .iter()
                .map(|(key, value)| (key.clone(), property(value)))
                .collect();
            json!({
                "if": { "properties": { "name": { "const": name } }, "required": ["name"] },
                "then": { "properties": own },
            })
        })
        .collect();
    json!({ "type": "object", "properties": properties, "allOf": chosen })
}

/// The type of a value and the value as its default.
fn property(value: &toml::Value) -> Value {
    let default = serde_json::to_value(value).unwrap_or_default();
    match value {
        toml::Value::String(_) => json!({ "type": "string", "default": default }),
        toml::Value::Boolean(_) => json!({ "type": "boolean", "default": default }),
        toml::Value::Integer(_) | toml::Value::Float(_) => {
            json!({ "type": ["number", "string"], "default": default })
        }
        toml::Value::Array(_) => json!({ "type": "array", "default": default }),
        toml::Value::Table(_) | toml::Value::Datetime(_) => json!({ "default": default }),
    }
}

/// The keys that have no default.
fn without_default(section: &str, key: &str) -> Value {
    match (section, key) {
        ("train", "class_weight") => json!({ "type": ["string", "object"] }),
        ("model", _) | ("data.resolved", "hash") => json!({ "type": "string" }),
        ("data.resolved", "fields") => json!({ "type": "array" }),
        _ => json!({ "type": "number" }),
    }
}

#[cfg(test)]
mod tests {
    use super::schema;

    #[test]
    fn the_schema_knows_every_section_entry_and_key() {
        let schema = schema();
        let properties = &schema["properties"];
        assert_eq!(properties["train"]["properties"]["epochs"]["default"], 1.0);
        assert_eq!(
            properties["train"]["properties"]["seconds"]["type"],
            "number"
        );
        assert_eq!(properties["train"]["additionalProperties"], false);
        assert_eq!(
            properties["data"]["properties"]["resolved"]["type"],
            "object"
        );
        let adam = properties["optimizer"]["allOf"].as_array().unwrap();
        let adam = adam
            .iter()
            .find(|entry| entry["if"]["properties"]["name"]["const"] == "adam");
        assert_eq!(adam.unwrap()["then"]["properties"]["eps"]["default"], 1e-8);
        let terms = &properties["regularizer"]["properties"]["terms"]["items"]["allOf"];
        assert!(terms.as_array().unwrap().len() > 5);
    }
}
