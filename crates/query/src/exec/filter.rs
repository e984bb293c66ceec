//! Which series a condition lets through, by their tags alone.

use std::collections::HashMap;
use std::sync::Arc;

use svcflow_store::{RoaringBitmap, SeriesId};

use super::tables::StoredTable;
use crate::kernel::eval::holds;
use crate::plan::{BinaryOp, Eval, Input, Kind, LogicOp, MEASUREMENT_NAME, Regex};
use crate::{Column, Scalar};

/// Series that a condition lets through, by what of it must still be asked of each of their rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    /// All of them.
    pub(crate) series: RoaringBitmap,
    /// Disjoint parts of them that are not let through as they are.
    asked: Vec<(RoaringBitmap, Eval)>,
}

impl Selection {
    /// Whether nothing must be asked of any rows.
    pub(crate) const fn asks_nothing(&self) -> bool {
        self.asked.is_empty()
    }

    /// What must be asked of this series' rows.
    pub(crate) fn condition(&self, series: u32) -> Option<&Eval> {
        self.asked.iter().find(|(those, _)| those.contains(series)).map(|(_, eval)| eval)
    }
}

/// Asks what can be asked of the tags.
pub(crate) fn select(table: &StoredTable, condition: Option<&Eval>, inputs: &[Input]) -> Selection {
    let all = table.measurement.series_all();
    let Some(condition) = condition else {
        return Selection { series: all.clone(), asked: Vec::new() };
    };
    let filter = Filter { table, inputs };
    if filter.of_tags(condition) {
        return Selection { series: filter.series(condition), asked: Vec::new() };
    }
    // What must hold in any case is asked of the index first.
    let (mut series, rest) = match condition {
        Eval::Logic(LogicOp::And, operands) => {
            let (tags, rest): (Vec<&Eval>, Vec<&Eval>) =
                operands.iter().partition(|operand| filter.of_tags(operand));
            let both = tags.iter().fold(all.clone(), |both, it| both & filter.series(it));
            (both, Eval::Logic(LogicOp::And, rest.into_iter().cloned().collect()))
        }
        other => (all.clone(), other.clone()),
    };
    let asked = filter.ask(&series, &rest);
    if !asked.iter().all(|(_, eval)| !is(eval, false)) {
        for (those, _) in asked.iter().filter(|(_, eval)| is(eval, false)) {
            series -= those;
        }
    }
    let open = |eval: &Eval| !is(eval, true) && !is(eval, false);
    Selection { series, asked: asked.into_iter().filter(|(_, eval)| open(eval)).collect() }
}

fn is(eval: &Eval, value: bool) -> bool {
    matches!(eval, Eval::Constant(Scalar::Boolean(it)) if *it == value)
}

struct Filter<'a> {
    table: &'a StoredTable,
    inputs: &'a [Input],
}

