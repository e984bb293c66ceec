//! Expressions calculated for many rows at once (InfluxDB's `ValuerEval`).

use std::cmp::Ordering;
use std::sync::Arc;

use super::columns::integer_to_float;
use crate::plan::{BinaryOp, Eval, LogicOp, Regex};
use crate::scalar_math::MathFunction;
use crate::{Column, Scalar, Validity, Values};

/// Where an expression stands, and so by which of InfluxDB's rules it is calculated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// It is put out: integers divide to floats, and nothing is false beside a boolean.
    Output,
    /// Integers divide to integers.
    Condition,
}

/// Calculates an expression that is put out, of rows of these columns.
pub(crate) fn evaluate(eval: &Eval, columns: &[Column], rows: usize) -> Column {
    Evaluator { columns, rows, place: Place::Output }.vector(eval).into_column(rows)
}

/// The rows for which a condition holds.
pub(crate) fn holds(condition: &Eval, columns: &[Column], rows: usize) -> Vec<bool> {
    Evaluator { columns, rows, place: Place::Condition }.truth(condition)
}

struct Evaluator<'a> {
    columns: &'a [Column],
    rows: usize,
    place: Place,
}

/// Values of all rows.
enum Vector<'a> {
    Column(&'a Column),
    Owned(Column),
    Constant(&'a Scalar),
    Unsigned(u64),
    Null,
}

impl Vector<'_> {
    fn into_column(self, rows: usize) -> Column {
        match self {
            Self::Column(column) => column.clone(),
            Self::Owned(column) => column,
            Self::Constant(Scalar::Float(value)) => {
                Column::valid(Values::Float(vec![*value; rows]))
            }
            Self::Constant(Scalar::Integer(value)) => {
                Column::valid(Values::Integer(vec![*value; rows]))
            }
            Self::Constant(Scalar::Boolean(value)) => {
                Column::valid(Values::Boolean(vec![*value; rows]))
            }
            Self::Constant(Scalar::String(value)) => {
                Column::valid(Values::Same(Arc::clone(value), rows))
            }
            Self::Unsigned(value) => Column::valid(Values::Float(vec![unsigned(value); rows])),
            Self::Null => Column::nulls(crate::plan::Kind::Float, rows),
        }
    }

    const fn validity(&self) -> &Validity {
        match self {
            Self::Column(column) => &column.validity,
            Self::Owned(column) => &column.validity,
            Self::Constant(_) | Self::Unsigned(_) => &Validity::All,
            Self::Null => &Validity::None,
        }
    }

    const fn values(&self) -> Option<&Values> {
        match self {
            Self::Column(column) => Some(&column.values),
            Self::Owned(column) => Some(&column.values),
            Self::Constant(_) | Self::Unsigned(_) | Self::Null => None,
        }
    }

    fn floats(&self) -> Option<Operand<'_, f64>> {
        match (self, self.values()) {
            (Self::Unsigned(value), _) => Some(Operand::One(unsigned(*value))),
            (Self::Constant(Scalar::Float(value)), _) => Some(Operand::One(*value)),
            (Self::Constant(Scalar::Integer(value)), _) => {
                Some(Operand::One(integer_to_float(*value)))
            }
            (_, Some(Values::Float(values))) => Some(Operand::Many(values)),
            (_, Some(Values::Integer(values))) => {
                Some(Operand::Owned(values.iter().copied().map(integer_to_float).collect()))
            }
            _ => None,
        }
    }

    fn integers(&self) -> Option<Operand<'_, i64>> {
        match (self, self.values()) {
            (Self::Constant(Scalar::Integer(value)), _) => Some(Operand::One(*value)),
            (_, Some(Values::Integer(values))) => Some(Operand::Many(values)),
            _ => None,
        }
    }

    fn booleans(&self) -> Option<Operand<'_, bool>> {
        match (self, self.values()) {
            (Self::Constant(Scalar::Boolean(value)), _) => Some(Operand::One(*value)),
            (_, Some(Values::Boolean(values))) => Some(Operand::Many(values)),
            _ => None,
        }
    }

    fn texts(&self) -> Option<Operand<'_, Arc<str>>> {
        match (self, self.values()) {
            (Self::Constant(Scalar::String(value)), _) => Some(Operand::One(Arc::clone(value))),
            (_, Some(Values::String(values))) => Some(Operand::Many(values)),
            (_, Some(Values::Same(value, _))) => Some(Operand::One(Arc::clone(value))),
            _ => None,
        }
    }
}

/// One side of an operation: one value for all rows, or one a row.
enum Operand<'a, T> {
    One(T),
    Many(&'a [T]),
    Owned(Vec<T>),
}

