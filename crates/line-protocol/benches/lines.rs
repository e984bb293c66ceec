//! Lines a second of one core: this crate's two ways and the `influxdb-line-protocol` crate, over the same lines of
//! 7 tags and 4 integer fields in one run. `svcflow-line-protocol` gives values, the other crate too; both sum the
//! integers so that no work is dropped.
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]
#![allow(clippy::unwrap_used, reason = "a bench may fail loudly")]

use std::fmt::Write;
use std::hint::black_box;
use std::time::{Duration, Instant};

use svcflow_line_protocol::{Parser, Precision, SeriesKey, Value};

const LINES: u64 = 20_000;

fn batch(lines: u64) -> String {
    let mut text = String::new();
    for n in 0..lines {
        let (a, b) = (n / 250 % 250, n % 250);
        writeln!(
            text,
            "httpjson_svcstats,EndpointIP=11.1.{a}.{b},Node=node-{},Protocol=TCP,ProviderIP=10.1.{b}.{a},ProviderPort=80,\
             ServiceIP=100.1.1.{b},ServicePort=8080 BytesIn={}i,BytesOut={}i,PacketsIn={}i,PacketsOut={}i {}",
            n % 7,
            n * 1_000_003,
            n * 70_001,
            n * 701,
            n * 97,
            1_790_000_000_000_000_000 + n
        )
        .unwrap();
    }
    text
}

fn ours(mut parser: Parser<'_>) -> i64 {
    let mut sum = 0_i64;
    while let Some(line) = parser.next_line() {
        for field in line.unwrap().fields {
            if let Value::Integer(value) = field.value {
                sum = sum.wrapping_add(value);
            }
        }
    }
    sum
}

fn with_keys(mut parser: Parser<'_>) -> i64 {
    let mut sum = 0_i64;
    while let Some(line) = parser.next_line() {
        let line = line.unwrap();
        sum = sum.wrapping_add_unsigned(SeriesKey::parse(line.key).unwrap().tags.len() as u64);
        sum = sum.wrapping_add(line.timestamp);
    }
    sum
}

fn theirs(text: &str) -> i64 {
    let mut sum = 0_i64;
    for line in influxdb_line_protocol::parse_lines(text) {
        for (_, value) in line.unwrap().field_set {
            if let influxdb_line_protocol::FieldValue::I64(value) = value {
                sum = sum.wrapping_add(value);
            }
        }
    }
    sum
}

/// Runs for about a second and says the best round: other work on the machine only ever adds.
fn measure(name: &str, bytes: usize, mut round: impl FnMut() -> i64) {
    let (mut best, began) = (Duration::MAX, Instant::now());
    while began.elapsed() < Duration::from_secs(1) {
        let round_began = Instant::now();
        black_box(round());
        best = best.min(round_began.elapsed());
    }
    let seconds = best.as_secs_f64();
    println!(
        "{name:<44} {:>6.2} M lines/s  {:>6.0} MB/s",
        LINES as f64 / seconds / 1e6,
        bytes as f64 / seconds / 1e6
    );
}

fn main() {
    let text = batch(LINES);
    let bytes = text.len();
    println!("{LINES} lines of {} bytes", bytes as u64 / LINES);
    let parser = || Parser::new(black_box(text.as_bytes()), Precision::Nanosecond, 0);
    let exact = || Parser::exact(black_box(text.as_bytes()), Precision::Nanosecond, 0);
    assert_eq!(ours(parser()), theirs(&text));
    measure("svcflow-line-protocol", bytes, || ours(parser()));
    measure("svcflow-line-protocol, exact way only", bytes, || ours(exact()));
    measure("svcflow-line-protocol, every key taken apart", bytes, || with_keys(parser()));
    measure("influxdb-line-protocol 2.0.0", bytes, || theirs(black_box(&text)));
}
