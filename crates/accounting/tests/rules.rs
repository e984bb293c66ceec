//! Each rule of accounting and each fault that users of this field's tools reported, as one test.

mod common;

use std::time::Duration;

use common::{Bench, LIVED_BEFORE, connection, counted, edge, ip};
use svcflow_accounting::{Accounting, Limits, State, remainder};
use svcflow_model::{Baseline, Connection, Counters, Epoch, LossKind, Observation};

#[test]
fn case_11_in_and_out_never_swap() {
    let mut it = Bench::new(Baseline::Zero);
    it.look(&[connection(1, 1, counted(1_000_000, 10_000))]);
    it.read(&[(2, 0, counted(1_000_000, 0)), (2, 1, counted(0, 10_000))]);
    assert_eq!(it.total(1), counted(1_000_000, 10_000));
    assert_eq!(it.total(2), counted(1_000_000, 10_000));
}

#[test]
fn case_1_the_same_origin_after_a_restart_is_not_credited_again() {
    let mut it = Bench::new(Baseline::Zero);
    it.read(&[(1, 0, counted(500, 100))]);
    let kept = serde_json::to_string(&it.accounting.state()).unwrap();
    let state: State = serde_json::from_str(&kept).unwrap();
    assert_eq!(state, it.accounting.state(), "a state survives its text");
    it.accounting = Accounting::restore(state, Limits::default());
    assert_eq!(it.accounting.epoch(), Epoch(1));
    it.origin(1, Baseline::FirstReading);
    it.read(&[(1, 0, counted(700, 100)), (2, 0, counted(50, 50))]);
    assert_eq!(it.total(1), counted(700, 100));
    assert_eq!(it.total(2), counted(50, 50), "new since then, so all credit");
    assert!(it.accounting.losses().is_empty());
}

#[test]
fn case_2_service_and_provider_of_a_connection_are_one_edge() {
    let mut it = Bench::new(Baseline::Zero);
    it.look(&[connection(1, 1, counted(100, 100))]);
    let samples: Vec<_> = it.accounting.edges().collect();
    assert_eq!(samples.len(), 1);
    assert_eq!(samples[0].edge, edge(1));
}

#[test]
fn case_5_a_dropped_event_is_dated_and_a_look_puts_it_right() {
    let mut it = Bench::new(Baseline::Zero);
    it.look(&[connection(1, 1, counted(100, 0)), connection(1, 2, counted(100, 0))]);
    it.tell(Observation::Lost { kind: LossKind::EventsDropped, count: 1, bytes: 0 });
    it.look(&[connection(1, 1, counted(300, 0))]);
    assert_eq!(it.total(1).bytes_in, 400);
    assert_eq!(it.lost(LossKind::EventsDropped), 1);
    assert_eq!(it.lost(LossKind::EndedUnseen), 1);
    let dropped = it.accounting.losses().get(LossKind::EventsDropped).unwrap();
    assert_eq!(dropped.first.seconds(), 1);
}

#[test]
fn case_7_an_offloaded_connection_marks_its_edge_undercounted() {
    let mut it = Bench::new(Baseline::Zero);
    let plain = connection(1, 1, counted(100, 100));
    it.look(&[plain]);
    assert!(!it.accounting.take_changes()[0].marks.undercounted);
    it.look(&[Connection { offloaded: true, ..plain }]);
    assert!(it.accounting.take_changes()[0].marks.undercounted, "a mark alone is a change");
}

#[test]
fn case_8_absent_counters_are_unknown_and_stated_once_a_connection() {
    let mut it = Bench::new(Baseline::Zero);
    let unknown = Connection { counters: None, ..connection(1, 1, Counters::ZERO) };
    it.look(&[unknown]);
    it.look(&[unknown]);
    it.ended(unknown);
    assert_eq!(it.lost(LossKind::Uncounted), 1);
    assert!(it.accounting.edges().next().unwrap().marks.uncounted);
}