impl Filter<'_> {
    /// The tag that a column is, or may be as far as the index knows.
    fn tag(&self, column: usize) -> Option<&str> {
        let input = self.inputs.get(column)?;
        matches!(input.kind, None | Some(Kind::Tag)).then_some(input.name.as_str())
    }

    /// Whether only tags are asked about.
    fn of_tags(&self, eval: &Eval) -> bool {
        match eval {
            Eval::Column(column) => self.tag(*column).is_some(),
            Eval::Constant(_) | Eval::Unsigned(_) | Eval::Null => true,
            Eval::Binary { left, right, .. } => self.of_tags(left) && self.of_tags(right),
            Eval::Matches { text, .. } => self.of_tags(text),
            Eval::Logic(_, operands) => operands.iter().all(|operand| self.of_tags(operand)),
            Eval::Math { args, .. } => args.iter().all(|arg| self.of_tags(arg)),
        }
    }

    /// The series for which a condition of tags holds. An absent tag is an empty text.
    fn series(&self, eval: &Eval) -> RoaringBitmap {
        let measurement = &self.table.measurement;
        match eval {
            Eval::Logic(op, operands) => {
                let mut all = operands.iter().map(|operand| self.series(operand));
                let first = all.next().unwrap_or_default();
                match op {
                    LogicOp::And => all.fold(first, |both, it| both & it),
                    LogicOp::Or => all.fold(first, |either, it| either | it),
                }
            }
            Eval::Binary { op: op @ (BinaryOp::Equal | BinaryOp::NotEqual), left, right } => {
                let (tag, value) = match (&**left, &**right) {
                    (Eval::Column(tag), Eval::Constant(Scalar::String(value)))
                    | (Eval::Constant(Scalar::String(value)), Eval::Column(tag)) => (*tag, value),
                    _ => return self.each(eval),
                };
                let Some(tag) = self.tag(tag) else { return RoaringBitmap::new() };
                let equal = match tag {
                    MEASUREMENT_NAME => self.named(|name| name == &**value),
                    tag => measurement.series_with(tag, value),
                };
                if *op == BinaryOp::Equal { equal } else { measurement.series_all() - equal }
            }
            Eval::Matches { text, regex, negated } => {
                let Eval::Column(tag) = &**text else { return self.each(eval) };
                let Some(tag) = self.tag(*tag) else { return RoaringBitmap::new() };
                let matching = match tag {
                    MEASUREMENT_NAME => self.named(|name| regex.is_match(name)),
                    tag => self.matching(tag, regex),
                };
                if *negated { measurement.series_all() - matching } else { matching }
            }
            Eval::Constant(Scalar::Boolean(true)) => measurement.series_all().clone(),
            Eval::Constant(_) | Eval::Unsigned(_) | Eval::Null | Eval::Column(_) => {
                RoaringBitmap::new()
            }
            other => self.each(other),
        }
    }

    /// All series, or none: `_name` is the measurement's.
    fn named(&self, holds: impl Fn(&str) -> bool) -> RoaringBitmap {
        let measurement = &self.table.measurement;
        match holds(measurement.name()) {
            true => measurement.series_all().clone(),
            false => RoaringBitmap::new(),
        }
    }

    fn matching(&self, tag: &str, regex: &Regex) -> RoaringBitmap {
        let measurement = &self.table.measurement;
        let values = measurement.tag_values(tag).filter(|(value, _)| regex.is_match(value));
        let mut matching = values.fold(RoaringBitmap::new(), |all, (_, those)| all | those);
        if regex.is_match("") {
            matching |= measurement.series_with(tag, "");
        }
        matching
    }

    /// Asks each series in turn.
    fn each(&self, eval: &Eval) -> RoaringBitmap {
        let measurement = &self.table.measurement;
        let holds_for = |series: &u32| {
            let column = |at: usize| {
                let value =
                    self.tag(at).and_then(|tag| measurement.tag(SeriesId::new(*series), tag));
                Column::same(&Arc::from(value.unwrap_or_default()), 1)
            };
            let columns: Vec<Column> = (0..self.inputs.len()).map(column).collect();
            holds(eval, &columns, 1).first() == Some(&true)
        };
        measurement.series_all().iter().filter(holds_for).collect()
    }

    /// What is still to be asked of the rows of these series, once their tags are known.
    fn ask(&self, series: &RoaringBitmap, eval: &Eval) -> Vec<(RoaringBitmap, Eval)> {
        let mut leaves = Vec::new();
        self.leaves(eval, &mut leaves);
        let known: Vec<RoaringBitmap> = leaves.iter().map(|leaf| self.series(leaf)).collect();
        if known.is_empty() {
            return vec![(series.clone(), eval.clone())];
        }
        let mut parts: HashMap<Vec<bool>, RoaringBitmap> = HashMap::new();
        for id in series {
            let answers = known.iter().map(|those| those.contains(id)).collect();
            parts.entry(answers).or_default().insert(id);
        }
        let asked = |(answers, those): (Vec<bool>, RoaringBitmap)| {
            let mut answers = answers.into_iter();
            (those, self.answered(eval, &mut answers))
        };
        parts.into_iter().map(asked).collect()
    }

    /// The largest parts of a condition that ask only about tags.
    fn leaves<'e>(&self, eval: &'e Eval, leaves: &mut Vec<&'e Eval>) {
        match eval {
            Eval::Constant(_) => {}
            eval if self.of_tags(eval) => leaves.push(eval),
            Eval::Logic(_, operands) => {
                operands.iter().for_each(|operand| self.leaves(operand, leaves));
            }
            _ => {}
        }
    }

    /// The condition with the answers in the places of its leaves, in the same order.
    fn answered(&self, eval: &Eval, answers: &mut impl Iterator<Item = bool>) -> Eval {
        match eval {
            Eval::Constant(_) => eval.clone(),
            eval if self.of_tags(eval) => {
                Eval::Constant(Scalar::Boolean(answers.next().unwrap_or(false)))
            }
            Eval::Logic(op, operands) => {
                let decides = *op == LogicOp::Or;
                let all: Vec<Eval> =
                    operands.iter().map(|operand| self.answered(operand, answers)).collect();
                if all.iter().any(|it| is(it, decides)) {
                    return Eval::Constant(Scalar::Boolean(decides));
                }
                let mut open: Vec<Eval> = all.into_iter().filter(|it| !is(it, !decides)).collect();
                match (open.pop(), open.is_empty()) {
                    (None, _) => Eval::Constant(Scalar::Boolean(!decides)),
                    (Some(only), true) => only,
                    (Some(last), false) => {
                        open.push(last);
                        Eval::Logic(*op, open)
                    }
                }
            }
            other => other.clone(),
        }
    }
}
