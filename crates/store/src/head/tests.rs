use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::block::Block;
use crate::head::Wanted;
use crate::symbols::Symbols;
use crate::{FieldType, FieldValue};

/// By time: the fields' values, by the fields' number.
type Model = BTreeMap<i64, BTreeMap<usize, u64>>;

fn fields() -> Vec<FieldId> {
    let kinds = [FieldType::Integer, FieldType::Float, FieldType::Boolean, FieldType::String];
    (0..70).map(|at| FieldId::new(at, kinds[at % 4]).unwrap()).collect()
}

/// Reads everything, piece after piece: a later piece's values win.
fn read(head: &Head, common: &Common, range: TimeRange, asked: &[usize]) -> Model {
    let all = fields();
    let wanted: Vec<FieldId> = asked.iter().map(|at| all[*at]).collect();
    let mut texts = Symbols::default();
    for number in 0..10 {
        texts.insert(&number.to_string());
    }
    let mut model = Model::new();
    head.pieces(common, range, |span, rows| {
        let mut block = Block::default();
        block.reset(wanted.iter().map(|field| field.field_type()));
        let request = Wanted { range, fields: &wanted, texts: &texts };
        rows.decode(|shape| common.shapes.columns(shape), &request, &mut block).unwrap();
        assert!(block.rows() <= rows.rows());
        assert!(block.times.is_sorted_by(|one, next| one < next));
        for (row, time) in block.times.iter().enumerate() {
            assert!(range.contains(*time) && span.contains(*time));
            let mut any = false;
            for (column, at) in block.columns.iter().zip(asked) {
                assert_eq!(column.values.len(), block.rows());
                let Some(value) = column.get(row) else { continue };
                any = true;
                let word = match value {
                    FieldValue::Float(value) => value.to_bits(),
                    FieldValue::Integer(value) => value.cast_unsigned(),
                    FieldValue::Boolean(value) => u64::from(value),
                    FieldValue::String(value) => value.parse().unwrap(),
                };
                model.entry(*time).or_default().insert(*at, word);
            }
            assert!(any, "a row without a value that was asked for");
        }
    });
    model
}

fn expected(model: &Model, range: TimeRange, asked: &[usize]) -> Model {
    let rows = model.iter().filter(|(time, _)| range.contains(**time));
    let rows = rows.map(|(time, cells)| {
        let cells = cells.iter().filter(|(at, _)| asked.contains(at));
        (*time, cells.map(|(at, word)| (*at, *word)).collect::<BTreeMap<_, _>>())
    });
    rows.filter(|(_, cells)| !cells.is_empty()).collect()
}

fn word() -> impl Strategy<Value = (usize, u64)> {
    prop_oneof![4 => 0..4_usize, 1 => 60..70_usize].prop_flat_map(|at| {
        let value = match at % 4 {
            0 => any::<u64>().boxed(),
            1 => prop_oneof![
                any::<f64>().prop_map(f64::to_bits),
                (0..5_u32).prop_map(|it| f64::from(it).to_bits())
            ]
            .boxed(),
            2 => (0..2_u64).boxed(),
            _ => (0..10_u64).boxed(),
        };
        (Just(at), value)
    })
}

proptest! {
    #[test]
    fn a_head_holds_what_was_put(
        rows in proptest::collection::vec(
            (prop_oneof![3 => Just(None), 1 => (-50..50_i64).prop_map(Some)], proptest::collection::vec(word(), 1..5)),
            0..120,
        ),
        (first, last) in (-60..60_i64, -60..200_i64),
        deleted in proptest::option::of((-60..60_i64, 0..30_i64)),
    ) {
        let all = fields();
        let mut common = Common::default();
        let mut head = Head::default();
        let mut model = Model::new();
        let mut next = 0;
        for (time, cells) in rows {
            let time = time.unwrap_or(next);
            next = next.max(time) + 1;
            let cells: BTreeMap<usize, u64> = cells.into_iter().collect();
            let columns: Vec<FieldId> = cells.keys().map(|at| all[*at]).collect();
            let values: Vec<u64> = cells.values().copied().collect();
            let mut sorted: Vec<(FieldId, u64)> = columns.into_iter().zip(values).collect();
            sorted.sort_by_key(|it| it.0);
            let (columns, values): (Vec<_>, Vec<_>) = sorted.into_iter().unzip();
            let shape = common.shapes.id(&columns);
            head.put(&mut common, NewRow { shape, time, values: &values });
            model.entry(time).or_default().extend(cells);
        }
        if let Some((first, length)) = deleted {
            let range = TimeRange { first, last: first + length };
            head.delete(&mut common, range);
            model.retain(|time, _| !range.contains(*time));
        }
        let every: Vec<usize> = (0..70).collect();
        let range = TimeRange { first, last };
        for asked in [&every[..], &[0], &[1, 3], &[2, 65]] {
            for range in [TimeRange::ALL, range] {
                prop_assert_eq!(read(&head, &common, range, asked), expected(&model, range, asked));
            }
        }
        prop_assert_eq!(head.rows(&common) >= model.len(), true);
        if let (Some((first, _)), Some((last, _))) = (model.first_key_value(), model.last_key_value()) {
            prop_assert_eq!(head.span(&common), TimeRange { first: *first, last: *last });
        }
        let mut to = Common { shapes: common.shapes.clone(), ..Common::default() };
        let (recent, complete) = head.recent(&common, &mut to);
        let range = TimeRange { first: complete, last: i64::MAX };
        prop_assert_eq!(read(&recent, &to, range, &every), expected(&model, range, &every));
    }
}

#[test]
fn rows_that_follow_each_other_come_in_few_pieces() {
    let mut common = Common::default();
    let mut head = Head::default();
    let shape = common.shapes.id(&fields()[..1]);
    for time in 0..2_500 {
        head.put(&mut common, NewRow { shape, time, values: &[7] });
    }
    let mut pieces = Vec::new();
    head.pieces(&common, TimeRange::ALL, |span, rows| pieces.push((span.first, rows.rows())));
    assert_eq!(pieces, [(0, 1_024), (1_024, 1_024), (2_048, 452)]);
    let mut pieces = Vec::new();
    let last = TimeRange { first: 2_498, last: 2_498 };
    head.pieces(&common, last, |span, rows| pieces.push((span.first, rows.rows())));
    assert_eq!(pieces, [(2_498, 1)]);
}
