//! Arbitrary text as InfluxQL: it is refused at a place within it, or printed it parses to the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use svcflow_influxql::{Statement, parse};

fuzz_target!(|text: &str| match parse(text) {
    Ok(statements) => {
        let printed: Vec<_> = statements.iter().map(Statement::to_string).collect();
        let printed = printed.join("; ");
        match parse(&printed) {
            Ok(again) => assert!(again == without_passwords(statements), "{text:?}: {printed:?}"),
            Err(error) => panic!("{text:?}: {}", error.caret(&printed)),
        }
    }
    Err(error) => {
        assert!(text.is_char_boundary(error.offset), "{error}");
        let _ = error.caret(text).to_string();
    }
});

/// Passwords aren't printed, so what is printed has another.
fn without_passwords(mut statements: Vec<Statement>) -> Vec<Statement> {
    for statement in &mut statements {
        match statement {
            Statement::CreateUser(user) => user.password.0 = "[REDACTED]".to_owned(),
            Statement::SetPassword(user) => user.password.0 = "[REDACTED]".to_owned(),
            _ => {}
        }
    }
    statements
}
