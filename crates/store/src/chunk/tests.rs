use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::block::{Block, Column};
use crate::summary::{Summary, ValueSummary};
use crate::{FieldId, FieldType, FieldValue, TimeRange};

fn fields() -> Vec<FieldId> {
    let kinds = [FieldType::Integer, FieldType::Float, FieldType::String, FieldType::Boolean];
    kinds.iter().enumerate().map(|(at, kind)| FieldId::new(at, *kind).unwrap()).collect()
}

#[derive(Clone, Debug)]
struct Row {
    step: i64,
    integer: Option<i64>,
    float: Option<f64>,
    text: Option<String>,
    truth: Option<bool>,
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let integer = prop_oneof![Just(None), any::<i64>().prop_map(Some), (0..50_i64).prop_map(Some)];
    let float = prop_oneof![
        Just(None),
        any::<f64>().prop_map(Some),
        (-9..9_i32).prop_map(|it| Some(f64::from(it))),
        Just(Some(-0.0)),
        Just(Some(f64::NAN)),
    ];
    let text = prop_oneof![Just(None), "[ab]{0,3}".prop_map(Some), "[a-z]{60,70}".prop_map(Some)];
    let row = (1..4_i64, integer, float, text, any::<Option<bool>>())
        .prop_map(|(step, integer, float, text, truth)| Row { step, integer, float, text, truth });
    prop_oneof![
        proptest::collection::vec(row.clone(), 1..80),
        // A column that all rows have, and rows that are like each other.
        (row, 1..80_usize).prop_map(|(row, count)| vec![row; count]),
    ]
}

fn block(rows: &[Row]) -> Block {
    let mut block = Block::default();
    block.reset(fields().iter().map(|field| field.field_type()));
    let mut time = -50;
    for row in rows {
        time += row.step;
        block.times.push(time);
        let values = [
            row.integer.map(FieldValue::Integer),
            row.float.map(FieldValue::Float),
            row.text.as_deref().map(FieldValue::String),
            row.truth.map(FieldValue::Boolean),
        ];
        block.columns.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
    }
    block
}

/// A block's rows as text, where NaN is like itself. Rows without a value are left out.
fn listed(block: &Block, range: TimeRange, columns: &[usize]) -> Vec<String> {
    let cell = |column: &Column, row| format!("{:?}", column.get(row));
    let rows = block.times.iter().enumerate().filter(|(_, time)| range.contains(**time));
    let cells = rows.map(|(row, time)| {
        let cells: Vec<_> = columns.iter().map(|at| cell(&block.columns[*at], row)).collect();
        (cells.iter().any(|cell| cell != "None"), format!("{time} {}", cells.join(" ")))
    });
    cells.filter(|(any, _)| *any).map(|(_, text)| text).collect()
}

fn source(chunk: &Encoded) -> Source<'_> {
    Source { fields: &chunk.fields, rows: chunk.rows, span: chunk.span, columns: &chunk.columns }
}

