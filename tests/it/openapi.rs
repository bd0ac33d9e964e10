//! Compares docs/openapi.json with the responses of the API, in both directions.

use std::collections::BTreeSet;
use std::fs;

use cloudflare_aop_exporter::domain::{
    Association, Demand, Expected, Finding, IssuerMatch, NoOrigin, Reason, SslMode, Status, Verdict,
};
use serde_json::{Value, json};

use crate::json::{get, served};

fn description() -> Value {
    serde_json::from_str(&fs::read_to_string("docs/openapi.json").unwrap()).unwrap()
}

/// Compares values with their schemas.
struct Comparison {
    description: Value,
    wrong: Vec<String>,
    /// The paths of fields that had a value in some response.
    seen: BTreeSet<String>,
}

impl Comparison {
    fn resolve(&self, schema: &Value) -> Value {
        match schema["$ref"].as_str() {
            Some(reference) => {
                self.description.pointer(reference.trim_start_matches('#')).expect("a schema").clone()
            }
            None => schema.clone(),
        }
    }

    fn compare(&mut self, path: &str, schema: &Value, value: &Value) {
        let schema = self.resolve(schema);
        if let Some(schemas) = schema["anyOf"].as_array() {
            let is_null = |schema: &&Value| schema["type"] == "null";
            assert!(schemas.iter().any(|schema| is_null(&schema)), "{path}: only null is an alternative");
            if let Some(schema) = schemas.iter().find(|schema| !is_null(schema)).filter(|_| !value.is_null())
            {
                self.compare(path, schema, value);
            }
            return;
        }
        if !value.is_null() {
            self.seen.insert(path.to_owned());
        }
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_f64() => "number",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let kinds = &schema["type"];
        let is_allowed = kinds == kind || kinds.as_array().is_some_and(|kinds| kinds.contains(&json!(kind)));
        let is_listed = schema["enum"].as_array().is_none_or(|values| values.contains(value));
        let is_date =
            schema["format"] != "date-time" || value.as_str().is_none_or(|text| text.ends_with('Z'));
        if !(is_allowed && is_listed && is_date) {
            self.wrong.push(format!("{path}: {value} does not match {schema}"));
        }
        for item in value.as_array().into_iter().flatten() {
            self.compare(&format!("{path}[]"), &schema["items"], item);
        }
        let Some(fields) = value.as_object() else { return };
        let described: BTreeSet<_> = schema["properties"].as_object().unwrap().keys().collect();
        let required = schema["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
        if required.collect::<BTreeSet<_>>() != described.iter().map(|name| name.as_str()).collect() {
            self.wrong.push(format!("{path}: expected all fields to be required"));
        }
        let answered: BTreeSet<_> = fields.keys().collect();
        for name in described.symmetric_difference(&answered) {
            self.wrong.push(format!("{path}.{name}: either not in the response or not described"));
        }
        for (name, field) in fields {
            self.compare(&format!("{path}.{name}"), &schema["properties"][name], field);
        }
    }
}

/// Collects the paths of all fields of a schema.
fn fields(comparison: &Comparison, path: &str, schema: &Value, found: &mut BTreeSet<String>) {
    let schema = comparison.resolve(schema);
    for schema in schema["anyOf"].as_array().into_iter().flatten() {
        fields(comparison, path, schema, found);
    }
    if schema["type"] == "null" || schema.get("anyOf").is_some() {
        return;
    }
    found.insert(path.to_owned());
    if schema["type"] == "array" {
        fields(comparison, &format!("{path}[]"), &schema["items"], found);
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        fields(comparison, &format!("{path}.{name}"), field, found);
    }
}

#[tokio::test]
async fn every_field_of_a_response_is_described_and_every_described_field_occurs() {
    let (served, description) = (served().await, description());
    let mut comparison =
        Comparison { description: description.clone(), wrong: vec![], seen: BTreeSet::new() };
    let mut described = BTreeSet::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        let schema = &item["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        comparison.compare(path, schema, &get(&served, path).await);
        if item["get"]["parameters"].is_array() {
            comparison.compare(path, schema, &get(&served, &format!("{path}?limit=1")).await);
        }
        fields(&comparison, path, schema, &mut described);
    }
    assert!(comparison.wrong.is_empty(), "{}", comparison.wrong.join("\n"));
    let never: Vec<_> = described.difference(&comparison.seen).collect();
    assert!(never.is_empty(), "described but never in a response with a value: {never:?}");
}

#[tokio::test]
async fn every_route_accepts_exactly_the_described_parameters() {
    let (served, description) = (served().await, description());
    for (path, item) in description["paths"].as_object().unwrap() {
        let refused = served.get(&format!("{path}?nothing=")).await;
        assert_eq!(refused.status, 400, "{path}");
        let Some(parameters) = item["get"]["parameters"].as_array() else { continue };
        let names: Vec<_> = parameters
            .iter()
            .map(|parameter| {
                let reference = parameter["$ref"].as_str().map(|reference| reference.trim_start_matches('#'));
                let parameter =
                    reference.map_or(parameter, |reference| description.pointer(reference).unwrap());
                parameter["name"].as_str().unwrap().to_owned()
            })
            .collect();
        let all = names.iter().map(|name| format!("{name}=")).collect::<Vec<_>>().join("&");
        assert_eq!(served.get(&format!("{path}?{all}")).await.status, 200, "{path}");
        let told = refused.text().replace(" or ", ", ");
        let told: BTreeSet<_> = told.split(&[' ', ','][..]).collect();
        assert!(names.iter().all(|name| told.contains(name.as_str())), "{path}: {told:?}");
        let sorts = parameters.iter().find(|parameter| parameter["name"] == "sort").unwrap();
        for sort in sorts["schema"]["enum"].as_array().unwrap() {
            let asked = format!("{path}?sort={}", sort.as_str().unwrap());
            assert_eq!(served.get(&asked).await.status, 200, "{asked}");
        }
    }
}

#[test]
fn the_described_values_equal_those_of_the_program() {
    let description = description();
    let listed = |pointer: &str| {
        let values = description.pointer(&format!("/components/schemas/{pointer}/enum")).unwrap();
        let values = values.as_array().unwrap().iter().filter_map(|value| Some(value.as_str()?.to_owned()));
        values.collect::<Vec<_>>()
    };
    assert_eq!(listed("Verdict"), Verdict::ALL.map(Verdict::label));
    assert_eq!(
        listed("Told/properties/severity"),
        Verdict::ALL[..4].iter().map(|verdict| verdict.label()).collect::<Vec<_>>()
    );
    assert_eq!(listed("Finding"), Finding::ALL.map(Finding::code));
    assert_eq!(listed("Failure"), Reason::ALL.map(Reason::label));
    assert_eq!(listed("Status"), Status::ALL.map(Status::label));
    assert_eq!(listed("Hostname/properties/association"), Association::ALL.map(Association::label));
    assert_eq!(listed("Origin/properties/demand"), Demand::ALL.map(Demand::label));
    assert_eq!(listed("NoOrigin/properties/reason"), NoOrigin::ALL.map(NoOrigin::label));
    let matches = [IssuerMatch::None, IssuerMatch::Normalised, IssuerMatch::Exact];
    assert_eq!(listed("Origin/properties/issuer_match"), matches.map(IssuerMatch::label));
    let expected = "Hostname/properties/expected/properties/association";
    assert_eq!(listed(expected), Expected::ALL.map(Expected::label));
    assert_eq!(listed("Zone/properties/ssl_mode"), SslMode::ALL.map(SslMode::label));
}