impl<T> Operand<'_, T> {
    fn slice(&self) -> Result<&[T], &T> {
        match self {
            Self::One(value) => Err(value),
            Self::Many(values) => Ok(values),
            Self::Owned(values) => Ok(values),
        }
    }
}

fn zip<T, R: Clone>(
    left: &Operand<'_, T>,
    right: &Operand<'_, T>,
    rows: usize,
    apply: impl Fn(&T, &T) -> R,
) -> Vec<R> {
    match (left.slice(), right.slice()) {
        (Ok(left), Ok(right)) => left.iter().zip(right).map(|(a, b)| apply(a, b)).collect(),
        (Ok(left), Err(right)) => left.iter().map(|a| apply(a, right)).collect(),
        (Err(left), Ok(right)) => right.iter().map(|b| apply(left, b)).collect(),
        (Err(left), Err(right)) => vec![apply(left, right); rows],
    }
}

impl<'a> Evaluator<'a> {
    fn vector(&self, eval: &'a Eval) -> Vector<'a> {
        match eval {
            Eval::Column(at) => self.columns.get(*at).map_or(Vector::Null, Vector::Column),
            Eval::Constant(value) => Vector::Constant(value),
            Eval::Unsigned(value) => Vector::Unsigned(*value),
            Eval::Null => Vector::Null,
            Eval::Binary { op, left, right } => {
                self.binary(*op, &self.vector(left), &self.vector(right))
            }
            Eval::Matches { .. } | Eval::Logic(..) => {
                Vector::Owned(Column::valid(Values::Boolean(self.truth(eval))))
            }
            Eval::Math { function, args } => self.math(*function, args),
        }
    }

    /// Where an expression is true; false where it has no value.
    fn truth(&self, eval: &'a Eval) -> Vec<bool> {
        match eval {
            Eval::Logic(op, operands) => {
                let all = *op == LogicOp::And;
                let mut holds = vec![all; self.rows];
                for operand in operands {
                    for (holds, more) in holds.iter_mut().zip(self.truth(operand)) {
                        *holds = if all { *holds && more } else { *holds || more };
                    }
                }
                holds
            }
            Eval::Matches { text, regex, negated } => self.matches(text, regex, *negated),
            other => match self.vector(other).into_column(self.rows) {
                Column { values: Values::Boolean(values), validity } => masked(values, &validity),
                _ => vec![false; self.rows],
            },
        }
    }

    fn matches(&self, text: &'a Eval, regex: &Regex, negated: bool) -> Vec<bool> {
        let text = self.vector(text);
        let holds = match text.texts() {
            None => return vec![false; self.rows],
            Some(Operand::One(value)) => vec![regex.is_match(&value) != negated; self.rows],
            Some(Operand::Many(values)) => {
                each_once(values, |value| regex.is_match(value) != negated)
            }
            Some(Operand::Owned(values)) => {
                each_once(&values, |value| regex.is_match(value) != negated)
            }
        };
        masked(holds, text.validity())
    }

    fn binary(&self, op: BinaryOp, left: &Vector<'_>, right: &Vector<'_>) -> Vector<'a> {
        if let (Some(apply), Some(those)) = (boolean_operation(op), left.booleans()) {
            return Vector::Owned(self.booleans(apply, left, &those, right));
        }
        let validity = left.validity().and(right.validity());
        if op.is_comparison() {
            let holds = self.compare(op, left, right);
            let holds = holds.map_or_else(|| vec![false; self.rows], |it| masked(it, &validity));
            return Vector::Owned(Column::valid(Values::Boolean(holds)));
        }
        let values = self.arithmetic(op, left, right);
        values.map_or(Vector::Null, |values| Vector::Owned(Column { values, validity }))
    }

