//! Deletions beside writes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use std::sync::Barrier;

use svcflow_query::{Cancel, Engine, Limits, ResultSink, SeriesFrame, Session, SinkClosed};
use svcflow_store::{Error, FieldType, FieldValue, Options, PolicySpec, Store};

struct Rows(usize);

impl ResultSink for Rows {
    fn frame(&mut self, frame: &SeriesFrame<'_>) -> Result<(), SinkClosed> {
        self.0 += frame.rows.len();
        Ok(())
    }
}

/// How many rows a statement answers.
fn rows(engine: &Engine, text: &str) -> usize {
    let session = Session { database: "db".to_owned(), ..Session::default() };
    let mut sink = Rows(0);
    for statement in &svcflow_influxql::parse(text).unwrap() {
        engine.execute(statement, &session, &mut sink, &Cancel::default()).unwrap();
    }
    sink.0
}

/// As the server does: what a drop took the series of is written again.
fn write(store: &Store, tag: &str, time: i64) {
    loop {
        let mut batch = store.batch("db", None).unwrap();
        let series = batch.series("m", &[("t", tag)]).unwrap();
        match batch.field(series, "f", FieldType::Integer) {
            Ok(field) => batch.push(series, time, &[(field, FieldValue::Integer(time))]).unwrap(),
            Err(Error::SeriesNotFound { .. }) => continue,
            Err(fault) => panic!("{fault}"),
        }
        match batch.commit() {
            Err(Error::SeriesDropped) => {}
            done => return done.unwrap(),
        }
    }
}

/// `DELETE` drops series of which nothing is left. A row that is acknowledged between the two is something.
#[test]
fn a_row_that_is_written_while_the_others_are_deleted_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Options::default()).unwrap();
    store.create_database("db", PolicySpec::new("autogen", None)).unwrap();
    let engine = Engine::new(store.clone(), Limits::default());
    let (begin, end) = (Barrier::new(2), Barrier::new(2));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..100 {
                begin.wait();
                write(&store, &round.to_string(), 2);
                end.wait();
            }
        });
        let mut lost = Vec::new();
        for round in 0..100 {
            write(&store, &round.to_string(), 1);
            begin.wait();
            rows(&engine, &format!("DELETE FROM m WHERE time = 1 AND t = '{round}'"));
            end.wait();
            let found = rows(&engine, &format!("SELECT f FROM m WHERE t = '{round}'"));
            lost.extend((found != 1).then_some((round, found)));
        }
        assert_eq!(lost, []);
    });
    // Of one that nobody writes to nothing is left.
    write(&store, "still", 1);
    assert_eq!(rows(&engine, "SHOW TAG VALUES FROM m WITH KEY = t"), 101);
    rows(&engine, "DELETE FROM m WHERE time = 1");
    assert_eq!(rows(&engine, "SHOW TAG VALUES FROM m WITH KEY = t"), 100);
}