#[test]
fn case_9_the_rest_is_credited_at_the_end() {
    let mut it = Bench::new(Baseline::Zero);
    it.look(&[connection(1, 1, counted(100, 10))]);
    it.ended(connection(1, 1, counted(900, 90)));
    it.ended(connection(1, 2, counted(50, 5)));
    assert_eq!(it.total(1).bytes_in, 950, "one known, one too short for any look");
    it.look(&[]);
    it.look(&[]);
    assert!(it.accounting.losses().is_empty());
    assert_eq!(it.accounting.connections(), 0);
}

#[test]
fn case_16_edges_past_the_cap_fold_and_no_byte_is_lost() {
    let limits = Limits { edges: 2, ..Limits::default() };
    let mut it = Bench::with(Baseline::Zero, limits);
    let all: Vec<_> = (1..=5).map(|n| connection(n, n, counted(100, 10))).collect();
    it.look(&all);
    it.look(&all);
    it.read(&[(9, 0, counted(7, 7))]);
    it.read(&[(9, 0, counted(8, 7))]);
    assert_eq!(it.sum().bytes_in, 508);
    assert_eq!(it.lost(LossKind::EdgesFolded), 4);
    assert_eq!(it.accounting.len(), 3);
    let rest = it.accounting.edges().find(|sample| sample.marks.remainder).unwrap();
    assert_eq!(rest.edge, remainder(true));
    assert_eq!(rest.counters.bytes_in, 308);
}

#[test]
fn what_existed_at_the_start_is_the_baseline() {
    let mut it = Bench::new(LIVED_BEFORE);
    it.look(&[connection(1, 1, counted(100, 10))]);
    assert!(it.total(1).is_zero());
    it.look(&[connection(1, 1, counted(150, 10)), connection(1, 2, counted(30, 0))]);
    assert_eq!(it.total(1).bytes_in, 80);
    assert!(it.accounting.losses().is_empty());
}

#[test]
fn an_unknown_end_before_the_first_look_is_a_stated_gap() {
    let mut it = Bench::new(LIVED_BEFORE);
    it.ended(connection(1, 1, counted(100, 10)));
    it.look(&[]);
    assert!(it.sum().is_zero());
    assert_eq!(it.lost(LossKind::EpochGap), 1);
}

#[test]
fn a_port_used_again_at_once_is_another_connection_though_all_is_equal() {
    let mut it = Bench::new(Baseline::Zero);
    it.look(&[]);
    let last = connection(1, 1, counted(100, 10));
    it.ended(last);
    it.ended(last);
    assert_eq!(it.total(1).bytes_in, 200);
    it.look(&[]);
    it.look(&[]);
    it.ended(last);
    assert_eq!(it.total(1).bytes_in, 300);
    assert!(it.accounting.losses().is_empty());
}

#[test]
fn a_dump_that_still_shows_an_ended_connection_credits_nothing() {
    let mut it = Bench::new(Baseline::Zero);
    let last = connection(1, 1, counted(100, 10));
    it.tell(Observation::LookBegan);
    it.ended(last);
    it.tell(Observation::Connection(last));
    it.end(true);
    it.look(&[last]);
    assert_eq!(it.total(1).bytes_in, 100);
    it.look(&[connection(1, 1, counted(20, 2))]);
    assert_eq!(it.total(1).bytes_in, 120, "its successor is new once the tombstone has gone");
}

#[test]
fn a_dump_that_still_shows_an_ended_connection_does_not_revive_it() {
    let mut it = Bench::new(Baseline::Zero);
    let last = connection(1, 1, counted(100, 10));
    it.ended(last);
    it.look(&[last]);
    it.look(&[]);
    it.look(&[]);
    assert!(it.accounting.losses().is_empty(), "its end was seen");
}

