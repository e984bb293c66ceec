//! One edge's rows within a window: what was added, when, and what a card's little curve shows of it.

use svcflow_model::Counters;

use crate::catalogue::{EdgeId, EdgeKey};
use crate::coverage::Coverage;
use crate::document::{Mark, Rates, State};
use crate::increase::{Counting, Stretch, Summed};
use crate::marks::{MarkSet, MarkTimeline};
use crate::time::{Millis, Span};
use crate::window::Window;

/// Parts of the range that a card's curve has.
pub const PARTS: usize = 30;

/// Follows an edge's rows through a window. They may begin before it, so that there is a baseline, and end
/// after it.
#[derive(Clone, Debug)]
pub struct Follow<'c> {
    coverage: &'c Coverage,
    span: Span,
    counting: Counting,
    totals: Counters,
    active: bool,
    last: Option<Millis>,
}

impl<'c> Follow<'c> {
    /// Of an edge of a node that reported so.
    #[must_use]
    pub fn new(coverage: &'c Coverage, span: Span) -> Self {
        Self {
            coverage,
            span,
            counting: Counting::default(),
            totals: Counters::ZERO,
            active: false,
            last: None,
        }
    }

    /// Takes the next row. `added` is told what it adds, and over which time.
    pub fn row(&mut self, at: Millis, counters: Counters, added: impl FnOnce(Span, &Counters)) {
        let increase = self.counting.take(counters);
        self.credit(at, increase, added);
    }

    /// Takes many rows at once that are known by their first and last only; `added` is told their increase
    /// as if it were even. `false`: they hold a reset, and must be taken one by one.
    pub fn stretch(
        &mut self,
        (from, until): (Millis, Millis),
        stretch: Stretch,
        mut added: impl FnMut(Span, &Counters),
    ) -> bool {
        let Some((before, within)) = self.counting.take_stretch(stretch) else { return false };
        self.credit(from, before, &mut added);
        self.credit_within((from, until), &within, added);
        true
    }

    /// Takes buckets, or one where both instants are the same: of the end of the first and the last. All of them but the
    /// first lie within the span, and are taken as even.
    pub fn summed(
        &mut self,
        (from, until): (Millis, Millis),
        summed: Summed,
        mut added: impl FnMut(Span, &Counters),
    ) {
        self.counting.go_on(summed.last);
        self.credit(from, Some(summed.first), &mut added);
        if from < until {
            self.credit_within((from, until), &summed.rest, added);
        }
    }

    fn credit_within(
        &mut self,
        (from, until): (Millis, Millis),
        within: &Counters,
        added: impl FnOnce(Span, &Counters),
    ) {
        let grid = self.coverage.grid();
        let span = grid.span(grid.slot(from), grid.slot(until));
        self.see(span.until);
        self.totals.add(within);
        added(span, within);
    }

    fn credit(
        &mut self,
        at: Millis,
        increase: Option<Counters>,
        added: impl FnOnce(Span, &Counters),
    ) {
        let told = self.coverage.told_by(self.coverage.grid().slot(at));
        self.see(told.until);
        if let Some(increase) = increase {
            if self.span.contains(told.until) {
                self.totals.add(&increase);
            }
            added(told, &increase);
        }
    }

    fn see(&mut self, at: Millis) {
        self.active |= self.span.contains(at);
        if at <= self.span.until {
            self.last = Some(at);
        }
    }

    /// What was counted within the span.
    #[must_use]
    pub const fn totals(&self) -> Counters {
        self.totals
    }

    /// Whether it had a row within the span.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        self.active
    }

    /// The last row's instant, up to the end of the span.
    #[must_use]
    pub const fn last(&self) -> Option<Millis> {
        self.last
    }
}

/// What was added within the step and in each part of the range.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    step: [f64; 4],
    parts: [f32; PARTS],
}

impl Default for Shape {
    fn default() -> Self {
        Self { step: [0.0; 4], parts: [0.0; PARTS] }
    }
}

