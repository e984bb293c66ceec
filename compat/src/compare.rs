//! When two answers are equal: key order and the wording of errors and messages aside, floats to 1e-12 relative, all else exactly.

use std::fmt;
use std::time::Duration;

use serde_json::{Deserializer, Value};

use crate::{Answer, Check};

/// How closely two answers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compare {
    /// Everything.
    #[default]
    Exact,
    /// Everything, but times as text may be ten seconds apart: for what the server's clock decides.
    Clock,
    /// The same keys, and values of the same types: for what is random, or the server's clock. Of an array only the
    /// first element is looked at, since its length may be the clock's.
    Shape,
    /// The status and headers only: for what the reference gets wrong.
    Status,
}

/// The first difference of two answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where it is, as in `results[0].series[1].values[3][1]`.
    pub path: String,
    /// What the reference has there.
    pub reference: String,
    /// What the server under test has there.
    pub subject: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n    influxd: {}\n    svcflow: {}", self.path, self.reference, self.subject)
    }
}

/// How far two floats may be apart, relative to the larger.
const FLOATS: f64 = 1e-12;
/// How far apart the same question may reach two servers on a busy machine.
const CLOCKS: Duration = Duration::from_secs(10);
/// Longer values are cut in a report.
const SHOWN: usize = 300;

/// The first difference that matters, if there is one.
pub fn compare(reference: &Answer, subject: &Answer, check: &Check) -> Option<Difference> {
    if reference.status != subject.status {
        let told = |answer: &Answer| format!("{} {}", answer.status, shown(&answer.body));
        return Some(difference("status", told(reference), told(subject)));
    }
    headers(reference, subject, check).or_else(|| match check.compare {
        Compare::Status => None,
        _ if worded(reference) => None,
        _ => bodies(reference, subject, check),
    })
}

/// An error in plain text, as of a route that is unknown: all of it is wording.
fn worded(reference: &Answer) -> bool {
    reference.status >= 400
        && reference.header("content-type").is_none_or(|kind| kind.starts_with("text/plain"))
}

fn headers(reference: &Answer, subject: &Answer, check: &Check) -> Option<Difference> {
    let of = |answer: &Answer, name: &str| answer.header(name).unwrap_or("(absent)").to_owned();
    let kinds = (of(reference, "content-type"), of(subject, "content-type"));
    if kinds.0 != kinds.1 && !worded(reference) {
        return Some(difference("header content-type", kinds.0, kinds.1));
    }
    let missing =
        |name: &&String| reference.header(name).is_some() != subject.header(name).is_some();
    let name = check.headers.iter().find(missing)?;
    Some(difference(&format!("header {name}"), of(reference, name), of(subject, name)))
}

fn bodies(reference: &Answer, subject: &Answer, check: &Check) -> Option<Difference> {
    let json = reference.header("content-type").is_some_and(|kind| kind.contains("json"));
    let (Some(ours), Some(theirs)) = (documents(&subject.body), documents(&reference.body)) else {
        return lines(&reference.body, &subject.body);
    };
    if !json {
        return lines(&reference.body, &subject.body);
    }
    let laid_out = |body: &str| body.trim_end().lines().count();
    if laid_out(&reference.body) != laid_out(&subject.body) && check.compare == Compare::Exact {
        let (r, s) = (shown(&reference.body), shown(&subject.body));
        if theirs.len() == ours.len() && theirs.iter().zip(&ours).all(|(a, b)| a == b) {
            return Some(difference("lines of the body", r, s));
        }
    }
    array("", &theirs, &ours, check.compare)
}

/// The JSON documents that a body is made of: one, or one for each chunk.
fn documents(body: &str) -> Option<Vec<Value>> {
    Deserializer::from_str(body).into_iter().collect::<Result<_, _>>().ok()
}

fn lines(reference: &str, subject: &str) -> Option<Difference> {
    // A table with an error in it: the wording is the second line.
    if reference.starts_with("error\n") && subject.starts_with("error\n") {
        return None;
    }
    let (mut theirs, mut ours) = (reference.lines(), subject.lines());
    for number in 1.. {
        match (theirs.next(), ours.next()) {
            (None, None) => break,
            (Some(r), Some(s)) if cells_equal(r, s) => {}
            (r, s) => {
                let told = |line: Option<&str>| line.map_or("(absent)".to_owned(), shown);
                return Some(difference(&format!("line {number}"), told(r), told(s)));
            }
        }
    }
    let ends = |body: &str| body.len() - body.trim_end_matches('\n').len();
    (ends(reference) != ends(subject)).then(|| {
        let told = |body: &str| format!("{} newlines", ends(body));
        difference("end of the body", told(reference), told(subject))
    })
}