/// What a summary should say, reckoned plainly.
fn expected(block: &Block, at: usize) -> Option<Summary> {
    let column = &block.columns[at];
    let present: Vec<(i64, FieldValue<'_>)> =
        (0..block.rows()).filter_map(|row| Some((block.times[row], column.get(row)?))).collect();
    let (first, last) = (present.first()?, present.last()?);
    macro_rules! numbers {
        ($kind:ident, $zero:expr, $add:expr, $subtract:expr) => {{
            let values: Vec<_> = present
                .iter()
                .map(|(time, value)| match value {
                    FieldValue::$kind(value) => (*time, *value),
                    _ => unreachable!(),
                })
                .collect();
            let min = values.iter().rev().min_by(|a, b| a.1.partial_cmp(&b.1).unwrap()).unwrap();
            let min = values.iter().find(|it| it.1 == min.1).unwrap();
            let max = values.iter().max_by(|a, b| a.1.partial_cmp(&b.1).unwrap()).unwrap();
            let max = values.iter().find(|it| it.1 == max.1).unwrap();
            crate::NumberSummary {
                first: values[0].1,
                last: values[values.len() - 1].1,
                min: min.1,
                min_time: min.0,
                max: max.1,
                max_time: max.0,
                sum: values.iter().fold($zero, |sum, it| $add(sum, it.1)),
                increase: values.windows(2).fold($zero, |sum, pair| {
                    let (one, next) = (pair[0].1, pair[1].1);
                    $add(sum, if next < one { next } else { $subtract(next, one) })
                }),
            }
        }};
    }
    let values = match first.1 {
        FieldValue::Integer(_) => {
            ValueSummary::Integer(numbers!(Integer, 0_i64, i64::wrapping_add, i64::wrapping_sub))
        }
        FieldValue::Float(_) => {
            if present.iter().any(|it| matches!(it.1, FieldValue::Float(it) if !it.is_finite())) {
                return None;
            }
            let (add, subtract) = (|a: f64, b| a + b, |a: f64, b| a - b);
            ValueSummary::Float(numbers!(Float, 0.0, add, subtract))
        }
        FieldValue::Boolean(first) => {
            let FieldValue::Boolean(last) = last.1 else { unreachable!() };
            ValueSummary::Boolean { first, last }
        }
        FieldValue::String(first) => {
            let FieldValue::String(last) = last.1 else { unreachable!() };
            if first.len() > 64 || last.len() > 64 {
                return None;
            }
            ValueSummary::String { first: first.into(), last: last.into() }
        }
    };
    Some(Summary { count: present.len() as u64, first_time: first.0, last_time: last.0, values })
}

proptest! {
    #[test]
    fn rows_and_what_is_known_of_them_come_back(rows in rows(), (first, last) in (-60..0_i64, -60..200_i64)) {
        let whole = block(&rows);
        let Some(chunk) = encode(&fields(), &whole, 0..whole.rows()) else { return Ok(()) };
        let mut back = Block::default();
        for range in [TimeRange::ALL, TimeRange { first, last }] {
            for asked in [&[0, 1, 2, 3][..], &[0], &[1], &[3, 2]] {
                let ids: Vec<FieldId> = asked.iter().map(|at| fields()[*at]).collect();
                decode(&source(&chunk), &chunk.payload, range, &ids, &mut back).unwrap();
                let all: Vec<usize> = (0..asked.len()).collect();
                prop_assert_eq!(listed(&back, TimeRange::ALL, &all), listed(&whole, range, asked));
                prop_assert!(back.columns.iter().all(|it| it.values.len() == back.rows()));
            }
        }
        for (at, field) in fields().into_iter().enumerate() {
            prop_assert_eq!(&summaries(&source(&chunk), &[field]).unwrap(), &[expected(&whole, at)]);
        }
    }

    #[test]
    fn part_of_a_block_is_a_chunk_too(rows in rows(), start in 0..80_usize, length in 0..80_usize) {
        let whole = block(&rows);
        let start = start.min(whole.rows());
        let end = (start + length).min(whole.rows());
        match encode(&fields(), &whole, start..end) {
            None => prop_assert!(start == end),
            Some(chunk) => {
                let mut back = Block::default();
                decode(&source(&chunk), &chunk.payload, TimeRange::ALL, &fields(), &mut back).unwrap();
                prop_assert_eq!(
                    listed(&back, TimeRange::ALL, &[0, 1, 2, 3]),
                    listed(&whole, chunk.span, &[0, 1, 2, 3])
                );
            }
        }
    }

    #[test]
    fn flipped_bytes_are_read_or_refused(rows in rows(), at in any::<prop::sample::Index>(), bits in 1..=255_u8) {
        let whole = block(&rows);
        let chunk = encode(&fields(), &whole, 0..whole.rows()).unwrap();
        let mut flipped = chunk.clone();
        let columns = flipped.columns.len();
        let at = at.index(columns + flipped.payload.len());
        match flipped.columns.get_mut(at) {
            Some(byte) => *byte ^= bits,
            None => flipped.payload[at - columns] ^= bits,
        }
        let _ = decode(&source(&flipped), &flipped.payload, TimeRange::ALL, &fields(), &mut Block::default());
    }
}

#[test]
fn long_texts_are_compressed() {
    let mut block = Block::default();
    block.reset([FieldType::String].into_iter());
    for time in 0..100 {
        block.times.push(time);
        let text = format!("line {time}: the same words again and again");
        block.columns[0].push(Some(FieldValue::String(&text)));
    }
    let field = FieldId::new(0, FieldType::String).unwrap();
    let chunk = encode(&[field], &block, 0..100).unwrap();
    assert!(chunk.payload.len() < 800, "{}", chunk.payload.len());
    let mut back = Block::default();
    decode(&source(&chunk), &chunk.payload, TimeRange::ALL, &[field], &mut back).unwrap();
    assert_eq!(back, block);
    let first: Arc<str> = "line 0: the same words again and again".into();
    let known = summaries(&source(&chunk), &[field]).unwrap().remove(0).unwrap();
    assert!(matches!(known.values, ValueSummary::String { first: it, .. } if it == first));
}
