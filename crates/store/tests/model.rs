//! Whatever is done to a store, reading it gives what a plain map would.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use svcflow_store::{
    Block, FieldId, FieldType, FieldValue, Options, Order, PolicySpec, RoaringBitmap, ScanRequest,
    SeriesId, Store, TimeRange, ValueSummary,
};

const HOUR: i64 = 3_600_000_000_000;
const KINDS: [FieldType; 4] =
    [FieldType::Integer, FieldType::Float, FieldType::String, FieldType::Boolean];

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Integer(i64),
    Float(f64),
    String(String),
    Boolean(bool),
}

impl Value {
    fn as_field(&self) -> FieldValue<'_> {
        match self {
            Self::Integer(value) => FieldValue::Integer(*value),
            Self::Float(value) => FieldValue::Float(*value),
            Self::String(value) => FieldValue::String(value),
            Self::Boolean(value) => FieldValue::Boolean(*value),
        }
    }
}

#[derive(Clone, Debug)]
struct Point {
    series: u8,
    time: i64,
    /// By the field's number.
    values: BTreeMap<u8, Value>,
}

#[derive(Clone, Debug)]
enum Step {
    Write(Vec<Point>),
    /// Many points of one series, one after the other.
    Fill {
        series: u8,
        from: i64,
        count: u16,
    },
    Flush,
    Merge,
    Delete {
        series: u8,
        range: TimeRange,
    },
    DropSeries(u8),
    Reopen,
}

fn time() -> impl Strategy<Value = i64> {
    // A few instants again and again, around the borders of partitions.
    prop_oneof![
        8 => (-3..40_i64).prop_map(|at| at * HOUR / 8),
        1 => any::<i32>().prop_map(i64::from),
        1 => prop_oneof![Just(svcflow_store::FIRST_TIME), Just(svcflow_store::LAST_TIME)],
    ]
}

fn value(field: u8) -> BoxedStrategy<Value> {
    match field {
        0 => prop_oneof![any::<i64>(), 0..5_i64].prop_map(Value::Integer).boxed(),
        1 => prop_oneof![
            any::<f64>().prop_filter("finite", |it| it.is_finite()),
            (0..5_i32).prop_map(f64::from)
        ]
        .prop_map(Value::Float)
        .boxed(),
        2 => "[a-c]{0,2}".prop_map(Value::String).boxed(),
        _ => any::<bool>().prop_map(Value::Boolean).boxed(),
    }
}

fn point() -> impl Strategy<Value = Point> {
    let one = (0..4_u8).prop_flat_map(|field| value(field).prop_map(move |value| (field, value)));
    let values = proptest::collection::vec(one, 1..4).prop_map(|it| it.into_iter().collect());
    (0..4_u8, time(), values).prop_map(|(series, time, values)| Point { series, time, values })
}

