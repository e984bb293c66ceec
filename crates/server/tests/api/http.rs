//! Refusals, authentication, the page and its headers.

use std::os::unix::fs::PermissionsExt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::bench::{Bench, demo};

const USERS: &str = r#"
[[user]]
name = "ann"
secret = "secret-of-ann-0123"
read = ["telegraf"]

[[user]]
name = "bob"
secret = "secret-of-bob-0123"
read = ["other"]
"#;

#[test]
fn a_wrong_question_is_told_what_was_expected_and_where() {
    let bench = Bench::start();
    demo(&bench);
    assert_eq!(
        bench.refused("map?filter=tier%3Ddb,"),
        (400, "the filter: expected a label's requirement, such as tier=db".to_owned(), Some(8))
    );
    assert_eq!(bench.refused("edges?filter=%C3%BC+%22open").2, Some(2), "in characters");
    for (asked, expected) in [
        ("map?from=x", "`from`: expected an integer"),
        ("map?limit=0", "`limit`: expected an integer from 1 to 500"),
        ("map?limit=501", "`limit`: expected an integer from 1 to 500"),
        ("map?group=label:", "`group`: expected"),
        ("map?group=pod", "`group`: expected"),
        ("map?from=5&until=5", "the range is empty"),
        ("map?until=1&from=2", "the range is empty"),
        ("series", "`id` is missing"),
        ("series?id=nonsense", "`nonsense` is no id"),
        ("series?id=all&points=1", "`points`: expected an integer from 2 to 2000"),
        ("series?id=all&side=left", "`side`: expected `served` or `asked`"),
        ("edges?sort=id", "`sort`: there is no column `id`"),
        ("edges?offset=-1", "`offset`: expected an integer, at least 0"),
        ("edges?format=xml", "`format`: expected `json` or `csv`"),
        ("edges?format=csv&columns=node,what", "`columns`: there is no column `what`"),
        ("edges?of=nothing", "`nothing` is no id"),
        ("topology?at=now", "`at`: expected an integer"),
    ] {
        let (status, message, position) = bench.refused(asked);
        assert_eq!((status, position), (400, None), "{asked}");
        assert!(message.contains(expected), "{asked}: {message}");
    }
    let long = "x".repeat(4_097);
    assert_eq!(bench.refused(&format!("map?filter={long}")).0, 400);
    let many: String = (0..201).map(|card| format!("&expand=endpoint:10.0.0.{card}")).collect();
    assert_eq!(bench.refused(&format!("map?{many}")).0, 400);
}

#[test]
fn answers_are_never_stored_and_compressed_where_that_is_wanted() {
    let bench = Bench::start();
    demo(&bench);
    let plain = bench.ask("/api/v1/map", &[]);
    assert_eq!(plain.header("cache-control"), "no-store");
    assert_eq!(
        (plain.header("content-type"), plain.header("content-encoding")),
        ("application/json", "")
    );
    let zipped = bench.ask("/api/v1/map", &[("Accept-Encoding", "gzip, br")]);
    assert_eq!(zipped.header("content-encoding"), "gzip");
    assert_eq!(zipped.json(), plain.json());
    assert!(zipped.body.len() * 2 < plain.body.len());
}

#[test]
fn the_page_is_served_with_its_headers() {
    let bench = Bench::start();
    let index = bench.ask("/", &[]);
    assert_eq!((index.status, index.header("content-type")), (200, "text/html; charset=utf-8"));
    assert_eq!(index.header("cache-control"), "no-cache");
    assert_eq!(
        index.header("content-security-policy"),
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; \
         connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let text = index.text();
    let script =
        text.split('"').find(|part| part.starts_with("./assets/") && part.ends_with(".js"));
    let script = script.unwrap().trim_start_matches('.');
    let asset = bench.ask(script, &[("Accept-Encoding", "gzip")]);
    assert_eq!(
        (asset.status, asset.header("content-type")),
        (200, "text/javascript; charset=utf-8")
    );
    assert_eq!(asset.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(asset.header("content-encoding"), "gzip");
    for (path, answer) in
        [("/", &index), (script, &asset), ("/api/v1/map", &bench.ask("/api/v1/map", &[]))]
    {
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
    }
    let again = bench.ask("/", &[("If-None-Match", index.header("etag"))]);
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(bench.ask("/assets/nothing.js", &[]).status, 404);
    assert_eq!(bench.ask("/assets/../../Cargo.toml", &[]).status, 404);
}

#[test]
fn pages_of_other_origins_get_no_data() {
    let bench = Bench::start();
    let foreign = [("Origin", "http://evil.example")];
    assert_eq!(bench.ask("/api/v1/map", &foreign).status, 403);
    assert_eq!(
        bench.ask("/", &[("Sec-Fetch-Site", "cross-site")]).status,
        200,
        "a link may lead here"
    );
}

#[test]
fn users_are_asked_for_where_there_are_some() {
    let bench = Bench::start_with(|config, folder| {
        let file = folder.path().join("users.toml");
        std::fs::write(&file, USERS).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        config.users_file = Some(file);
    });
    for path in ["/", "/api/v1/map", "/api/v1/live", "/theme.js"] {
        let refused = bench.ask(path, &[]);
        assert_eq!(refused.status, 401, "{path}");
        assert!(refused.header("www-authenticate").starts_with("Basic "), "{path}");
        assert!(refused.json()["error"]["message"].is_string(), "{path}");
    }
    let as_user = |path: &str, shown: &str| {
        let shown = format!("Basic {}", STANDARD.encode(shown));
        bench.ask(path, &[("Authorization", &shown)]).status
    };
    assert_eq!(as_user("/api/v1/map", "ann:secret-of-ann-0123"), 200);
    assert_eq!(as_user("/", "ann:secret-of-ann-0123"), 200);
    assert_eq!(as_user("/api/v1/map", "ann:secret-of-bob-0123"), 401);
    assert_eq!(as_user("/api/v1/map", "bob:secret-of-bob-0123"), 403, "another database is his");
    assert_eq!(as_user("/", "bob:secret-of-bob-0123"), 200);
    let token = [("Authorization", "Bearer secret-of-ann-0123")];
    assert_eq!(bench.ask("/api/v1/map", &token).status, 200);
}
