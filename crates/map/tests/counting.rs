//! Rates and totals from counters: right across gaps, resets and restarts, unknown where they are.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "tests may fail loudly; clippy.toml exempts test functions but not their helpers"
)]

mod support;

use proptest::prelude::*;
use svcflow_map::document::State;
use svcflow_map::{
    Asked, Catalogue, Clock, Coverage, Follow, Grid, MarkTimeline, Millis, Observed, Shape, Span,
    Stretch, Window,
};
use svcflow_model::Counters;

use support::{LATEST, edge};

fn bytes_in(bytes_in: u64) -> Counters {
    Counters { bytes_in, ..Counters::ZERO }
}

/// Seconds before the latest instant.
fn ago(seconds: i64) -> Millis {
    LATEST - seconds * 1_000
}

fn window(from: i64, at: i64) -> Window {
    let clock = Clock {
        now: LATEST + 3_000,
        latest: Some(LATEST),
        earliest: None,
        grid: Grid::TEN_SECONDS,
        summed: None,
    };
    let asked = Asked { from: Some(ago(from)), until: None, at: Some(ago(at)) };
    Window::of(asked, clock).unwrap()
}

/// A node that reported at these moments, seconds before the latest.
fn reported(at: &[i64]) -> Coverage {
    let mut coverage = Coverage::new(Grid::TEN_SECONDS, ago(at[0]));
    at[1..].iter().for_each(|at| coverage.report(ago(*at), 1));
    coverage
}

fn always() -> Coverage {
    reported(&(0..=60).rev().map(|slot| slot * 10).collect::<Vec<_>>())
}

fn observe(window: &Window, coverage: &Coverage, rows: &[(i64, u64)]) -> Option<Observed> {
    let (mut follow, mut shape) = (Follow::new(coverage, window.span), Shape::default());
    for (at, value) in rows {
        follow.row(ago(*at), bytes_in(*value), |told, added| shape.add(window, told, added));
    }
    let mut catalogue = Catalogue::default();
    let id = catalogue.add("n1", &edge("11.1.1.2 > 10.1.1.7:80"));
    let key = *catalogue.edges().get(id).unwrap();
    Observed::of((id, key), window, &follow, &shape, None::<&MarkTimeline>, false)
}

fn rate(observed: &Observed) -> Option<f64> {
    observed.rates.map(|rates| rates.bytes_in)
}

#[test]
fn an_idle_edge_has_no_rows_and_its_rate_is_zero_not_unknown() {
    let rows = [(300, 0), (290, 1_000), (40, 1_500), (20, 1_600)];
    let now = observe(&window(300, 0), &always(), &rows).unwrap();
    assert_eq!((now.totals.bytes_in, rate(&now)), (1_600, Some(0.0)));
    let then = observe(&window(300, 40), &always(), &rows).unwrap();
    assert_eq!(rate(&then), Some(50.0), "500 bytes in the ten seconds before, not in 250");
    assert_eq!((then.state, then.last), (State::Ok, ago(20)));
}

#[test]
fn a_range_takes_what_was_counted_within_and_its_neighbour_the_rest() {
    let rows = [(300, 7), (100, 1_007), (50, 1_107), (0, 1_117)];
    let total = |from| observe(&window(from, 0), &always(), &rows).map(|it| it.totals.bytes_in);
    assert_eq!(total(300), Some(1_110));
    assert_eq!(total(100), Some(110), "what came with the report at its start was before it");
    assert_eq!(total(101), Some(1_110));
    assert_eq!(total(50), Some(10));
    assert!(observe(&window(40, 0), &always(), &rows[..3]).is_none(), "not seen in it");
}

#[test]
fn a_reset_counts_the_whole_new_value() {
    let rows = [(60, 5_000), (50, 6_000), (40, 300), (30, 700)];
    let seen = observe(&window(300, 40), &always(), &rows).unwrap();
    assert_eq!(seen.totals.bytes_in, 1_000 + 300 + 400);
    assert_eq!(rate(&seen), Some(30.0));
}

#[test]
fn a_gap_s_bytes_are_in_the_totals_and_its_rates_are_unknown() {
    let silent: Vec<i64> =
        (0..=60).rev().map(|slot| slot * 10).filter(|at| !(50..100).contains(at)).collect();
    let gap = reported(&silent);
    // Reports at 100 and at 40, nothing between; 6,000 bytes meanwhile.
    let rows = [(110, 0), (100, 100), (40, 6_100), (30, 6_200)];
    let at = |at| observe(&window(300, at), &gap, &rows).unwrap();
    assert_eq!(at(0).totals.bytes_in, 6_200);
    assert_eq!(rate(&at(100)), Some(10.0));
    for unknown in [90, 70, 50, 40] {
        assert_eq!(rate(&at(unknown)), None, "{unknown} s ago");
    }
    assert_eq!(rate(&at(30)), Some(10.0));
    assert_eq!((at(80).state, at(80).since), (State::Ok, None), "two reports are missing");
    assert_eq!((at(70).state, at(70).since), (State::Stale, Some(ago(100))));
    assert_eq!(at(40).state, State::Ok);
    // The range begins within the gap: what came with the report is in it.
    assert_eq!(observe(&window(60, 0), &gap, &rows).unwrap().totals.bytes_in, 6_100);
}