fn range() -> impl Strategy<Value = TimeRange> {
    prop_oneof![
        Just(TimeRange::ALL),
        (time(), time())
            .prop_map(|(one, other)| TimeRange { first: one.min(other), last: one.max(other) }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => proptest::collection::vec(point(), 1..40).prop_map(Step::Write),
        1 => (0..4_u8, time(), 1..2_500_u16).prop_map(|(series, from, count)| Step::Fill { series, from, count }),
        3 => Just(Step::Flush),
        2 => Just(Step::Merge),
        1 => (0..4_u8, range()).prop_map(|(series, range)| Step::Delete { series, range }),
        1 => (0..4_u8).prop_map(Step::DropSeries),
        2 => Just(Step::Reopen),
    ]
}

type Rows = BTreeMap<i64, BTreeMap<u8, Value>>;

/// The store, and what it should hold.
struct Pair {
    folder: tempfile::TempDir,
    store: Option<Store>,
    model: BTreeMap<u8, Rows>,
}

fn open(folder: &std::path::Path) -> Store {
    let options = Options { background: false, ..Options::default() };
    Store::open(folder, options).unwrap()
}

fn name(series: u8) -> String {
    format!("{series}")
}

impl Pair {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let policy =
            PolicySpec { shard_duration: Duration::from_secs(3600), ..PolicySpec::new("p", None) };
        store.create_database("db", policy).unwrap();
        Self { folder, store: Some(store), model: BTreeMap::new() }
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    fn id(&self, series: u8) -> Option<SeriesId> {
        let snapshot = self.store().read("db").unwrap();
        let measurement = snapshot.measurement("m")?;
        measurement.series_with("s", &name(series)).iter().next().map(SeriesId::new)
    }

    fn write(&mut self, points: &[Point]) {
        let mut batch = self.store().batch("db", None).unwrap();
        for point in points {
            let series = batch.series("m", &[("s", &name(point.series))]).unwrap();
            let fields: Vec<(FieldId, FieldValue<'_>)> = point
                .values
                .iter()
                .map(|(field, value)| {
                    let kind = KINDS[usize::from(*field)];
                    (batch.field(series, &name(*field), kind).unwrap(), value.as_field())
                })
                .collect();
            batch.push(series, point.time, &fields).unwrap();
        }
        batch.commit().unwrap();
        for point in points {
            let rows = self.model.entry(point.series).or_default();
            rows.entry(point.time).or_default().extend(point.values.clone());
        }
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Write(points) => self.write(&points),
            Step::Fill { series, from, count } => {
                let points: Vec<Point> = (0..i64::from(count))
                    .map(|at| Point {
                        series,
                        time: from.saturating_add(at * 1_000_000_000).min(svcflow_store::LAST_TIME),
                        values: [(0, Value::Integer(at * at))].into(),
                    })
                    .collect();
                self.write(&points);
            }
            Step::Flush => self.store().flush().unwrap(),
            Step::Merge => drop(self.store().merge().unwrap()),
            Step::Delete { series, range } => {
                if let Some(id) = self.id(series) {
                    self.store().delete("db", &[id.get()].into_iter().collect(), range).unwrap();
                }
                if let Some(rows) = self.model.get_mut(&series) {
                    rows.retain(|time, _| !range.contains(*time));
                }
            }
            Step::DropSeries(series) => {
                if let Some(id) = self.id(series) {
                    self.store().drop_series("db", &[id.get()].into_iter().collect()).unwrap();
                }
                self.model.remove(&series);
            }
            Step::Reopen => {
                self.store = None;
                self.store = Some(open(self.folder.path()));
            }
        }
    }

    /// Reads these fields of the range and compares.
    fn check(&self, range: TimeRange, asked: &[u8], order: Order) {
        let snapshot = self.store().read("db").unwrap();
        let Some(measurement) = snapshot.measurement("m") else {
            assert!(self.model.values().all(BTreeMap::is_empty));
            return;
        };
        let fields = measurement.fields(None).unwrap();
        let known: Vec<(u8, FieldId)> = asked
            .iter()
            .filter_map(|number| {
                let field = fields.iter().find(|field| *field.name == *name(*number))?;
                Some((*number, field.id))
            })
            .collect();
        let ids: Vec<FieldId> = known.iter().map(|(_, id)| *id).collect();
        let all: RoaringBitmap = measurement.series_all().clone();
        let request = ScanRequest { policy: None, series: &all, fields: &ids, range, order };
        let mut scan = snapshot.scan(&request).unwrap();
        let mut found: BTreeMap<u8, Rows> = BTreeMap::new();
        let mut block = Block::default();
        let mut last_series = None;
        while let Some(series) = scan.next_series().unwrap() {
            assert!(last_series < Some(series), "series come in order");
            last_series = Some(series);
            let number: u8 = measurement.tag(series, "s").unwrap().parse().unwrap();
            let mut before: Option<TimeRange> = None;
            while let Some(chunk) = scan.next_chunk().unwrap() {
                let span = chunk.range();
                if let Some(before) = before {
                    match order {
                        Order::Ascending => assert!(before.last < span.first),
                        Order::Descending => assert!(span.last < before.first),
                    }
                }
                before = Some(span);
                chunk.decode(&mut block).unwrap();
                assert!(block.rows() <= chunk.rows());
                assert!(block.times.is_sorted_by(|one, next| one < next));
                for (at, column) in block.columns.iter().enumerate() {
                    check_summary(&chunk, at, &block, column);
                }
                let rows = found.entry(number).or_default();
                for (row, time) in block.times.iter().enumerate() {
                    assert!(span.contains(*time) && range.contains(*time));
                    let cells =
                        block.columns.iter().zip(&known).filter_map(|(column, (number, _))| {
                            let value = match column.get(row)? {
                                FieldValue::Integer(value) => Value::Integer(value),
                                FieldValue::Float(value) => Value::Float(value),
                                FieldValue::String(value) => Value::String(value.to_owned()),
                                FieldValue::Boolean(value) => Value::Boolean(value),
                            };
                            Some((*number, value))
                        });
                    let cells: BTreeMap<u8, Value> = cells.collect();
                    assert!(!cells.is_empty(), "a row without a value that was asked for");
                    assert!(rows.insert(*time, cells).is_none(), "a row twice");
                }
            }
        }
        found.retain(|_, rows| !rows.is_empty());
        let numbers: Vec<u8> = known.iter().map(|(number, _)| *number).collect();
        assert_eq!(found, self.expected(range, &numbers));
    }

    fn expected(&self, range: TimeRange, asked: &[u8]) -> BTreeMap<u8, Rows> {
        let mut expected = BTreeMap::new();
        for (series, rows) in &self.model {
            let rows =
                rows.iter().filter(|(time, _)| range.contains(**time)).map(|(time, cells)| {
                    let cells = cells.iter().filter(|(field, _)| asked.contains(field));
                    (
                        *time,
                        cells
                            .map(|(field, value)| (*field, value.clone()))
                            .collect::<BTreeMap<_, _>>(),
                    )
                });
            let rows: Rows = rows.filter(|(_, cells)| !cells.is_empty()).collect();
            if !rows.is_empty() {
                expected.insert(*series, rows);
            }
        }
        expected
    }
}

/// A summary says of the field what its values say.
fn check_summary(
    chunk: &svcflow_store::Chunk,
    at: usize,
    block: &Block,
    column: &svcflow_store::Column,
) {
    let Some(summary) = chunk.summary(at) else { return };
    let rows: Vec<usize> = (0..block.rows()).filter(|row| column.get(*row).is_some()).collect();
    assert_eq!(summary.count, rows.len() as u64);
    assert_eq!(summary.first_time, block.times[rows[0]]);
    assert_eq!(summary.last_time, block.times[rows[rows.len() - 1]]);
    if let ValueSummary::Integer(numbers) = summary.values {
        let values: Vec<i64> = rows
            .iter()
            .map(|row| match column.get(*row) {
                Some(FieldValue::Integer(value)) => value,
                _ => unreachable!(),
            })
            .collect();
        assert_eq!(numbers.min, *values.iter().min().unwrap());
        assert_eq!(numbers.max, *values.iter().max().unwrap());
        assert_eq!(numbers.sum, values.iter().fold(0_i64, |sum, it| sum.wrapping_add(*it)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2_000, ..ProptestConfig::with_cases(cases()) })]

    #[test]
    fn reading_gives_what_a_map_would(steps in proptest::collection::vec(step(), 1..25), range in range()) {
        let mut pair = Pair::new();
        for step in steps {
            pair.run(step);
            pair.check(range, &[0, 2], Order::Ascending);
        }
        for order in [Order::Ascending, Order::Descending] {
            pair.check(TimeRange::ALL, &[0, 1, 2, 3], order);
            pair.check(range, &[1], order);
        }
        while pair.store().merge().unwrap() {}
        pair.check(TimeRange::ALL, &[0, 1, 2, 3], Order::Ascending);
    }
}

/// As many as `PROPTEST_CASES` says; few without, since each writes files.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(48)
}