    /// An operation of booleans: false beside what isn't one.
    fn booleans(
        &self,
        apply: fn(bool, bool) -> bool,
        left: &Vector<'_>,
        values: &Operand<'_, bool>,
        right: &Vector<'_>,
    ) -> Column {
        let rows = self.rows;
        let (validity, there) = (left.validity(), right.validity());
        let Some(others) = right.booleans() else {
            // Nothing at all is false in what is put out, so that the left side decides.
            let own = |a: bool| self.place == Place::Output && apply(a, false);
            let falses = Operand::One(false);
            let mut holds = zip(values, &falses, rows, |a, _| own(*a));
            holds.iter_mut().enumerate().for_each(|(row, it)| *it &= !there.is_valid(row));
            return Column { values: Values::Boolean(holds), validity: validity.clone() };
        };
        let validity = match self.place {
            Place::Output => validity.or(there),
            Place::Condition => validity.and(there),
        };
        let present = |operand: &Operand<'_, bool>, validity: &Validity| {
            masked(zip(operand, operand, rows, |a, _| *a), validity)
        };
        let (values, others) = (present(values, left.validity()), present(&others, there));
        let both = values.iter().zip(others).map(|(a, b)| apply(*a, b)).collect();
        Column { values: Values::Boolean(both), validity }
    }

    /// `None` where these types can't be compared, so that nothing holds.
    fn compare(&self, op: BinaryOp, left: &Vector<'_>, right: &Vector<'_>) -> Option<Vec<bool>> {
        if let (Some(left), Some(right)) = (left.integers(), right.integers()) {
            return Some(zip(&left, &right, self.rows, |a, b| ordered(op, Some(a.cmp(b)))));
        }
        // An integer is less than one that is more than any.
        match (left, right) {
            (Vector::Unsigned(_), right) if right.integers().is_some() => {
                return Some(vec![ordered(op, Some(Ordering::Greater)); self.rows]);
            }
            (left, Vector::Unsigned(_)) if left.integers().is_some() => {
                return Some(vec![ordered(op, Some(Ordering::Less)); self.rows]);
            }
            _ => {}
        }
        if let (Some(left), Some(right)) = (left.floats(), right.floats()) {
            return Some(zip(&left, &right, self.rows, |a, b| ordered(op, a.partial_cmp(b))));
        }
        if !matches!(op, BinaryOp::Equal | BinaryOp::NotEqual) {
            return None;
        }
        let wanted = op == BinaryOp::Equal;
        if let (Some(left), Some(right)) = (left.booleans(), right.booleans()) {
            return Some(zip(&left, &right, self.rows, |a, b| (a == b) == wanted));
        }
        let (left, right) = (left.texts()?, right.texts()?);
        Some(zip(&left, &right, self.rows, |a, b| (a == b) == wanted))
    }

    fn arithmetic(&self, op: BinaryOp, left: &Vector<'_>, right: &Vector<'_>) -> Option<Values> {
        if let (Some(left), Some(right)) = (left.integers(), right.integers()) {
            if op == BinaryOp::Divide && self.place == Place::Output {
                let divide =
                    |a: &i64, b: &i64| quotient(integer_to_float(*a), integer_to_float(*b));
                return Some(Values::Float(zip(&left, &right, self.rows, divide)));
            }
            let apply = integer_operation(op)?;
            return Some(Values::Integer(zip(&left, &right, self.rows, |a, b| apply(*a, *b))));
        }
        let (left, right) = (left.floats()?, right.floats()?);
        let apply = float_operation(op)?;
        Some(Values::Float(zip(&left, &right, self.rows, |a, b| apply(*a, *b))))
    }

    fn math(&self, function: MathFunction, args: &'a [Eval]) -> Vector<'a> {
        let args: Vec<Vector<'a>> = args.iter().map(|arg| self.vector(arg)).collect();
        let (Some(x), y) = (args.first(), args.get(1)) else { return Vector::Null };
        if function.keeps_integers() && x.integers().is_some() {
            return args.into_iter().next().unwrap_or(Vector::Null);
        }
        let zero = Operand::One(0.0);
        let (Some(left), Some(right)) = (x.floats(), y.map_or(Some(zero), Vector::floats)) else {
            return Vector::Null;
        };
        let values = zip(&left, &right, self.rows, |x, y| function.apply(*x, *y));
        let validity = y.map_or(Validity::All, |y| y.validity().clone()).and(x.validity());
        Vector::Owned(Column { values: Values::Float(values), validity })
    }
}

fn masked(mut holds: Vec<bool>, validity: &Validity) -> Vec<bool> {
    match validity {
        Validity::All => {}
        Validity::None => holds.fill(false),
        Validity::Mask(mask) => holds.iter_mut().zip(mask).for_each(|(it, valid)| *it &= *valid),
    }
    holds
}

/// Asks once for each run of texts that share their memory.
fn each_once(values: &[Arc<str>], ask: impl Fn(&str) -> bool) -> Vec<bool> {
    let mut last: Option<(&Arc<str>, bool)> = None;
    values
        .iter()
        .map(|value| match last {
            Some((known, answer)) if Arc::ptr_eq(known, value) => answer,
            _ => {
                let answer = ask(value);
                last = Some((value, answer));
                answer
            }
        })
        .collect()
}