impl Shape {
    /// Takes what was added over some time, as even.
    pub fn add(&mut self, window: &Window, told: Span, added: &Counters) {
        let share = told.share_in(window.step);
        if share > 0.0 {
            let each = amounts(added);
            self.step.iter_mut().zip(each).for_each(|(sum, value)| *sum += value * share);
        }
        let bytes = added.bytes_in.saturating_add(added.bytes_out);
        if bytes > 0 {
            self.add_to_parts(window.span, told, bytes);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a curve of 30 pixels' height")]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the parts"
    )]
    fn add_to_parts(&mut self, span: Span, told: Span, bytes: u64) {
        let (length, inside) = (told.length() as f64, told.within(span));
        if inside.length() == 0 {
            return;
        }
        let width = span.length() as f64 / PARTS as f64;
        let begin = (inside.from - span.from) as f64 / width;
        let end = (inside.until - span.from) as f64 / width;
        let per_part = bytes as f64 * width / length;
        let first = (begin.floor() as usize).min(PARTS - 1);
        for (place, part) in self.parts.iter_mut().enumerate().skip(first) {
            let (from, until) = (begin.max(place as f64), end.min(place as f64 + 1.0));
            if until <= from {
                break;
            }
            *part += (per_part * (until - from)) as f32;
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "rates, not totals")]
pub(crate) fn amounts(counters: &Counters) -> [f64; 4] {
    let Counters { bytes_in, bytes_out, packets_in, packets_out } = *counters;
    [bytes_in, bytes_out, packets_in, packets_out].map(|value| value as f64)
}

/// The parts of a window's range that a node knows, a bit each, the first the lowest.
#[must_use]
pub fn known_parts(window: &Window, coverage: &Coverage) -> u32 {
    let (from, length) = (window.span.from, window.span.length());
    let edge = |place: i64| {
        let part = i128::from(length) * i128::from(place) / 30;
        from.saturating_add(i64::try_from(part).unwrap_or(i64::MAX))
    };
    let known =
        (0..30).filter(|part| coverage.knows(Span { from: edge(*part), until: edge(*part + 1) }));
    known.fold(0, |all, part| all | 1 << part)
}

/// An edge as a window shows it.
#[derive(Clone, Debug)]
pub struct Observed {
    /// Which.
    pub id: EdgeId,
    /// Which, taken apart.
    pub key: EdgeKey,
    /// What was counted within the range.
    pub totals: Counters,
    /// Per second, over the step; `None` is unknown.
    pub rates: Option<Rates>,
    /// Bytes, both directions, in each part of the range.
    pub parts: [f32; PARTS],
    /// Whether its numbers are known.
    pub state: State,
    /// Since when, where not.
    pub since: Option<Millis>,
    /// What is wrong with them.
    pub marks: MarkSet,
    /// When it was last counted.
    pub last: Millis,
}

impl Observed {
    /// What the window shows of an edge. `None` where it was not seen in it: no row, and not known to be
    /// there without being counted. With `stale` it is shown in any case, because its node is silent.
    #[must_use]
    pub fn of(
        (id, key): (EdgeId, EdgeKey),
        window: &Window,
        follow: &Follow<'_>,
        shape: &Shape,
        marks: Option<&MarkTimeline>,
        stale: bool,
    ) -> Option<Self> {
        let coverage = follow.coverage;
        let standing = marks.and_then(|marks| marks.at(window.step.until));
        let uncounted = standing.filter(|(marks, _)| marks.has(Mark::Uncounted));
        if !(follow.active || uncounted.is_some() || stale) {
            return None;
        }
        let silent = coverage.silent_since(window.step.until);
        let (state, since) = match (silent, uncounted) {
            (Some(since), _) => (State::Stale, Some(since)),
            (None, Some((_, since))) => (State::Unknown, Some(since)),
            (None, None) => (State::Ok, None),
        };
        let nothing = uncounted.is_some() && shape.step.iter().all(|sum| *sum == 0.0);
        let known = coverage.knows(window.step) && !nothing;
        let seconds = window.step.seconds();
        Some(Self {
            id,
            key,
            totals: follow.totals,
            rates: known.then(|| Rates::from(shape.step.map(|sum| sum / seconds))),
            parts: shape.parts,
            state,
            since,
            marks: marks.map_or(MarkSet::NONE, |marks| marks.during(window.span)),
            last: follow
                .last
                .or(silent)
                .or(uncounted.map(|(_, since)| since))
                .unwrap_or(window.span.until),
        })
    }
}
