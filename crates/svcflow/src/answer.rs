//! Answers to InfluxQL, laid out for people.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::table::{self, left, right};

/// What a server answered.
#[derive(Debug, Deserialize)]
pub(crate) struct Results {
    #[serde(default)]
    results: Vec<Statement>,
}

#[derive(Debug, Deserialize)]
struct Statement {
    #[serde(default)]
    series: Vec<Series>,
    #[serde(default)]
    messages: Vec<Message>,
    error: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Message {
    text: String,
}

#[derive(Debug, Deserialize)]
struct Series {
    #[serde(default)]
    name: String,
    #[serde(default)]
    tags: std::collections::BTreeMap<String, String>,
    columns: Vec<String>,
    /// As sent, so that every digit stays.
    #[serde(default)]
    values: Vec<Vec<Box<RawValue>>>,
}

#[derive(Deserialize)]
struct Failed {
    error: String,
}

impl Results {
    pub(crate) fn read(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The first statement's error.
    pub(crate) fn error(&self) -> Option<&str> {
        self.results.iter().find_map(|statement| statement.error.as_deref())
    }
}

/// The error that is all of an answer.
pub(crate) fn error(text: &str) -> Option<String> {
    serde_json::from_str(text).ok().map(|failed: Failed| failed.error)
}

/// A table for each series, headed by its name and tags.
pub(crate) fn tables(results: &Results, colour: bool) -> String {
    let mut text = String::new();
    for statement in &results.results {
        for series in &statement.series {
            if !text.is_empty() {
                text.push('\n');
            }
            text += &heading(series);
            text += &rows(series, colour);
        }
        for message in &statement.messages {
            text += &format!("! {}\n", message.text);
        }
    }
    if text.is_empty() && results.error().is_none() {
        text.push_str("(nothing: no data, or nothing to tell)\n");
    }
    text
}

fn heading(series: &Series) -> String {
    let tags = series.tags.iter().map(|(key, value)| format!("{key}={value}"));
    let parts: Vec<_> = std::iter::once(series.name.clone()).chain(tags).collect();
    match parts.join("  ").trim_start() {
        "" => String::new(),
        heading => format!("{heading}\n"),
    }
}

fn rows(series: &Series, colour: bool) -> String {
    let is_number = |index: usize| {
        let mut cells =
            series.values.iter().filter_map(|row| row.get(index)).map(|cell| cell.get());
        cells.clone().any(|cell| cell != "null")
            && cells.all(|cell| !cell.starts_with(['"', 't', 'f']))
    };
    let columns: Vec<_> = series
        .columns
        .iter()
        .enumerate()
        .map(|(index, title)| if is_number(index) { right(title) } else { left(title) })
        .collect();
    let cells = |row: &Vec<Box<RawValue>>| row.iter().map(|value| cell(value.get())).collect();
    table::render(&columns, &series.values.iter().map(cells).collect::<Vec<_>>(), colour)
}

/// A text without its quotes; controls escaped, since they would move the cursor.
fn cell(json: &str) -> String {
    match json {
        "null" => String::new(),
        text if text.starts_with('"') => {
            let text: String = serde_json::from_str(text).unwrap_or_default();
            let escape = |c: char| {
                if c.is_control() { c.escape_default().to_string() } else { c.to_string() }
            };
            text.chars().map(escape).collect()
        }
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_for_each_series() {
        let text = r#"{"results":[{"statement_id":0,"series":[
            {"name":"m","tags":{"t":"a","u":"b"},"columns":["time","v","w","x"],"values":[
                ["1970-01-01T00:00:00Z",9223372036854775807,"two\nlines",null],["1970-01-01T00:00:01Z",null,"é",true]]},
            {"columns":["name"],"values":[["d"]]}]},
            {"statement_id":1,"messages":[{"level":"warning","text":"beware"}]}]}"#;
        let shown = tables(&Results::read(text).unwrap(), false);
        let expected = "m  t=a  u=b\n\
                        time                                    v  w           x\n\
                        1970-01-01T00:00:00Z  9223372036854775807  two\\nlines\n\
                        1970-01-01T00:00:01Z                       é           true\n\
                        \n\
                        name\n\
                        d\n\
                        ! beware\n";
        assert_eq!(shown, expected);
    }

    #[test]
    fn nothing_is_said_to_be_nothing() {
        assert!(tables(&Results::read("{}").unwrap(), false).starts_with("(nothing"));
        let failed = Results::read(r#"{"results":[{"statement_id":0,"error":"no"}]}"#).unwrap();
        assert_eq!((tables(&failed, false).as_str(), failed.error()), ("", Some("no")));
        assert_eq!(error("{\"error\":\"x\"}").as_deref(), Some("x"));
        assert_eq!(error("<html>"), None);
    }
}
