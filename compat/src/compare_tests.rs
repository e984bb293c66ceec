use super::*;

fn answer(body: &str) -> Answer {
    let kind = ("Content-Type".to_owned(), "application/json".to_owned());
    Answer::new(200, [kind].into_iter(), body.to_owned())
}

fn first(reference: &str, subject: &str) -> Option<String> {
    compare(&answer(reference), &answer(subject), &Check::default()).map(|found| found.path)
}

#[test]
fn key_order_and_an_errors_wording_are_aside() {
    assert_eq!(first(r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#), None);
    assert_eq!(first(r#"{"error":"no such thing"}"#, r#"{"error":"not there"}"#), None);
    assert_eq!(first(r#"{"error":"no"}"#, r#"{"results":[]}"#).unwrap(), "error");
    assert_eq!(
        first(r#"{"results":[{"a":1}]}"#, r#"{"results":[{"a":1,"error":"no"}]}"#).unwrap(),
        "results[0].error"
    );
}

#[test]
fn integers_are_exact_and_floats_nearly() {
    assert_eq!(first("[9223372036854775807]", "[9223372036854775807]"), None);
    assert!(first("[9223372036854775807]", "[9223372036854775806]").is_some());
    assert!(first("[9223372036854775807]", "[9223372036854775807.0]").is_some());
    assert_eq!(first("[0.1]", "[0.10000000000000002]"), None);
    assert!(first("[0.1]", "[0.100000000001]").is_some());
    assert_eq!(first("[2]", "[1.9999999999999998]"), None);
    assert!(first("[2]", "[2.0]").is_some());
    assert_eq!(first("[100000000000000000000]", "[1e20]"), None);
    assert_eq!(first("[0]", "[-0]"), None);
    assert!(first("[0]", "[1e-300]").is_some());
}

#[test]
fn order_and_length_matter() {
    assert_eq!(first("[[1,2]]", "[[2,1]]").unwrap(), "[0][0][0]");
    assert_eq!(first(r#"{"v":[1,2]}"#, r#"{"v":[1]}"#).unwrap(), "v");
    assert_eq!(first("{}\n{}\n", "{}\n").unwrap(), "");
    assert_eq!(first("[null]", "[0]").unwrap(), "[0][0]");
}

#[test]
fn layout_is_compared_by_its_lines() {
    assert_eq!(first("{\n  \"a\": 1\n}\n", "{\"a\":1}\n").unwrap(), "lines of the body");
}

#[test]
fn tables_are_compared_cell_by_cell() {
    let table = |body: &str| {
        let kind = ("Content-Type".to_owned(), "text/csv".to_owned());
        Answer::new(200, [kind].into_iter(), body.to_owned())
    };
    let check = Check::default();
    assert_eq!(
        compare(&table("a,b\n1,0.1\n"), &table("a,b\n1,0.10000000000000002\n"), &check),
        None
    );
    assert_eq!(compare(&table("a,b\n1,2\n"), &table("a,b\n1,3\n"), &check).unwrap().path, "line 2");
    assert_eq!(compare(&table("a\n"), &table("a\n\n"), &check).unwrap().path, "line 2");
}

#[test]
fn an_error_in_plain_text_is_wording() {
    let with = |status, kind: &str, body: &str| {
        let kind = ("Content-Type".to_owned(), kind.to_owned());
        Answer::new(status, [kind].into_iter(), body.to_owned())
    };
    let check = Check::default();
    let theirs = with(404, "text/plain; charset=utf-8", "404 page not found\n");
    assert_eq!(compare(&theirs, &with(404, "application/json", "{}"), &check), None);
    assert!(compare(&theirs, &with(400, "application/json", "{}"), &check).is_some());
    let table = with(400, "text/csv", "error\nbad query\n");
    assert_eq!(compare(&table, &with(400, "text/csv", "error\nno query\n"), &check), None);
    assert!(compare(&table, &with(400, "text/csv", "name\nx\n"), &check).is_some());
}

#[test]
fn a_shape_has_keys_and_types() {
    let check = Check { compare: Compare::Shape, ..Check::default() };
    let found = |r: &str, s: &str| compare(&answer(r), &answer(s), &check);
    assert_eq!(found(r#"{"v":[[1,"a"],[2,"b"]]}"#, r#"{"v":[[7,"c"]]}"#), None);
    assert!(found(r#"{"v":[[1,"a"]]}"#, r#"{"v":[]}"#).is_some());
    assert!(found(r#"{"v":1}"#, r#"{"w":1}"#).is_some());
    assert!(found(r#"{"v":1}"#, r#"{"v":"1"}"#).is_some());
}

#[test]
fn status_and_headers_are_compared() {
    let at = |status: u16| Answer { status, ..answer("{}") };
    assert_eq!(compare(&at(404), &at(400), &Check::default()).unwrap().path, "status");
    let mut versioned = answer("{}");
    versioned.headers.insert("x-influxdb-version".to_owned(), "1.6.7".to_owned());
    assert_eq!(compare(&versioned, &answer("{}"), &Check::default()), None);
    let check = Check { headers: vec!["x-influxdb-version".to_owned()], ..Check::default() };
    assert_eq!(
        compare(&versioned, &answer("{}"), &check).unwrap().path,
        "header x-influxdb-version"
    );
}

#[test]
fn the_servers_clocks_may_be_seconds_apart() {
    let check = Check { compare: Compare::Clock, ..Check::default() };
    let found = |r: &str, s: &str| compare(&answer(r), &answer(s), &check);
    assert_eq!(found(r#"["2026-11-25T18:12:36.9Z"]"#, r#"["2026-11-25T18:12:38Z"]"#), None);
    assert!(found(r#"["2026-11-25T18:12:36Z"]"#, r#"["2026-11-25T18:13:36Z"]"#).is_some());
    assert!(found(r#"["2026-11-25T18:12:36Z"]"#, r#"["a"]"#).is_some());
    assert!(found("[1]", "[2]").is_some());
}