const fn ordered(op: BinaryOp, order: Option<Ordering>) -> bool {
    match op {
        BinaryOp::Equal => matches!(order, Some(Ordering::Equal)),
        BinaryOp::NotEqual => !matches!(order, Some(Ordering::Equal)),
        BinaryOp::Less => matches!(order, Some(Ordering::Less)),
        BinaryOp::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        BinaryOp::Greater => matches!(order, Some(Ordering::Greater)),
        BinaryOp::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        _ => false,
    }
}

#[expect(clippy::cast_precision_loss, reason = "beside floats it is no more than a number")]
const fn unsigned(value: u64) -> f64 {
    value as f64
}

fn boolean_operation(op: BinaryOp) -> Option<fn(bool, bool) -> bool> {
    Some(match op {
        BinaryOp::BitAnd => |a, b| a && b,
        BinaryOp::BitOr => |a, b| a || b,
        BinaryOp::BitXor => |a, b| a != b,
        _ => return None,
    })
}

/// InfluxDB's quotient by zero is zero.
fn quotient(a: f64, b: f64) -> f64 {
    if b == 0.0 { 0.0 } else { a / b }
}

fn float_operation(op: BinaryOp) -> Option<fn(f64, f64) -> f64> {
    Some(match op {
        BinaryOp::Add => |a, b| a + b,
        BinaryOp::Subtract => |a, b| a - b,
        BinaryOp::Multiply => |a, b| a * b,
        BinaryOp::Divide => quotient,
        BinaryOp::Modulo => |a, b| a % b,
        _ => return None,
    })
}