#[test]
fn a_connection_that_fell_is_new() {
    let mut it = Bench::new(Baseline::Zero);
    it.look(&[connection(1, 1, counted(1_000, 10))]);
    let new = connection(1, 1, counted(300, 5));
    it.look(&[new, connection(1, 1, counted(1_000, 10)), new]);
    it.look(&[connection(1, 1, counted(400, 5))]);
    assert_eq!(it.total(1).bytes_in, 1_400);
}

#[test]
fn absence_from_an_incomplete_look_means_nothing() {
    let mut it = Bench::new(Baseline::Zero);
    it.look(&[connection(1, 1, counted(100, 10))]);
    for _ in 0..3 {
        it.tell(Observation::LookBegan);
        it.end(false);
    }
    assert!(it.accounting.losses().is_empty());
    it.look(&[]);
    assert_eq!(it.lost(LossKind::EndedUnseen), 1);
    it.look(&[connection(1, 1, counted(150, 10))]);
    assert_eq!(it.total(1).bytes_in, 150, "missed by one dump, not new");
}

#[test]
fn connections_past_the_cap_are_stated_and_their_ends_still_count() {
    let mut it = Bench::with(Baseline::Zero, Limits { connections: 2, ..Limits::default() });
    let all: Vec<_> = (1..=5).map(|n| connection(1, n, counted(100, 10))).collect();
    it.look(&all);
    it.look(&all);
    assert_eq!(it.lost(LossKind::ConnectionsUntracked), 3);
    all.iter().for_each(|connection| it.ended(*connection));
    assert_eq!(it.total(1).bytes_in, 500);
}

#[test]
fn readings_merge_by_the_greatest_and_places_add_up() {
    let mut it = Bench::new(Baseline::Zero);
    it.read(&[(1, 0, counted(100, 0)), (1, 0, counted(300, 0)), (1, 0, counted(200, 0))]);
    it.read(&[(1, 0, counted(200, 0)), (1, 0, counted(400, 0)), (1, 1, counted(50, 0))]);
    it.read(&[(1, 0, counted(0, 20))]);
    it.read(&[(1, 0, counted(450, 20)), (1, 1, counted(60, 0))]);
    assert_eq!(it.total(1).bytes_in, 510);
    assert_eq!(it.total(1).bytes_out, 20);
}

#[test]
fn an_element_made_anew_is_credited_in_full_in_its_direction_only() {
    let mut it = Bench::new(Baseline::Zero);
    it.read(&[(1, 0, counted(1_000, 500))]);
    it.read(&[(1, 0, counted(40, 600))]);
    assert_eq!(it.total(1), Counters { packets_in: 11, ..counted(1_040, 600) });
}

#[test]
fn another_origin_is_another_baseline_and_one_stated_gap() {
    let mut it = Bench::new(Baseline::Zero);
    it.read(&[(1, 0, counted(100, 0))]);
    it.origin(2, Baseline::FirstReading);
    it.read(&[(1, 0, counted(5_000, 0))]);
    it.read(&[(1, 0, counted(5_010, 0))]);
    assert_eq!(it.total(1).bytes_in, 110);
    it.origin(3, Baseline::Zero);
    it.read(&[(1, 0, counted(7, 0))]);
    assert_eq!(it.total(1).bytes_in, 117);
    assert_eq!(it.lost(LossKind::EpochGap), 2);
}

#[test]
fn an_old_element_that_the_first_dump_missed_is_not_taken_for_new() {
    let mut it = Bench::new(LIVED_BEFORE);
    it.read(&[]);
    it.read(&[(1, 0, counted(5_000, 0))]);
    it.read(&[(1, 0, counted(5_100, 0))]);
    it.read(&[(1, 0, counted(5_100, 0)), (2, 0, counted(30, 0))]);
    assert_eq!(it.total(1).bytes_in, 100);
    assert_eq!(it.total(2).bytes_in, 30);
    assert_eq!(it.lost(LossKind::EpochGap), 1);
}

