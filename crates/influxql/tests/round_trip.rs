//! Trees to text and back: what comes back is what went in.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod trees;

use proptest::prelude::*;
use svcflow_influxql::{Expr, Statement, parse};

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn statements_survive(statements in prop::collection::vec(trees::statement(), 1..4)) {
        let text = statements.iter().map(Statement::to_string).collect::<Vec<_>>().join("; ");
        match parse(&text) {
            Ok(parsed) => prop_assert_eq!(&parsed, &statements, "{}", text),
            Err(error) => prop_assert!(false, "{}", error.caret(&text)),
        }
    }

    /// Whatever the text, the answer is a tree or an error that lies within it.
    #[test]
    fn any_text_has_an_answer(text in prop_oneof![any::<String>(), trees::soup()]) {
        match parse(&text) {
            Ok(statements) => {
                let printed: Vec<_> = statements.iter().map(Statement::to_string).collect();
                prop_assert_eq!(parse(&printed.join(";")).ok(), Some(statements));
            }
            Err(error) => {
                prop_assert!(text.is_char_boundary(error.offset));
                prop_assert!(error.line >= 1 && error.character >= 1);
                let _ = error.caret(&text).to_string();
            }
        }
    }
}

/// The text that a node says it was parsed from parses to that node.
#[test]
fn spans_are_where_the_text_is() {
    let text =
        "SELECT /* é */ mean( a ) + -b::tag AS c , (d)\nFROM x . y\tWHERE e = 'é' AND f =~ /\\//";
    let text = text.replace("x . y", "db.rp.m");
    let [Statement::Select(select)] = &parse(&text).unwrap()[..] else { panic!("no SELECT") };
    let piece = |span: svcflow_influxql::Span| &text[span.range()];
    assert_eq!(piece(select.span), text);
    assert_eq!(piece(select.fields[0].span), "mean( a ) + -b::tag AS c");
    assert_eq!(piece(select.fields[1].span), "(d)");
    let Expr::Binary(sum) = &select.fields[0].expr else { panic!("no sum") };
    assert_eq!(piece(sum.span), "mean( a ) + -b::tag");
    assert_eq!(piece(sum.left.span()), "mean( a )");
    assert_eq!(piece(sum.right.span()), "-b::tag");
    let svcflow_influxql::Source::Measurement(m) = &select.from[0] else {
        panic!("no measurement")
    };
    assert_eq!(piece(m.span), "db.rp.m");
    let Some(Expr::Logic(and)) = &select.condition else { panic!("no AND") };
    assert_eq!(piece(and.span), "e = 'é' AND f =~ /\\//");
    assert_eq!(piece(and.operands[1].span()), "f =~ /\\//");
}
