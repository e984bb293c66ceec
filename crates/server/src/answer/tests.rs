//! Whole answers, as 1.6.7 gave them.

use std::sync::Arc;

use svcflow_query::{Column, ResultSink, SeriesFrame, Validity, Values};
use tokio::sync::mpsc;

use super::*;

struct Table {
    name: &'static str,
    tags: Vec<(&'static str, &'static str)>,
    columns: Vec<Arc<str>>,
    values: Vec<Column>,
    continues: bool,
}

impl Table {
    fn frame(&self) -> SeriesFrame<'_> {
        SeriesFrame {
            name: self.name,
            tags: &self.tags,
            columns: &self.columns,
            values: &self.values,
            rows: 0..self.values.first().map_or(0, |column| column.values.len()),
            continues: self.continues,
            zone: None,
        }
    }
}

fn all(values: Values) -> Column {
    Column { values, validity: Validity::All }
}

/// `SELECT * FROM m GROUP BY t`: `times.len()` rows of `v` and `w`.
fn rows(tag: &'static str, times: std::ops::Range<i64>, continues: bool) -> Table {
    let count = times.clone().count();
    let floats = times.clone().map(|time| time as f64).collect();
    Table {
        name: "m",
        tags: vec![("t", tag)],
        columns: ["time", "v", "w"].map(Into::into).to_vec(),
        values: vec![
            all(Values::Time(times.collect())),
            all(Values::Float(floats)),
            all(Values::Same("x".into(), count)),
        ],
        continues,
    }
}

/// Runs `write` on a thread that may block and collects what comes.
fn answered(
    form: Form,
    pretty: bool,
    write: impl FnOnce(&mut Answer) -> Result<(), SinkClosed> + Send + 'static,
) -> Result<String, BrokenOff> {
    let (sender, mut parts) = mpsc::channel(PARTS_WAITING);
    let writer = std::thread::spawn(move || {
        let mut answer = Answer::new(Output::new(sender, pretty, false), form);
        write(&mut answer).and_then(|()| answer.finish())
    });
    let mut all = Vec::new();
    while let Some(part) = parts.blocking_recv() {
        all.extend_from_slice(&part?.bytes);
    }
    writer.join().unwrap().unwrap();
    Ok(String::from_utf8(all).unwrap())
}

const JSON: Form = Form { csv: false, epoch: Epoch::Text, chunks: None };

fn chunks(rows: usize) -> Form {
    Form { chunks: Some(rows), ..JSON }
}

fn two_series(answer: &mut Answer) -> Result<(), SinkClosed> {
    answer.begin(0, Chunking::Rows);
    answer.frame(&rows("a", 0..2, false).frame())?;
    answer.frame(&rows("a", 2..3, true).frame())?;
    answer.frame(&rows("b", 0..3, false).frame())?;
    answer.end(&[])?;
    answer.begin(1, Chunking::Rows);
    answer.end(&[])
}

#[test]
fn one_document() {
    let expected = concat!(
        r#"{"results":[{"statement_id":0,"series":[{"name":"m","tags":{"t":"a"},"columns":["time","v","w"],"values":["#,
        r#"["1970-01-01T00:00:00Z",0,"x"],["1970-01-01T00:00:00.000000001Z",1,"x"],["1970-01-01T00:00:00.000000002Z",2,"x"]]},"#,
        r#"{"name":"m","tags":{"t":"b"},"columns":["time","v","w"],"values":["#,
        r#"["1970-01-01T00:00:00Z",0,"x"],["1970-01-01T00:00:00.000000001Z",1,"x"],["1970-01-01T00:00:00.000000002Z",2,"x"]]}]},"#,
        r#"{"statement_id":1}]}"#,
        "\n"
    );
    assert_eq!(answered(JSON, false, two_series).unwrap(), expected);
}

#[test]
fn only_a_frame_s_own_rows_are_written() {
    let write = |answer: &mut Answer| {
        let table = rows("a", 0..5, false);
        answer.begin(0, Chunking::Rows);
        answer.frame(&SeriesFrame { rows: 1..4, ..table.frame() })?;
        answer.end(&[])
    };
    let seconds = Form { epoch: Epoch::of("ns"), ..JSON };
    let text = answered(seconds, false, write).unwrap();
    assert!(text.contains("\"values\":[[1,1,\"x\"],[2,2,\"x\"],[3,3,\"x\"]]"), "{text}");
    let cut = answered(Form { chunks: Some(2), ..seconds }, false, write).unwrap();
    assert!(cut.contains("[[1,1,\"x\"],[2,2,\"x\"]]") && cut.contains("[[3,3,\"x\"]]"), "{cut}");
    let csv = answered(Form { csv: true, ..JSON }, false, write).unwrap();
    assert_eq!(csv, "name,tags,time,v,w\nm,t=a,1,1,x\nm,t=a,2,2,x\nm,t=a,3,3,x\n");
}