#[test]
fn one_late_report_is_the_mean_of_two_intervals() {
    let late = reported(&[60, 50, 30, 20, 10, 0]);
    let rows = [(60, 0), (50, 0), (30, 400), (20, 500)];
    for at in [40, 30] {
        assert_eq!(rate(&observe(&window(300, at), &late, &rows).unwrap()), Some(20.0), "{at}");
    }
}

#[test]
fn before_the_first_report_nothing_is_known() {
    let young = reported(&[30, 20, 10, 0]);
    let rows = [(30, 9_000), (20, 9_100)];
    let at = |at| rate(&observe(&window(300, at), &young, &rows).unwrap());
    assert_eq!((at(40), at(30), at(20), at(0)), (None, None, Some(10.0), Some(0.0)));
    let seen = observe(&window(300, 0), &young, &rows).unwrap();
    assert_eq!(seen.totals.bytes_in, 100, "the first value is a baseline");
}

#[test]
fn the_curve_holds_what_the_totals_hold() {
    let rows: Vec<(i64, u64)> =
        (0..=60_i64).rev().map(|slot| (slot * 10, 600 - slot.unsigned_abs() * 10)).collect();
    let seen = observe(&window(300, 0), &always(), &rows).unwrap();
    let sum: f32 = seen.parts.iter().sum();
    assert!((f64::from(sum) - seen.totals.bytes_in as f64).abs() < 0.1, "{sum}");
    assert!(seen.parts.iter().all(|part| (part - 10.0).abs() < 0.01), "{:?}", seen.parts);
}

#[test]
fn ranges_shorter_than_an_interval_and_off_the_grid_are_answered() {
    let rows: Vec<(i64, u64)> =
        (0..=60_i64).rev().map(|slot| (slot * 10, 600 - slot.unsigned_abs() * 10)).collect();
    let clock = window(300, 0).clock;
    let asked = Asked { from: Some(ago(7)), until: Some(ago(3)), at: None };
    let window = Window::of(asked, clock).unwrap();
    assert_eq!(window.step, Span { from: ago(20), until: ago(10) });
    assert!(observe(&window, &always(), &rows).is_none(), "no report within");
    let asked = Asked { from: Some(ago(13)), until: Some(ago(3)), at: None };
    let seen = observe(&Window::of(asked, clock).unwrap(), &always(), &rows).unwrap();
    assert_eq!((seen.totals.bytes_in, rate(&seen)), (10, Some(1.0)));
}

proptest! {
    #[test]
    fn adjacent_ranges_add_up_and_stretches_are_as_good_as_rows(
        increases in prop::collection::vec((0..1_000_u64, any::<bool>()), 2..60),
        cut in 1..600_i64,
        stretch in (0..60_usize, 0..60_usize),
    ) {
        let coverage = always();
        let mut value = 50;
        let mut rows = Vec::new();
        for (place, (more, there)) in increases.iter().enumerate() {
            value += more;
            if *there {
                rows.push((600 - place as i64 * 10, value));
            }
        }
        let total = |from: i64, until: i64| {
            let clock = window(300, 0).clock;
            let asked = Asked { from: Some(ago(from)), until: Some(ago(until)), at: None };
            let window = Window::of(asked, clock).unwrap();
            observe(&window, &coverage, &rows).map_or(0, |seen| seen.totals.bytes_in)
        };
        let whole = total(601, 0);
        prop_assert_eq!(total(601, cut) + total(cut, 0), whole);
        let (first, last) = (rows.first().map_or(0, |row| row.1), rows.last().map_or(0, |row| row.1));
        prop_assert_eq!(whole, last - first);

        // Some of the rows at once.
        let window = window(601, 0);
        let (from, until) = (stretch.0.min(stretch.1), stretch.0.max(stretch.1));
        let mut follow = Follow::new(&coverage, window.span);
        let mut bytes = 0.0;
        let mut added = |_: Span, added: &Counters| bytes += added.bytes_in as f64;
        for (place, (at, value)) in rows.iter().enumerate() {
            let inside = (from..=until).contains(&place) && until < rows.len();
            if inside && place == from {
                let stretch = Stretch { first: bytes_in(*value), last: bytes_in(rows[until].1) };
                prop_assert!(follow.stretch((ago(*at), ago(rows[until].0)), stretch, &mut added));
            } else if !inside {
                follow.row(ago(*at), bytes_in(*value), &mut added);
            }
        }
        prop_assert_eq!(follow.totals().bytes_in, whole);
        prop_assert_eq!(bytes as u64, whole);
    }
}
