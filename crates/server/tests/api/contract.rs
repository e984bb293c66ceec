//! `ui/openapi.json`, from which the page's types are made, is what the served types say (`UPDATE_OPENAPI=1` writes
//! it); that answers are as it says is tested with the page (`ui/tests/contract.test.ts`).

use std::path::Path;

use serde_json::Value;

use crate::bench::{Bench, demo};

fn description() -> Value {
    serde_json::from_str(&svcflow_server::openapi().unwrap()).unwrap()
}

#[test]
fn the_checked_in_description_is_up_to_date() {
    // At run time, since clones share a target folder.
    let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap();
    let file = Path::new(&package).join("../../ui/openapi.json");
    let made = svcflow_server::openapi().unwrap() + "\n";
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&file, &made).unwrap();
    }
    let there = std::fs::read_to_string(&file).unwrap_or_default();
    let place = there.lines().zip(made.lines()).position(|(there, made)| there != made);
    assert!(there == made, "differs from line {place:?} on: run it once with UPDATE_OPENAPI=1");
}

/// The properties that a schema says are there, and those that an answer has.
fn compare(description: &Value, schema: &Value, answer: &Value, place: &str) {
    let schema = match schema["$ref"].as_str() {
        Some(name) => description.pointer(name.trim_start_matches('#')).unwrap(),
        None => schema,
    };
    if let Some(one_of) = schema["oneOf"].as_array() {
        let other = one_of.iter().find(|it| it["type"] != "null").unwrap();
        if !answer.is_null() {
            compare(description, other, answer, place);
        }
        return;
    }
    match answer {
        Value::Object(there) if schema["properties"].is_object() => {
            let described = schema["properties"].as_object().unwrap();
            let mut required: Vec<&str> =
                schema["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            required.sort_unstable();
            let names: Vec<&str> = there.keys().map(String::as_str).collect();
            assert_eq!(names, required, "{place}");
            for (name, value) in there {
                compare(description, &described[name], value, &format!("{place}.{name}"));
            }
        }
        Value::Array(all) => {
            all.iter().for_each(|one| compare(description, &schema["items"], one, place));
        }
        _ => {}
    }
}

#[test]
fn every_property_that_is_described_is_there_and_no_other() {
    let (bench, description) = (Bench::start(), description());
    demo(&bench);
    bench.set_agents(vec![crate::live::agent("n1")], &[]);
    for (path, about) in description["paths"].as_object().unwrap() {
        let route = path.strip_prefix("/api/v1/").unwrap();
        let content = &about["get"]["responses"]["200"]["content"];
        let Some(json) = content.get("application/json") else { continue };
        let query = match route {
            "series" => "?id=clients~service:default:db",
            "map" => "?expand=service:default:db&expand=clients",
            _ => "",
        };
        compare(&description, &json["schema"], &bench.get(&format!("{route}{query}")), route);
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn walk(description: &Value, part: &Value) {
        match part {
            Value::Object(all) => {
                if let Some(name) = part["$ref"].as_str() {
                    assert!(description.pointer(name.trim_start_matches('#')).is_some(), "{name}");
                }
                all.values().for_each(|part| walk(description, part));
            }
            Value::Array(all) => all.iter().for_each(|part| walk(description, part)),
            _ => {}
        }
    }
    let description = description();
    walk(&description, &description);
}
