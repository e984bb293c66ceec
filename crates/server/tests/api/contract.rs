//! The routes are those of `ui/openapi.yaml`: paths, parameters, schemas; and `ui/openapi.json`, which is made
//! from the types that are served, is up to date (`UPDATE_OPENAPI=1` writes it).

use std::path::Path;

use serde_json::{Map, Value, json};

fn file(name: &str) -> std::path::PathBuf {
    // At run time, since clones share a target folder.
    let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap();
    Path::new(&package).join("../../ui").join(name)
}

fn contract() -> Value {
    let text = std::fs::read_to_string(file("openapi.yaml")).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

fn ours() -> Value {
    serde_json::from_str(&svcflow_server::openapi().unwrap()).unwrap()
}

#[test]
fn the_checked_in_description_is_up_to_date() {
    let made = svcflow_server::openapi().unwrap() + "\n";
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(file("openapi.json"), &made).unwrap();
    }
    let there = std::fs::read_to_string(file("openapi.json")).unwrap_or_default();
    assert_eq!(there, made, "run it once with UPDATE_OPENAPI=1");
}

#[test]
fn routes_parameters_and_schemas_are_those_of_the_contract() {
    let (contract, ours) = (contract(), ours());
    assert_eq!(routes(&contract), routes(&ours));
    let named =
        ["Map", "Series", "Edges", "Graph", "Topology", "Nodes", "Error", "Hello", "Tick", "Ping"];
    for name in named {
        let of = |document: &Value| {
            let schema = document["components"]["schemas"][name].clone();
            assert!(schema.is_object(), "{name}");
            normal(document, &schema)
        };
        same(name, &of(&contract), &of(&ours));
    }
    assert_eq!(contract["components"]["securitySchemes"], ours["components"]["securitySchemes"]);
}

/// Where two documents differ, which is easier to read than both.
fn same(place: &str, a: &Value, b: &Value) {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let [a, b] = [a, b].map(|it| it.get(key).unwrap_or(&Value::Null));
                same(&format!("{place}.{key}"), a, b);
            }
        }
        _ => assert_eq!(a, b, "{place}: contract and types differ"),
    }
}

/// Method, path, id, tag, and each parameter: name, place, whether it must be there, its schema.
fn routes(document: &Value) -> Value {
    let mut all = Map::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let parameters: Map<String, Value> =
                parameters.iter().map(|it| parameter(document, &resolved(document, it))).collect();
            let answers: Map<String, Value> = operation["responses"]
                .as_object()
                .unwrap()
                .iter()
                .map(|(status, it)| {
                    let it = resolved(document, it);
                    let content = it["content"].as_object().unwrap().iter();
                    let kinds = content.map(|(kind, it)| (kind.clone(), answer(&it["schema"])));
                    (status.clone(), Value::Object(kinds.collect()))
                })
                .collect();
            let operation = json!({
                "id": operation["operationId"], "tags": operation["tags"],
                "parameters": parameters, "answers": answers
            });
            all.insert(format!("{method} {path}"), operation);
        }
    }
    Value::Object(all)
}

/// Events may be listed in any order, and under a name of their own.
fn answer(schema: &Value) -> Value {
    match schema["$ref"].as_str() {
        Some(name) if name.ends_with("/Event") => json!("events"),
        Some(name) => json!(name),
        None if schema["oneOf"].is_array() => json!("events"),
        None => schema["type"].clone(),
    }
}

fn parameter(document: &Value, it: &Value) -> (String, Value) {
    let mut schema = normal(document, &it["schema"]);
    // A parameter that may be left out isn't null.
    if let Some(kinds) = schema["type"].as_array().cloned() {
        let kinds: Vec<Value> = kinds.into_iter().filter(|kind| kind != "null").collect();
        schema["type"] = kinds[0].clone();
    }
    let required = it["required"].as_bool().unwrap_or(false);
    let about = json!({"in": it["in"], "required": required, "schema": schema});
    (it["name"].as_str().unwrap().to_owned(), about)
}

fn resolved(document: &Value, it: &Value) -> Value {
    match it["$ref"].as_str() {
        Some(name) => document.pointer(name.trim_start_matches('#')).unwrap().clone(),
        None => it.clone(),
    }
}

/// A schema without prose, with every reference resolved, so that it doesn't matter which part has a name.
/// Null is a type among others.
fn normal(document: &Value, schema: &Value) -> Value {
    let schema = resolved(document, schema);
    let schema = if schema["$ref"].is_string() { resolved(document, &schema) } else { schema };
    if let Some(one_of) = schema["oneOf"].as_array() {
        let others: Vec<&Value> = one_of.iter().filter(|it| it["type"] != "null").collect();
        assert_eq!(others.len(), 1, "{schema}");
        let mut inner = normal(document, others[0]);
        if others.len() < one_of.len() {
            let kind = inner["type"].take();
            inner["type"] = json!([kind, "null"]);
        }
        return inner;
    }
    let mut made = Map::new();
    for key in [
        "type",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "maxItems",
        "minItems",
        "pattern",
        "default",
        "enum",
        "required",
    ] {
        if let Some(value) = schema.get(key).filter(|value| **value != json!([])) {
            made.insert(key.to_owned(), sorted(value));
        }
    }
    if let Some(all) = schema["properties"].as_object() {
        let all = all.iter().map(|(name, it)| (name.clone(), normal(document, it)));
        made.insert("properties".to_owned(), Value::Object(all.collect()));
    }
    for key in ["items", "additionalProperties"] {
        if schema[key].is_object() {
            made.insert(key.to_owned(), normal(document, &schema[key]));
        }
    }
    without_widths(&mut made);
    Value::Object(made)
}

/// Bounds that are a type's own, or that only one side can say, tell nothing.
fn without_widths(schema: &mut Map<String, Value>) {
    for key in ["minimum", "maximum"] {
        if let Some(bound) = schema.get(key).and_then(Value::as_f64) {
            let width = key == "maximum" && (bound == 255.0 || bound == 65_535.0);
            if width || bound == 0.0 {
                schema.remove(key);
            } else {
                schema.insert(key.to_owned(), json!(bound));
            }
        }
    }
    for key in ["minLength", "maxLength", "minItems", "maxItems"] {
        schema.remove(key);
    }
    if let Some(Value::Array(_)) = schema.get("prefixItems") {
        schema.remove("prefixItems");
    }
}

fn sorted(value: &Value) -> Value {
    let Value::Array(all) = value else { return value.clone() };
    let mut all = all.clone();
    all.sort_by_key(ToString::to_string);
    Value::Array(all)
}
