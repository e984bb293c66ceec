//! A level's rows as its sources give them: series by series, or all of a level within.

use std::sync::Arc;

use svcflow_store::{Order, TimeRange};

use super::budget::Held;
use super::groups::Group;
use super::lanes::Lanes;
use super::merge::{Part, gather, merge, most_of_each_shard};
use super::node::{Node, Query};
use super::rows::{LaneKey, Rows};
use super::scan::{Flow, Leaf, SeriesRows};
use crate::kernel::columns::rows_of;
use crate::kernel::eval::holds;
use crate::plan::{Eval, Kind, Mapped};
use crate::{Column, QueryError, Values};

/// Some of a level's input columns, of rows in the order in which they are put out.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    pub(crate) times: Vec<i64>,
    pub(crate) columns: Vec<Column>,
    /// Which series each row is of.
    pub(crate) lanes: Vec<u32>,
}

impl Query<'_> {
    /// The series of a group at a leaf, ascending by id.
    pub(crate) fn series(&self, group: &Group, leaf: usize) -> &[u32] {
        let members = group.members().find(|members| members.leaf == leaf);
        let series = members.and_then(|it| self.groups.series.get(leaf)?.get(it.range.clone()));
        series.unwrap_or_default()
    }

    /// The rows of stored series that have one of these inputs, put together in the order of time. Of each
    /// series at most `enough` rows.
    pub(crate) fn leaf_rows(
        &self,
        leaf: &Leaf<'_>,
        series: &[u32],
        range: TimeRange,
        wanted: &Wanted<'_>,
        lanes: &mut Lanes,
        held: &mut Held<'_>,
    ) -> Result<Stream, QueryError> {
        let ascending = leaf.level.ascending;
        let mut parts: Vec<SeriesPart> = Vec::new();
        let order = if ascending { Order::Ascending } else { Order::Descending };
        leaf.scan(series, self.clip(range), order, self.budget, &mut |rows: &mut SeriesRows| {
            let same = parts.last().is_some_and(|part| part.series == rows.series);
            if !same {
                let lane = lanes.of_series(leaf, rows.series);
                parts.push(SeriesPart { series: rows.series, lane, ..SeriesPart::default() });
            }
            let Some(part) = parts.last_mut() else { return Ok(Flow::NextSeries) };
            let before = part.times.len();
            part.add(rows, wanted, ascending);
            held.add((part.times.len() - before) * (8 + 9 * wanted.columns.len()))?;
            let enough = part.times.len() >= wanted.enough;
            Ok(if enough { Flow::NextSeries } else { Flow::More })
        })?;
        if let Some(most) = wanted.most {
            for part in &mut parts {
                let kept = most_of_each_shard(&part.times, most, leaf.table.shard);
                part.keep(&kept);
            }
        }
        parts.retain(|part| !part.times.is_empty());
        Ok(together(leaf, parts, wanted, lanes.is_single()))
    }
}

/// Which rows and columns are wanted of a leaf.
pub(crate) struct Wanted<'a> {
    /// Inputs that a row must have one of; empty is whatever the level reads.
    pub(crate) driver: Option<usize>,
    /// Inputs to be given, in this order.
    pub(crate) columns: &'a [usize],
    /// Columns from here on decide between rows of one instant.
    pub(crate) beside: usize,
    /// How many rows of each series are enough.
    pub(crate) enough: usize,
    /// How many rows of each series are taken of each shard.
    pub(crate) most: Option<u64>,
}

/// Rows of one series.
#[derive(Debug, Default)]
struct SeriesPart {
    series: u32,
    lane: u32,
    times: Vec<i64>,
    columns: Vec<Column>,
}

impl SeriesPart {
    fn keep(&mut self, rows: &[u32]) {
        if rows.len() < self.times.len() {
            let time = |row: &u32| self.times.get(*row as usize).copied();
            self.times = rows.iter().filter_map(time).collect();
            self.columns = self.columns.iter().map(|column| column.pick(rows)).collect();
        }
    }