fn integer_operation(op: BinaryOp) -> Option<fn(i64, i64) -> i64> {
    Some(match op {
        BinaryOp::Add => i64::wrapping_add,
        BinaryOp::Subtract => i64::wrapping_sub,
        BinaryOp::Multiply => i64::wrapping_mul,
        BinaryOp::Divide => |a, b| if b == 0 { 0 } else { a.wrapping_div(b) },
        BinaryOp::Modulo => |a, b| if b == 0 { 0 } else { a.wrapping_rem(b) },
        BinaryOp::BitAnd => |a, b| a & b,
        BinaryOp::BitOr => |a, b| a | b,
        BinaryOp::BitXor => |a, b| a ^ b,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(values: Values, mask: &[bool]) -> Column {
        Column { values, validity: Validity::of(mask.to_vec()) }
    }

    fn binary(op: BinaryOp, left: Eval, right: Eval) -> Eval {
        Eval::Binary { op, left: Box::new(left), right: Box::new(right) }
    }

    fn constant(value: i64) -> Eval {
        Eval::Constant(Scalar::Integer(value))
    }

    #[test]
    fn integers_divide_by_where_they_stand() {
        let columns = [column(Values::Integer(vec![30, 7]), &[true, true])];
        let half = binary(BinaryOp::Divide, Eval::Column(0), constant(20));
        let put_out = evaluate(&half, &columns, 2);
        assert_eq!(put_out.values, Values::Float(vec![1.5, 0.35]));
        let one = binary(BinaryOp::Equal, half, constant(1));
        assert_eq!(holds(&one, &columns, 2), [true, false]);
    }

    #[test]
    fn what_is_not_there_compares_with_nothing() {
        let columns = [column(Values::Integer(vec![1, 0]), &[true, false])];
        for op in [BinaryOp::NotEqual, BinaryOp::Less] {
            assert_eq!(
                holds(&binary(op, Eval::Column(0), constant(9)), &columns, 2),
                [true, false]
            );
        }
        let sum = binary(BinaryOp::Add, Eval::Column(0), constant(1));
        let sum = evaluate(&sum, &columns, 2);
        assert_eq!((sum.get(0), sum.get(1)), (Some(Scalar::Integer(2)), None));
    }

    fn shown(eval: &Eval, columns: &[Column], rows: usize) -> Vec<Option<Scalar>> {
        let column = evaluate(eval, columns, rows);
        (0..rows).map(|row| column.get(row)).collect()
    }

    #[test]
    fn a_boolean_beside_something_else_is_false() {
        let columns = [
            column(Values::Boolean(vec![true, true, false, true]), &[true, true, true, false]),
            column(Values::Integer(vec![3, 0, 3, 3]), &[true, false, true, true]),
        ];
        let some = |value| Some(Scalar::Boolean(value));
        let of = |op| binary(op, Eval::Column(0), Eval::Column(1));
        // Beside nothing at all it stays what it is.
        assert_eq!(
            shown(&of(BinaryOp::BitOr), &columns, 4),
            [some(false), some(true), some(false), None]
        );
        assert_eq!(
            shown(&of(BinaryOp::BitAnd), &columns, 4),
            [some(false), some(false), some(false), None]
        );
        let text = Eval::Constant(Scalar::String("x".into()));
        let either = binary(BinaryOp::BitXor, Eval::Column(0), text);
        assert_eq!(shown(&either, &columns, 4), [some(false), some(false), some(false), None]);
        let is_false = |eval| binary(BinaryOp::Equal, eval, Eval::Constant(Scalar::Boolean(false)));
        assert_eq!(holds(&is_false(of(BinaryOp::BitOr)), &columns, 4), [true, true, true, false]);
    }

    #[test]
    fn what_is_not_there_is_false_beside_a_boolean() {
        let columns = [
            column(Values::Boolean(vec![true, true, false, false]), &[true, true, false, false]),
            column(Values::Boolean(vec![true, false, true, false]), &[true, false, true, false]),
        ];
        let some = |value| Some(Scalar::Boolean(value));
        let of = |op| binary(op, Eval::Column(0), Eval::Column(1));
        assert_eq!(
            shown(&of(BinaryOp::BitOr), &columns, 4),
            [some(true), some(true), some(true), None]
        );
        assert_eq!(
            shown(&of(BinaryOp::BitAnd), &columns, 4),
            [some(true), some(false), some(false), None]
        );
    }

    #[test]
    fn integers_are_less_than_one_that_does_not_fit() {
        let columns = [
            column(Values::Integer(vec![i64::MAX, -1]), &[true, true]),
            column(Values::Float(vec![9_223_372_036_854_775_808.0, 1e20]), &[true, true]),
        ];
        let compared = |op, column| binary(op, Eval::Column(column), Eval::Unsigned(1 << 63));
        assert_eq!(holds(&compared(BinaryOp::Less, 0), &columns, 2), [true, true]);
        assert_eq!(holds(&compared(BinaryOp::Equal, 0), &columns, 2), [false, false]);
        assert_eq!(holds(&compared(BinaryOp::Equal, 1), &columns, 2), [true, false]);
        let mirrored = binary(BinaryOp::Greater, Eval::Unsigned(1 << 63), Eval::Column(0));
        assert_eq!(holds(&mirrored, &columns, 2), [true, true]);
    }

    #[test]
    fn mathematical_functions_know_numbers_only() {
        let columns = [column(Values::Boolean(vec![true]), &[true])];
        let math = |function, args| Eval::Math { function, args };
        let absolute = math(MathFunction::Abs, vec![Eval::Column(0)]);
        assert_eq!(shown(&absolute, &columns, 1), [None]);
        let power = math(MathFunction::Pow, vec![constant(2), Eval::Column(0)]);
        assert_eq!(shown(&power, &columns, 1), [None]);
    }

    #[test]
    fn types_that_cannot_be_compared() {
        let columns = [column(Values::Float(vec![1.0]), &[true])];
        let text = Eval::Constant(Scalar::String("1".into()));
        assert_eq!(holds(&binary(BinaryOp::NotEqual, Eval::Column(0), text), &columns, 1), [false]);
    }

    #[test]
    fn zero_and_overflow() {
        let columns = [column(Values::Integer(vec![i64::MAX]), &[true])];
        let calculate = |op, by| evaluate(&binary(op, Eval::Column(0), constant(by)), &columns, 1);
        assert_eq!(calculate(BinaryOp::Add, 1).values, Values::Integer(vec![i64::MIN]));
        assert_eq!(calculate(BinaryOp::Divide, 0).values, Values::Float(vec![0.0]));
        assert_eq!(calculate(BinaryOp::Modulo, 0).values, Values::Integer(vec![0]));
    }

    #[test]
    fn any_and_all() {
        let columns = [column(Values::Integer(vec![1, 2, 3]), &[true, true, true])];
        let less = binary(BinaryOp::Less, Eval::Column(0), constant(2));
        let more = binary(BinaryOp::Greater, Eval::Column(0), constant(2));
        let either = Eval::Logic(LogicOp::Or, vec![less.clone(), more.clone()]);
        assert_eq!(holds(&either, &columns, 3), [true, false, true]);
        assert_eq!(holds(&Eval::Logic(LogicOp::And, vec![less, more]), &columns, 3), [false; 3]);
    }

    #[test]
    fn functions_keep_integers_or_make_floats() {
        let columns = [column(Values::Integer(vec![4]), &[true])];
        let call = |function| {
            let eval = Eval::Math { function, args: vec![Eval::Column(0)] };
            evaluate(&eval, &columns, 1).values
        };
        assert_eq!(call(MathFunction::Abs), Values::Integer(vec![4]));
        assert_eq!(call(MathFunction::Sqrt), Values::Float(vec![2.0]));
    }
}
