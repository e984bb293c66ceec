//! Hostile texts: they end in an error or a tree that can be walked, on the stack of an ordinary thread.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::time::{Duration, Instant};

use svcflow_influxql::{Fault, MAX_HEIGHT, MAX_NESTING, RegexError, Statement, parse};

/// Parses, prints, compares, copies and drops, each of which walks the tree.
fn walk(text: &str) -> Result<Vec<Statement>, Fault> {
    let statements = parse(text).map_err(|error| error.fault)?;
    let printed: Vec<_> = statements.iter().map(Statement::to_string).collect();
    assert_eq!(parse(&printed.join(";")).unwrap(), statements.clone());
    let _ = format!("{statements:?}");
    Ok(statements)
}

fn nested(count: usize, before: &str, inner: &str, after: &str) -> String {
    format!("SELECT a FROM m WHERE {}{inner}{}", before.repeat(count), after.repeat(count))
}

#[test]
fn nesting_ends_at_the_limit() {
    let subqueries = |count: usize| {
        format!("SELECT a FROM {}m{}", "(SELECT a FROM ".repeat(count), ")".repeat(count))
    };
    let texts: [&dyn Fn(usize) -> String; 6] = [
        &|count| nested(count, "(", "a", ")"),
        &|count| nested(count, "f(", "a", ")"),
        &|count| nested(count, "-(", "a", ")"),
        &|count| nested(count, "1 + 2 * (", "a", ") < 3 AND b OR c"),
        &|count| nested(count, "a OR b AND 1 < 2 + 3 * f(", "a", ", c)"),
        &subqueries,
    ];
    for text in texts {
        // Parentheses with operators around them reach the height first.
        let deepest = (1..=MAX_NESTING).rev().find(|count| walk(&text(*count)).is_ok()).unwrap();
        assert!(deepest >= MAX_HEIGHT / 6, "{deepest}");
        assert_eq!(walk(&text(deepest + 1)), Err(Fault::TooDeep));
        assert_eq!(walk(&text(200_000)), Err(Fault::TooDeep));
    }
    assert!(walk(&subqueries(MAX_NESTING)).is_ok());
}

#[test]
fn operators_in_a_row_end_at_the_limit() {
    for operator in ["+", "*", "=", "-", "|"] {
        let sum = |count: usize| {
            format!("SELECT a FROM m WHERE 1{}", format!(" {operator} 1").repeat(count))
        };
        assert!(walk(&sum(MAX_HEIGHT - 1)).is_ok(), "{operator}");
        assert_eq!(walk(&sum(MAX_HEIGHT)), Err(Fault::TooDeep));
        assert_eq!(walk(&sum(100_000)), Err(Fault::TooDeep));
    }
    let height = format!("SELECT a FROM m WHERE (1{}){}", " + 1".repeat(200), " + 1".repeat(200));
    assert_eq!(walk(&height), Err(Fault::TooDeep));
}

#[test]
fn long_lists_are_no_trees() {
    const COUNT: usize = 20_000;
    let conditions: Vec<_> =
        (0..COUNT).map(|i| format!("(ip = '10.0.{}.{}')", i / 256, i % 256)).collect();
    for operator in [" OR ", " AND "] {
        walk(&format!("SELECT a FROM m WHERE {}", conditions.join(operator))).unwrap();
    }
    let fields = vec!["mean(a)"; COUNT].join(", ");
    walk(&format!("SELECT {fields} FROM m")).unwrap();
    walk(&"SHOW DATABASES;".repeat(COUNT)).unwrap();
    walk(&format!("SELECT a FROM m GROUP BY {}", vec!["b"; COUNT].join(","))).unwrap();
}

/// Nothing looks again and again at what is left of the text.
#[test]
fn time_grows_with_the_text_only() {
    const SIZE: usize = 1_000_000;
    let texts = [
        "(".repeat(SIZE),
        "SELECT ".to_owned() + &"-".repeat(SIZE),
        "SELECT a".to_owned() + &" ".repeat(SIZE) + "FROM b",
        "SELECT a".to_owned() + &"/**/".repeat(SIZE / 4) + "FROM b",
        "SELECT a FROM /".to_owned() + &"\\".repeat(SIZE),
        "SELECT '".to_owned() + &"\\n".repeat(SIZE / 2),
        "SELECT 1".to_owned() + &"h1".repeat(SIZE / 2) + "h FROM a",
        "SELECT a".to_owned() + &".".repeat(SIZE),
        ";".repeat(SIZE),
        "\n".repeat(SIZE) + "x",
    ];
    let start = Instant::now();
    for text in texts {
        let _ = parse(&text);
    }
    // Quadratic would be minutes; half a second is usual without optimisation.
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

/// A few letters that stand for megabytes, again and again.
#[test]
fn regular_expressions_share_a_budget() {
    let conditions = |pattern: &str, count| {
        format!("SELECT a FROM m WHERE {}", vec![format!("b =~ /{pattern}/"); count].join(" OR "))
    };
    let too_large = Err(Fault::Regex(RegexError::TooLarge));
    assert!(parse(&conditions("(?i)^svc-[a-z]+$", 1000)).is_ok());
    assert_eq!(parse(&conditions("a", 10_000)).map_err(|error| error.fault), too_large);
    assert_eq!(parse(&conditions(r"\pL{200}", 100)).map_err(|error| error.fault), too_large);
    let addresses: Vec<_> = (0..5_000).map(|i| format!("10.0.{}.{}", i / 256, i % 256)).collect();
    assert!(parse(&conditions(&format!("^({})$", addresses.join("|")), 1)).is_ok());
}