#[test]
fn of_looks_that_miss_nothing_only_the_first_is_the_baseline() {
    let mut it = Bench::new(Baseline::FirstLook);
    it.read(&[(1, 0, counted(500, 100))]);
    it.read(&[(1, 0, counted(600, 100)), (2, 0, counted(50, 50))]);
    assert_eq!((it.total(1), it.total(2)), (counted(100, 0), counted(50, 50)));
    assert!(it.accounting.losses().is_empty(), "nothing was missed, so nothing is stated");
}

#[test]
fn what_could_not_be_told_apart_is_marked_for_good() {
    let mut it = Bench::new(Baseline::Zero);
    it.read(&[(1, 0, counted(1, 1)), (2, 0, counted(1, 1))]);
    it.tell(Observation::Unsplit(edge(1)));
    it.read(&[(1, 0, counted(2, 2))]);
    let marked = it.accounting.edges().filter(|sample| sample.marks.unsplit);
    assert_eq!(marked.map(|sample| sample.edge).collect::<Vec<_>>(), [edge(1)]);
}

#[test]
fn an_expired_edge_that_comes_back_does_not_go_down() {
    let limits = Limits { edge_expiry: Duration::from_secs(10), ..Limits::default() };
    let mut it = Bench::with(Baseline::Zero, limits);
    it.read(&[(1, 0, counted(100, 0))]);
    let _ = it.accounting.take_changes();
    for _ in 0..40 {
        it.read(&[]);
    }
    assert_eq!(it.accounting.len(), 0);
    it.read(&[(1, 0, counted(60, 0))]);
    assert_eq!(it.total(1).bytes_in, 160);
}

#[test]
fn when_expired_edges_fill_their_table_a_new_epoch_is_asked_for() {
    let expiry = Duration::from_secs(1);
    let limits = Limits { edges: 1, edge_expiry: expiry, ..Limits::default() };
    let mut it = Bench::with(Baseline::Zero, limits);
    for n in 1..=4 {
        it.look(&[connection(n, n, counted(10, 0))]);
        it.ended(connection(n, n, counted(10, 0)));
        let _ = it.accounting.take_changes();
        (0..4).for_each(|_| it.look(&[]));
    }
    assert_eq!(it.sum().bytes_in, 20, "two retired, one in the table, one folded");
    assert!(it.accounting.wants_epoch());
    assert!(it.accounting.begin_epoch(Epoch(2)).is_empty());
    assert!(it.sum().is_zero());
    (0..4).for_each(|_| it.look(&[]));
    it.look(&[connection(5, 5, counted(10, 0))]);
    assert_eq!(it.total(5).bytes_in, 10);
}

#[test]
fn odd_sequences_neither_panic_nor_count_twice() {
    let mut it = Bench::new(Baseline::Zero);
    it.end(true);
    it.reading(1, 0, counted(10, 0));
    it.reading(1, 0, counted(10, 0));
    it.tell(Observation::Connection(connection(1, 1, counted(5, 0))));
    it.tell(Observation::LookBegan);
    it.reading(1, 0, counted(20, 0));
    it.tell(Observation::LookBegan);
    it.reading(1, 0, counted(20, 0));
    it.tell(Observation::Connection(connection(1, 1, counted(5, 0))));
    it.end(true);
    it.end(true);
    assert_eq!(it.total(1).bytes_in, 25);
    assert!(it.accounting.losses().is_empty());
}

#[test]
fn the_id_alone_is_no_identity() {
    let mut it = Bench::new(Baseline::Zero);
    let one = connection(1, 1, counted(100, 0));
    let two = Connection { reply_source: ip(77), ..one };
    let three = Connection { zone: 9, ..one };
    it.look(&[one, two, three]);
    assert_eq!(it.accounting.connections(), 3);
    assert_eq!(it.accounting.connections_of(&edge(1)), 2);
    assert_eq!(it.sum().bytes_in, 300);
}