    /// Adds rows, backwards where that is the order.
    fn add(&mut self, rows: &mut SeriesRows, wanted: &Wanted<'_>, ascending: bool) {
        let nothing = || Column::nulls(Kind::Float, rows.times.len());
        let column = |at: &usize| rows.columns.get(*at).cloned().unwrap_or_else(nothing);
        let mut columns: Vec<Column> = wanted.columns.iter().map(column).collect();
        let mut times = std::mem::take(&mut rows.times);
        let driver = wanted.driver.and_then(|at| rows.columns.get(at)).map(|it| &it.validity);
        let kept: Option<Vec<u32>> = match driver {
            None | Some(crate::Validity::All) => None,
            Some(crate::Validity::None) => Some(Vec::new()),
            Some(crate::Validity::Mask(mask)) => Some(rows_of(mask)),
        };
        if let Some(kept) = kept {
            times = kept.iter().filter_map(|row| times.get(*row as usize).copied()).collect();
            columns = columns.iter().map(|column| column.pick(&kept)).collect();
        }
        if !ascending {
            times.reverse();
            columns.iter_mut().for_each(Column::reverse);
        }
        let room = wanted.enough.saturating_sub(self.times.len());
        if times.len() > room {
            times.truncate(room);
            columns = columns.iter().map(|column| column.slice(0..room)).collect();
        }
        self.times.append(&mut times);
        if self.columns.is_empty() {
            self.columns = columns;
        } else {
            self.columns.iter_mut().zip(columns).for_each(|(all, more)| all.append(more));
        }
    }
}

fn together(
    leaf: &Leaf<'_>,
    mut parts: Vec<SeriesPart>,
    wanted: &Wanted<'_>,
    single: bool,
) -> Stream {
    if parts.len() <= 1 {
        let Some(part) = parts.pop() else { return Stream::default() };
        let lanes = vec![part.lane; part.times.len()];
        return Stream { times: part.times, columns: part.columns, lanes };
    }
    parts.sort_by_cached_key(|part| series_key(leaf, part.series));
    if !leaf.level.ascending {
        parts.reverse();
    }
    let views: Vec<Part<'_>> = parts
        .iter()
        .map(|part| Part {
            times: &part.times,
            columns: part.columns.get(wanted.beside..).unwrap_or_default(),
        })
        .collect();
    let places = merge(&views, leaf.level.ascending, Some(leaf.table.shard));
    let part = |place: &(u32, u32)| parts.get(place.0 as usize);
    let time = |place: &(u32, u32)| part(place)?.times.get(place.1 as usize).copied();
    let column = |at: usize| {
        let of_parts: Vec<&Column> = parts.iter().filter_map(|part| part.columns.get(at)).collect();
        gather(&of_parts, &places)
    };
    let lane = |place: &(u32, u32)| part(place).map(|part| part.lane);
    Stream {
        times: places.iter().filter_map(time).collect(),
        columns: (0..wanted.columns.len()).map(column).collect(),
        lanes: match single {
            true => vec![0; places.len()],
            false => places.iter().filter_map(lane).collect(),
        },
    }
}

/// A series as InfluxDB writes it, which is what it sorts series by.
pub(super) fn series_key(leaf: &Leaf<'_>, series: u32) -> String {
    let mut key = String::new();
    escape(&mut key, &leaf.table.table.name, &[',', ' ']);
    for (tag, value) in leaf.table.measurement.tags(svcflow_store::SeriesId::new(series)) {
        key.push(',');
        escape(&mut key, tag, &[',', '=', ' ']);
        key.push('=');
        escape(&mut key, value, &[',', '=', ' ']);
    }
    key
}

pub(crate) fn escape(out: &mut String, text: &str, special: &[char]) {
    for character in text.chars() {
        if special.contains(&character) {
            out.push('\\');
        }
        out.push(character);
    }
}

/// The inputs of a level made of the rows of one within, without those that its condition keeps out, and which
/// series each is of.
pub(super) fn inner_stream(
    node: &Node<'_>,
    rows: &Rows,
    inner: &Node<'_>,
    map: &[Mapped],
    lanes: &mut Lanes,
) -> Stream {
    let stream = mapped(rows, inner, map, lanes);
    let Some(condition) = &node.level.condition else { return stream };
    let condition = without_functions(condition);
    let passed = holds(&condition, &stream.columns, stream.times.len());
    if passed.iter().all(|passed| *passed) { stream } else { stream.pick(&rows_of(&passed)) }
}

/// A condition as InfluxDB has it there: it knows no functions.
fn without_functions(eval: &Eval) -> Eval {
    let inner = |eval: &Eval| Box::new(without_functions(eval));
    match eval {
        Eval::Math { .. } => Eval::Null,
        Eval::Binary { op, left, right } => {
            Eval::Binary { op: *op, left: inner(left), right: inner(right) }
        }
        Eval::Matches { text, regex, negated } => {
            Eval::Matches { text: inner(text), regex: regex.clone(), negated: *negated }
        }
        Eval::Logic(op, operands) => {
            Eval::Logic(*op, operands.iter().map(without_functions).collect())
        }
        Eval::Column(_) | Eval::Constant(_) | Eval::Unsigned(_) | Eval::Null => eval.clone(),
    }
}

