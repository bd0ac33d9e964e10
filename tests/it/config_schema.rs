//! Compares the JSON Schema of the configuration with the parser. `tests/e2e/test_schema.py` validates configurations
//! with it.

use std::collections::BTreeSet;
use std::path::Path;

use cloudflare_aop_exporter::config::{Config, Files, Secrets};
use serde_json::Value;

use crate::support::program::{run, text};

const SCHEMA: &str = include_str!("../../deploy/config.schema.json");
/// A key that resembles no other, so that the parser's error lists the known keys.
const UNKNOWN: &str = "zzzzzzzzzzzz";

#[test]
fn every_table_of_the_schema_has_exactly_the_keys_of_the_parser() {
    let mut tables = Vec::new();
    visit(&serde_json::from_str(SCHEMA).unwrap(), "", &|toml| toml, &mut tables);
    let paths: BTreeSet<_> = tables.iter().map(|(path, ..)| path.as_str()).collect();
    let expected = [
        "",
        "account",
        "account.rate_limit",
        "account.zone",
        "account.zone.hostnames",
        "account.zone.hostnames.origin",
        "account.zone.hostnames.origins",
        "metrics",
        "poll",
        "probe",
        "server",
        "server.tls",
        "thresholds",
    ];
    assert_eq!(paths, expected.into());
    for (path, toml, keys) in &tables {
        assert_eq!(&known(path, toml), keys, "[{path}]");
    }
}

/// Wraps the TOML of a table in its parent tables.
type Wrap<'w> = &'w dyn Fn(String) -> String;

/// Collects each table of a schema: its path, a file in which it has an unknown key, and the keys that the schema has.
fn visit(schema: &Value, path: &str, wrap: Wrap<'_>, tables: &mut Vec<(String, String, BTreeSet<String>)>) {
    let alternatives = schema["anyOf"].as_array().into_iter().flatten();
    for alternative in alternatives.filter(|schema| schema.get("type").is_some()) {
        visit(alternative, path, wrap, tables);
    }
    if let Some(items) = schema.get("items") {
        visit(items, path, &|toml| wrap(format!("[{toml}]")), tables);
    }
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    assert_eq!(schema["additionalProperties"], false, "[{path}]");
    let table = |key: &str, toml: String| {
        if path.is_empty() { format!("{key} = {toml}") } else { format!("{{ {key} = {toml} }}") }
    };
    tables.push((
        path.to_owned(),
        wrap(table(UNKNOWN, "1".to_owned())),
        properties.keys().cloned().collect(),
    ));
    for (key, schema) in properties {
        assert!(schema["description"].is_string(), "{path}.{key} has no description");
        let beneath = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        visit(schema, &beneath, &|toml| wrap(table(key, toml)), tables);
    }
}

/// Returns the keys that the parser knows in the table at `path`, from its error about the unknown key.
fn known(path: &str, toml: &str) -> BTreeSet<String> {
    let errors = Config::parse(toml, Path::new("aop.toml"), Secrets::Skip, &|_| None, &mut Files::default());
    let errors = errors.unwrap_err().to_string();
    let key = if path.is_empty() { UNKNOWN.to_owned() } else { format!("{path}.{UNKNOWN}") };
    let error = format!("{key}: unknown key, expected one of ");
    let keys = errors.lines().find_map(|line| Some(line.split_once(&error)?.1));
    keys.unwrap_or_else(|| panic!("{toml}\n{errors}")).split(", ").map(str::to_owned).collect()
}

#[test]
fn the_printed_schema_has_the_url_in_the_example() {
    assert_eq!(text(&run(&["print", "schema"]).stdout), SCHEMA);
    let home = env!("CARGO_PKG_REPOSITORY").replace("github.com", "raw.githubusercontent.com");
    let directive = format!("#:schema {home}/main/deploy/config.schema.json\n");
    assert!(text(&run(&["print", "config"]).stdout).starts_with(&directive));
}