fn cells_equal(reference: &str, subject: &str) -> bool {
    let number = |cell: &str| serde_json::from_str::<serde_json::Number>(cell).ok();
    let same = |(r, s): (&str, &str)| match (number(r), number(s)) {
        (Some(r), Some(s)) => numbers_equal(&r, &s),
        _ => r == s,
    };
    reference.split(',').count() == subject.split(',').count()
        && reference.split(',').zip(subject.split(',')).all(same)
}

fn values(path: &str, reference: &Value, subject: &Value, how: Compare) -> Option<Difference> {
    match (reference, subject) {
        (Value::Object(r), Value::Object(s)) => {
            for (key, theirs) in r {
                let place = format!("{path}.{key}");
                let Some(ours) = s.get(key) else {
                    return Some(difference(
                        &place,
                        shown(&theirs.to_string()),
                        "(absent)".to_owned(),
                    ));
                };
                // Where an error or a message stands is compared, its wording is not.
                let wording = matches!(key.as_str(), "error" | "text")
                    && theirs.is_string()
                    && ours.is_string();
                if let Some(found) = (!wording).then(|| values(&place, theirs, ours, how)).flatten()
                {
                    return Some(found);
                }
            }
            let (key, ours) = s.iter().find(|(key, _)| !r.contains_key(*key))?;
            let place = format!("{path}.{key}");
            Some(difference(&place, "(absent)".to_owned(), shown(&ours.to_string())))
        }
        (Value::Array(r), Value::Array(s)) => array(path, r, s, how),
        (Value::Number(r), Value::Number(s)) if how == Compare::Shape || numbers_equal(r, s) => {
            None
        }
        (r, s)
            if how == Compare::Shape && std::mem::discriminant(r) == std::mem::discriminant(s) =>
        {
            None
        }
        (Value::String(r), Value::String(s)) if how == Compare::Clock && close_times(r, s) => None,
        (r, s) if r == s => None,
        (r, s) => Some(difference(path, shown(&r.to_string()), shown(&s.to_string()))),
    }
}

fn array(path: &str, reference: &[Value], subject: &[Value], how: Compare) -> Option<Difference> {
    let looked_at = if how == Compare::Shape { 1 } else { usize::MAX };
    let pairs = reference.iter().zip(subject).enumerate().take(looked_at);
    let found =
        pairs.filter_map(|(index, (r, s))| values(&format!("{path}[{index}]"), r, s, how)).next();
    found.or_else(|| {
        let lengths = (reference.len(), subject.len());
        let same = if how == Compare::Shape {
            (lengths.0 == 0) == (lengths.1 == 0)
        } else {
            lengths.0 == lengths.1
        };
        let told = |array: &[Value]| {
            let text = serde_json::to_string(array).unwrap_or_default();
            format!("{} elements: {}", array.len(), shown(&text))
        };
        (!same).then(|| difference(path, told(reference), told(subject)))
    })
}

/// Whether both are times, no further apart than two servers' answers to one question.
fn close_times(reference: &str, subject: &str) -> bool {
    let time = |text| humantime::parse_rfc3339(text).ok();
    let (Some(r), Some(s)) = (time(reference), time(subject)) else { return false };
    r.duration_since(s).or_else(|_| s.duration_since(r)).is_ok_and(|apart| apart < CLOCKS)
}

/// Integers exactly, floats to 1e-12 relative. Where one of both is a float, `2` may be `1.9999999999999998`, but not
/// `2.0`: a client that tells integers from floats would see another type.
fn numbers_equal(reference: &serde_json::Number, subject: &serde_json::Number) -> bool {
    let float = |number: &serde_json::Number| number.as_f64().unwrap_or(f64::NAN);
    let (r, s) = (float(reference), float(subject));
    // "-0" is read as a float and is an integer all the same.
    let whole = |number: &serde_json::Number| !number.is_f64() || (float(number) == 0.0);
    match (whole(reference), whole(subject)) {
        (true, true) => reference == subject || (r == 0.0 && s == 0.0),
        (false, false) => near(r, s),
        _ => near(r, s) && r != s,
    }
}

fn near(a: f64, b: f64) -> bool {
    a == b || (a - b).abs() <= FLOATS * a.abs().max(b.abs())
}

fn difference(path: &str, reference: String, subject: String) -> Difference {
    let path = path.strip_prefix('.').unwrap_or(path);
    // One document is the usual case: its index says nothing.
    let path = path.strip_prefix("[0].").unwrap_or(path).to_owned();
    Difference { path, reference, subject }
}

fn shown(text: &str) -> String {
    let text = text.trim_end();
    match text.char_indices().nth(SHOWN) {
        None => text.to_owned(),
        Some((end, _)) => {
            format!("{}… ({} bytes)", text.get(..end).unwrap_or_default(), text.len())
        }
    }
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