/// The inputs of a level made of the rows of one within.
fn mapped(rows: &Rows, inner: &Node<'_>, map: &[Mapped], lanes: &mut Lanes) -> Stream {
    let count = rows.len();
    let by = &inner.level.group_by;
    let numbers: Vec<u32> = rows.keys.iter().map(|key| lanes.of_key(key, by)).collect();
    let column = |mapped: &Mapped| match mapped {
        Mapped::Output(at, kind) => {
            let column = rows.columns.get(*at).cloned();
            let column = column.unwrap_or_else(|| Column::nulls(Kind::Float, count));
            kind.map_or(column.clone(), |kind| column.cast_or_keep(kind))
        }
        // A tag that isn't there is an empty text here.
        Mapped::Tag(name) => match by.iter().position(|tag| tag == name) {
            Some(at) => tag_column(rows, at),
            None => Column::valid(Values::Same(Arc::default(), count)),
        },
        Mapped::Nothing => Column::nulls(Kind::Float, count),
    };
    let number = |row: usize| numbers.get(rows.lane(row) as usize).copied().unwrap_or(0);
    Stream {
        times: rows.times.clone(),
        columns: map.iter().map(column).collect(),
        lanes: (0..count).map(number).collect(),
    }
}

/// One of the tags that rows are told apart by, as a column.
fn tag_column(rows: &Rows, at: usize) -> Column {
    let value = |key: &LaneKey| key.get(at).cloned().unwrap_or_default();
    let values: Vec<Arc<str>> = rows.keys.iter().map(value).collect();
    match values.as_slice() {
        [only] => Column::valid(Values::Same(Arc::clone(only), rows.len())),
        _ => {
            let lanes: Vec<u32> = (0..rows.len()).map(|row| rows.lane(row)).collect();
            Column::valid(Values::String(values)).pick(&lanes)
        }
    }
}

impl Stream {
    /// These rows, in this order.
    pub(crate) fn pick(&self, rows: &[u32]) -> Self {
        let time = |row: &u32| self.times.get(*row as usize).copied();
        let lane = |row: &u32| self.lanes.get(*row as usize).copied();
        Self {
            times: rows.iter().filter_map(time).collect(),
            columns: self.columns.iter().map(|column| column.pick(rows)).collect(),
            lanes: rows.iter().filter_map(lane).collect(),
        }
    }

    /// These of the columns, in this order.
    pub(crate) fn select(&self, columns: &[usize]) -> Self {
        let column = |at: &usize| {
            let nothing = || Column::nulls(Kind::Float, self.times.len());
            self.columns.get(*at).cloned().unwrap_or_else(nothing)
        };
        Self {
            times: self.times.clone(),
            columns: columns.iter().map(column).collect(),
            lanes: self.lanes.clone(),
        }
    }
}

/// Puts streams together in the order of time. They have the same columns.
pub(crate) fn merge_streams(mut streams: Vec<Stream>, beside: usize, ascending: bool) -> Stream {
    streams.retain(|stream| !stream.times.is_empty());
    if streams.len() <= 1 {
        return streams.pop().unwrap_or_default();
    }
    let views: Vec<Part<'_>> = streams
        .iter()
        .map(|stream| Part {
            times: &stream.times,
            columns: stream.columns.get(beside..).unwrap_or_default(),
        })
        .collect();
    let places = merge(&views, ascending, None);
    let columns = streams.first().map_or(0, |stream| stream.columns.len());
    let column = |at: usize| {
        let parts: Vec<&Column> =
            streams.iter().filter_map(|stream| stream.columns.get(at)).collect();
        gather(&parts, &places)
    };
    let stream = |place: &(u32, u32)| streams.get(place.0 as usize);
    let time = |place: &(u32, u32)| stream(place)?.times.get(place.1 as usize).copied();
    let lane = |place: &(u32, u32)| stream(place)?.lanes.get(place.1 as usize).copied();
    Stream {
        times: places.iter().filter_map(time).collect(),
        columns: (0..columns).map(column).collect(),
        lanes: places.iter().filter_map(lane).collect(),
    }
}
