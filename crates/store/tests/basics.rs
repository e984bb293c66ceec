//! What is written is what is read.

mod common;

use common::{rows, store};
use svcflow_store::{Error, FieldType, FieldValue, TimeRange};

#[test]
fn rows_come_back_in_order_and_the_last_value_of_a_field_wins() {
    let (_folder, store) = store();
    let mut batch = store.batch("db", None).unwrap();
    let one = batch.series("m", &[("a", "1")]).unwrap();
    let two = batch.series("m", &[("a", "2")]).unwrap();
    let count = batch.field(one, "count", FieldType::Integer).unwrap();
    let name = batch.field(one, "name", FieldType::String).unwrap();
    let used = batch.field(two, "used", FieldType::Float).unwrap();
    batch
        .push(one, 20, &[(count, FieldValue::Integer(2)), (name, FieldValue::String("x"))])
        .unwrap();
    batch.push(one, 10, &[(count, FieldValue::Integer(1))]).unwrap();
    batch.push(two, 15, &[(used, FieldValue::Float(0.5))]).unwrap();
    batch.commit().unwrap();
    let mut batch = store.batch("db", None).unwrap();
    batch.push(one, 20, &[(count, FieldValue::Integer(3))]).unwrap();
    batch.push(one, 10, &[(name, FieldValue::String("y"))]).unwrap();
    batch.commit().unwrap();

    let snapshot = store.read("db").unwrap();
    let expected = [(0, 10, "1i \"y\" -"), (0, 20, "3i \"x\" -"), (1, 15, "- - 0.5")];
    let all = rows(&snapshot, "m", TimeRange::ALL);
    assert_eq!(all, expected.map(|(series, time, cells)| (series, time, cells.to_owned())));
    let some = rows(&snapshot, "m", TimeRange { first: 11, last: 19 });
    assert_eq!(some, [(1, 15, "- - 0.5".to_owned())]);
}

#[test]
fn a_field_keeps_its_type() {
    let (_folder, store) = store();
    let mut batch = store.batch("db", None).unwrap();
    let series = batch.series("m", &[]).unwrap();
    let count = batch.field(series, "count", FieldType::Integer).unwrap();
    assert!(matches!(
        batch.field(series, "count", FieldType::Float),
        Err(Error::FieldTypeConflict { there: FieldType::Integer, given: FieldType::Float, .. })
    ));
    let wrong = [(count, FieldValue::Float(1.0))];
    assert!(matches!(batch.push(series, 0, &wrong), Err(Error::PointInvalid { .. })));
    assert!(batch.is_empty());
}

#[test]
fn tags_find_their_series() {
    let (_folder, store) = store();
    let mut batch = store.batch("db", None).unwrap();
    let one = batch.series("m", &[("host", "a"), ("zone", "x")]).unwrap();
    let two = batch.series("m", &[("host", "b")]).unwrap();
    let other = batch.series("n", &[("host", "b")]).unwrap();
    assert_eq!(batch.series("m", &[("host", "b")]).unwrap(), two);
    assert!(other > two);

    let snapshot = store.read("db").unwrap();
    assert_eq!(snapshot.measurements().collect::<Vec<_>>(), ["m", "n"]);
    let measurement = snapshot.measurement("m").unwrap();
    assert_eq!(measurement.tag_keys().collect::<Vec<_>>(), ["host", "zone"]);
    let values: Vec<_> = measurement.tag_values("host").map(|(value, _)| value).collect();
    assert_eq!(values, ["a", "b"]);
    assert_eq!(measurement.series_with("zone", "x").iter().collect::<Vec<_>>(), [one.get()]);
    assert_eq!(measurement.series_with("zone", "").iter().collect::<Vec<_>>(), [two.get()]);
    assert_eq!(measurement.tags(one).collect::<Vec<_>>(), [("host", "a"), ("zone", "x")]);
}

/// As a list of all tags' values would sort them, whatever came and went in between.
#[test]
fn series_sorted_are_in_the_order_of_their_tags() {
    let (_folder, store) = store();
    let values = ["", "a", "aa", "b", "ü"];
    let mut gone = Vec::new();
    for number in 0_usize..200 {
        let digits = [number / 7 % 5, number % 5, number / 40];
        let tags = ["host", "port", "zone"].iter().zip(digits.map(|digit| values[digit]));
        let tags: Vec<_> =
            tags.map(|(key, value)| (*key, value)).filter(|tag| !tag.1.is_empty()).collect();
        let series = store.batch("db", None).unwrap().series("m", &tags).unwrap();
        if number.is_multiple_of(9) {
            gone.push(series);
        }
        if number.is_multiple_of(50) {
            let dropped = gone.drain(..).map(|series| series.get()).collect();
            store.drop_series("db", &dropped).unwrap();
        }
        let Some(measurement) = store.read("db").unwrap().measurement("m") else { continue };
        let keys = measurement.keys(["host", "nobody's", "port", "zone"].into_iter());
        let of = |id: u32| -> Vec<_> {
            measurement.values(svcflow_store::SeriesId::new(id), &keys).cloned().collect()
        };
        let mut sorted: Vec<u32> = measurement.series_all().iter().collect();
        sorted.sort_by_cached_key(|id| of(*id));
        assert_eq!(measurement.series_sorted(), sorted);
        if let Some(series) = measurement.series_all().max() {
            let tag = |key| measurement.tag(svcflow_store::SeriesId::new(series), key);
            let known =
                ["host", "nobody's", "port", "zone"].map(|key| tag(key).unwrap_or_default());
            assert!(of(series).iter().map(|value| &**value).eq(known));
        }
    }
}

#[test]
fn a_dropped_series_is_gone_and_its_id_is_void() {
    let (_folder, store) = store();
    let mut batch = store.batch("db", None).unwrap();
    let series = batch.series("m", &[]).unwrap();
    let field = batch.field(series, "f", FieldType::Boolean).unwrap();
    batch.push(series, 1, &[(field, FieldValue::Boolean(true))]).unwrap();
    batch.commit().unwrap();
    let generation = store.generation("db").unwrap();

    let mut late = store.batch("db", None).unwrap();
    late.push(series, 2, &[(field, FieldValue::Boolean(true))]).unwrap();
    store.drop_series("db", &[series.get()].into_iter().collect()).unwrap();
    assert!(matches!(late.commit(), Err(Error::SeriesDropped)));
    assert_ne!(store.generation("db").unwrap(), generation);
    assert!(store.read("db").unwrap().measurement("m").is_none());
    let mut again = store.batch("db", None).unwrap();
    assert_ne!(again.series("m", &[]).unwrap(), series);
}