#[test]
fn chunks_of_rows() {
    let document = |tag: &str, rows: &str, ends: &str| {
        format!(
            r#"{{"results":[{{"statement_id":0,"series":[{{"name":"m","tags":{{"t":"{tag}"}},"columns":["time","v","w"],"values":[{rows}]{ends}"#
        ) + "\n"
    };
    let row = |n: usize| ["[0,0,\"x\"]", "[1,1,\"x\"]", "[2,2,\"x\"]"][n].to_owned();
    let more = r#","partial":true}],"partial":true}]}"#;
    let form = Form { epoch: Epoch::of("ns"), ..chunks(2) };
    let last = "{\"results\":[{\"statement_id\":1}]}\n";
    let expected = document("a", &(row(0) + "," + &row(1)), more)
        + &document("a", &row(2), r#"}],"partial":true}]}"#)
        + &document("b", &(row(0) + "," + &row(1)), more)
        + &document("b", &row(2), "}]}]}")
        + last;
    assert_eq!(answered(form, false, two_series).unwrap(), expected);
    let form = Form { epoch: Epoch::of("ns"), ..chunks(3) };
    let three = row(0) + "," + &row(1) + "," + &row(2);
    let expected =
        document("a", &three, r#"}],"partial":true}]}"#) + &document("b", &three, "}]}]}") + last;
    assert_eq!(answered(form, false, two_series).unwrap(), expected);
}

#[test]
fn chunks_of_series_and_of_nothing() {
    let write = |chunking| {
        move |answer: &mut Answer| {
            answer.begin(0, chunking);
            for name in ["m", "n"] {
                let columns = vec!["tagKey".into()];
                let values = vec![all(Values::String(vec!["a".into(), "b".into()]))];
                answer.frame(
                    &Table { name, tags: Vec::new(), columns, values, continues: false }.frame(),
                )?;
            }
            answer.end(&[])
        }
    };
    let series =
        |name| format!(r#"{{"name":"{name}","columns":["tagKey"],"values":[["a"],["b"]]}}"#);
    let document =
        |series: &str| format!("{{\"results\":[{{\"statement_id\":0,\"series\":[{series}]}}]}}\n");
    let (m, n) = (series("m"), series("n"));
    let cut = answered(chunks(1), false, write(Chunking::Series)).unwrap();
    assert_eq!(cut, document(&m) + &document(&n));
    let whole = answered(chunks(1), false, write(Chunking::Whole)).unwrap();
    assert_eq!(whole, document(&format!("{m},{n}")));
}

#[test]
fn errors_take_the_place_of_what_was_not_sent() {
    let write = |rows_before: i64| {
        move |answer: &mut Answer| {
            answer.begin(0, Chunking::Rows);
            answer.end(&[Message::warning("<".to_owned())])?;
            answer.begin(1, Chunking::Rows);
            answer.frame(&rows("a", 0..rows_before, false).frame())?;
            answer.fail("it \"broke\"")?;
            answer.begin(2, Chunking::Rows);
            answer.fail("not executed")
        }
    };
    let text = answered(JSON, false, write(3)).unwrap();
    let expected = concat!(
        r#"{"results":[{"statement_id":0,"messages":[{"level":"warning","text":"\u003c"}]},"#,
        r#"{"statement_id":1,"error":"it \"broke\""},{"statement_id":2,"error":"not executed"}]}"#,
        "\n"
    );
    assert_eq!(text, expected);
    let text = answered(JSON, false, write(9_999)).unwrap();
    assert!(text.contains(r#","series":[{"name":"m""#));
    let end = "9998,\"x\"]]}],\"error\":\"it \\\"broke\\\"\"},{\"statement_id\":2,\"error\":\"not executed\"}]}\n";
    assert!(text.ends_with(end), "{}", &text[text.len() - 200..]);
    let text = answered(chunks(2), false, write(3)).unwrap();
    assert!(text.contains("[\"1970-01-01T00:00:00.000000002Z\",2,\"x\"]]}],\"partial\":true}]}\n{\"results\":[{\"statement_id\":1,\"error\":"));
    let csv = Form { csv: true, ..JSON };
    let text = answered(csv, false, write(3)).unwrap();
    assert_eq!(text, "error\n\"it \"\"broke\"\"\"\n\nerror\nnot executed\n");
}

#[test]
fn a_cut_off_csv_does_not_look_whole() {
    let csv = Form { csv: true, ..JSON };
    let (sender, mut parts) = mpsc::channel(PARTS_WAITING);
    let writer = std::thread::spawn(move || {
        let mut answer = Answer::new(Output::new(sender, false, false), csv);
        answer.begin(0, Chunking::Rows);
        answer.frame(&rows("a", 0..9_999, false).frame())?;
        answer.fail("late")
    });
    let mut last = None;
    while let Some(part) = parts.blocking_recv() {
        last = Some(part);
    }
    assert!(matches!(last, Some(Err(BrokenOff))));
    assert_eq!(writer.join().unwrap(), Err(SinkClosed));
}

#[test]
fn long_series_are_marked_as_1_6_7_marks_them() {
    let write = |count: i64| {
        move |answer: &mut Answer| {
            answer.begin(0, Chunking::Rows);
            answer.frame(&rows("a", 0..count, false).frame())?;
            answer.end(&[])
        }
    };
    assert!(
        answered(JSON, false, write(10_001)).unwrap().ends_with("\"x\"]],\"partial\":true}]}]}\n")
    );
    assert!(answered(JSON, false, write(10_000)).unwrap().ends_with("\"x\"]]}]}]}\n"));
}

#[test]
fn nothing_asked_is_nothing_answered() {
    assert_eq!(answered(JSON, false, |_| Ok(())).unwrap(), "{}\n");
    let pretty = answered(JSON, true, |answer| {
        answer.begin(0, Chunking::Whole);
        answer.end(&[])
    });
    let expected =
        "{\n    \"results\": [\n        {\n            \"statement_id\": 0\n        }\n    ]\n}\n";
    assert_eq!(pretty.unwrap(), expected);
}

#[test]
fn values_that_are_not_there_or_not_numbers() {
    let write = |answer: &mut Answer| {
        let columns = ["time", "i", "f", "m"].map(Into::into).to_vec();
        let mask = |mask: [bool; 3]| Validity::Mask(mask.to_vec());
        let mixed = [
            svcflow_query::Scalar::Integer(0),
            svcflow_query::Scalar::String("t".into()),
            svcflow_query::Scalar::Boolean(true),
        ];
        let values = vec![
            all(Values::Time(vec![-1, 0, 1])),
            Column {
                values: Values::Integer(vec![i64::MIN, 0, i64::MAX]),
                validity: mask([true, false, true]),
            },
            all(Values::Float(vec![f64::NAN, f64::INFINITY, -0.0])),
            all(Values::Mixed(mixed.to_vec())),
        ];
        answer.begin(0, Chunking::Rows);
        let table = Table { name: "", tags: Vec::new(), columns, values, continues: false };
        answer.frame(&table.frame())?;
        answer.end(&[])
    };
    let text = answered(Form { epoch: Epoch::of("s"), ..JSON }, false, write).unwrap();
    let expected = concat!(
        r#"{"results":[{"statement_id":0,"series":[{"columns":["time","i","f","m"],"values":[[0,-9223372036854775808,null,0],"#,
        r#"[0,null,null,"t"],[0,9223372036854775807,-0,true]]}],"#,
        r#""messages":[{"level":"warning","text":"infinite values are shown as null: JSON has none"}]}]}"#,
        "\n"
    );
    assert_eq!(text, expected);
    let text = answered(Form { csv: true, ..JSON }, false, write).unwrap();
    let expected = "name,tags,time,i,f,m\n,,-1,-9223372036854775808,,0\n,,0,,+Inf,t\n,,1,9223372036854775807,-0,true\n";
    assert_eq!(text, expected);
}

#[test]
fn csv_has_a_header_wherever_columns_change() {
    let write = |answer: &mut Answer| {
        two_series(answer)?;
        answer.begin(2, Chunking::Whole);
        let columns = vec!["name".into()];
        let values = vec![all(Values::String(vec!["d,e".into()]))];
        let table =
            Table { name: "databases", tags: Vec::new(), columns, values, continues: false };
        answer.frame(&table.frame())?;
        answer.end(&[])
    };
    let expected = "name,tags,time,v,w\nm,t=a,0,0,x\nm,t=a,1,1,x\nm,t=a,2,2,x\nm,t=b,0,0,x\nm,t=b,1,1,x\nm,t=b,2,2,x\n\n\
                    name,tags,name\ndatabases,,\"d,e\"\n";
    assert_eq!(answered(Form { csv: true, ..JSON }, false, write).unwrap(), expected);
}
