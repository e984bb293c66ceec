//! Which columns a level reads, and expressions over them (InfluxDB's `valueMapper`).

use std::sync::Arc;

use super::level::{Aggregate, Body, CallPlan, Eval, Input, Interval, Output, Transform};
use super::node::{BinaryOp, Call, Kind, Node, Reference};
use super::types::kind_of;
use crate::kernel::holt_winters::Forecast;
use crate::scalar_math::MathFunction;
use crate::{QueryError, Scalar};

/// Collects what the expressions of a level need.
pub(crate) struct Inputs {
    interval: Option<Interval>,
    inputs: Vec<Input>,
    calls: Vec<(Node, CallPlan)>,
    /// Names that are put out as they are, as inputs.
    plain: Vec<usize>,
}

impl Inputs {
    pub(crate) const fn new(interval: Option<Interval>) -> Self {
        Self { interval, inputs: Vec::new(), calls: Vec::new(), plain: Vec::new() }
    }

    pub(crate) fn into_list(self) -> Vec<Input> {
        self.inputs
    }

    fn input(&mut self, reference: &Reference, for_condition: bool) -> usize {
        let input = Input { name: reference.name.clone(), kind: reference.kind, for_condition };
        let found = self.inputs.iter().position(|it| *it == input);
        found.unwrap_or_else(|| {
            self.inputs.push(input);
            self.inputs.len() - 1
        })
    }

    /// What an output is made of. Columns are inputs and calls for now: [`Self::body`] numbers them.
    pub(crate) fn output(&mut self, node: &Node) -> Result<Eval, QueryError> {
        match node {
            Node::Reference(reference) => {
                let input = self.input(reference, false);
                if !self.plain.contains(&input) {
                    self.plain.push(input);
                }
                Ok(Eval::Column(plain_mark(input)))
            }
            Node::Call(call) if MathFunction::named(&call.name).is_none() => {
                Ok(Eval::Column(self.call(node, call)?))
            }
            other => self.expression(other, &mut |inputs, node| inputs.output(node)),
        }
    }

    /// A condition, over the inputs.
    pub(crate) fn condition(&mut self, node: &Node) -> Result<Eval, QueryError> {
        match node {
            Node::Reference(reference) => Ok(Eval::Column(self.input(reference, true))),
            other => self.expression(other, &mut |inputs, node| inputs.condition(node)),
        }
    }

    fn expression(
        &mut self,
        node: &Node,
        inner: &mut dyn FnMut(&mut Self, &Node) -> Result<Eval, QueryError>,
    ) -> Result<Eval, QueryError> {
        let all =
            |inputs: &mut Self, nodes: &[Node], inner: &mut dyn FnMut(&mut Self, &Node) -> _| {
                nodes.iter().map(|node| inner(inputs, node)).collect::<Result<Vec<_>, QueryError>>()
            };
        Ok(match node {
            Node::Float(value) => Eval::Constant(Scalar::Float(*value)),
            Node::Integer(value) => Eval::Constant(Scalar::Integer(*value)),
            Node::Unsigned(value) => Eval::Unsigned(*value),
            Node::Text(value) => Eval::Constant(Scalar::String(value.as_str().into())),
            Node::Boolean(value) => Eval::Constant(Scalar::Boolean(*value)),
            Node::Paren(within) => inner(self, within)?,
            Node::Logic(op, operands) => Eval::Logic(*op, all(self, operands, inner)?),
            Node::Binary(binary) => match (binary.op, &binary.right) {
                (op @ (BinaryOp::Matches | BinaryOp::NotMatches), Node::Regex(regex)) => {
                    Eval::Matches {
                        text: Box::new(inner(self, &binary.left)?),
                        regex: regex.clone(),
                        negated: op == BinaryOp::NotMatches,
                    }
                }
                (op, right) => Eval::Binary {
                    op,
                    left: Box::new(inner(self, &binary.left)?),
                    right: Box::new(inner(self, right)?),
                },
            },
            Node::Call(call) => match MathFunction::named(&call.name) {
                Some(function) => Eval::Math { function, args: all(self, &call.args, inner)? },
                None => Eval::Null,
            },
            _ => Eval::Null,
        })
    }

    /// The number of a call; one that is there already is calculated once.
    fn call(&mut self, node: &Node, call: &Call) -> Result<usize, QueryError> {
        if let Some(at) = self.calls.iter().position(|(known, _)| known == node) {
            return Ok(at);
        }
        let kind = kind_of(node, &[]).unwrap_or(None);
        let plan = self.plan(call, kind)?;
        self.calls.push((node.clone(), plan));
        Ok(self.calls.len() - 1)
    }

    fn plan(&mut self, call: &Call, kind: Option<Kind>) -> Result<CallPlan, QueryError> {
        let first = call.args.first();
        if let Some(transform) = self.transform(call) {
            let mut plan = match first {
                Some(Node::Call(inner)) => self.plan(inner, kind)?,
                _ => self.rows(first, kind, None)?,
            };
            plan.transforms.push(transform);
            return Ok(plan);
        }
        let (aggregate, argument) = match (call.name.as_str(), first) {
            ("count", Some(Node::Call(inner))) => (Aggregate::CountDistinct, inner.args.first()),
            _ => (aggregate(call)?, first),
        };
        self.rows(argument, kind, Some(aggregate))
    }

    fn rows(
        &mut self,
        argument: Option<&Node>,
        kind: Option<Kind>,
        aggregate: Option<Aggregate>,
    ) -> Result<CallPlan, QueryError> {
        let Some(Node::Reference(reference)) = argument else {
            return Err(QueryError::Invalid("expected field argument".into()));
        };
        let input = self.input(reference, false);
        Ok(CallPlan { input, aggregate, transforms: Vec::new(), kind })
    }

    fn transform(&self, call: &Call) -> Option<Transform> {
        let every = self.interval.map(|interval| interval.every);
        let integer = |at: usize| match call.args.get(at) {
            Some(Node::Integer(value)) => usize::try_from(*value).unwrap_or(usize::MAX),
            _ => 0,
        };
        let unit = |otherwise: i64| match call.args.get(1) {
            Some(Node::Duration(unit)) => *unit,
            _ => otherwise,
        };
        let non_negative = call.name.starts_with("non_negative");
        Some(match call.name.as_str() {
            "derivative" | "non_negative_derivative" => {
                Transform::Derivative { unit: unit(every.unwrap_or(1_000_000_000)), non_negative }
            }
            "difference" | "non_negative_difference" => Transform::Difference { non_negative },
            "elapsed" => Transform::Elapsed { unit: unit(1) },
            "cumulative_sum" => Transform::CumulativeSum,
            "moving_average" => Transform::MovingAverage { window: integer(1) },
            "holt_winters" | "holt_winters_with_fit" => Transform::HoltWinters {
                forecast: Forecast {
                    ahead: integer(1),
                    season: integer(2),
                    with_fit: call.name == "holt_winters_with_fit",
                    interval: every.unwrap_or(1),
                },
            },
            _ => return None,
        })
    }

    /// What is done with the rows, and the outputs' columns numbered as that makes them.
    pub(crate) fn body(&self, outputs: &mut [Output]) -> Body {
        let mut beside = self.plain.clone();
        let order = |input: &usize| self.inputs.get(*input).map(|it| (&it.name, it.kind));
        beside.sort_by(|a, b| order(a).cmp(&order(b)));
        for output in outputs {
            renumber(&mut output.eval, self.calls.len(), &beside);
        }
        let known = |input: &usize| self.inputs.get(*input).is_some_and(|it| it.kind.is_some());
        if self.calls.is_empty() {
            return match beside.iter().any(known) {
                true => Body::Raw { columns: beside },
                false => Body::Nothing,
            };
        }
        let calls: Vec<CallPlan> = self.calls.iter().map(|(_, plan)| plan.clone()).collect();
        if calls.iter().all(|call| call.kind.is_none()) {
            return Body::Nothing;
        }
        let selector = matches!(calls.as_slice(), [only] if only.picks_rows());
        Body::Calls { calls, beside, selector }
    }
}

impl CallPlan {
    /// Whether its values are those of rows, so that other columns of these can stand beside them.
    fn picks_rows(&self) -> bool {
        let picks = matches!(
            self.aggregate,
            Some(
                Aggregate::First
                    | Aggregate::Last
                    | Aggregate::Min
                    | Aggregate::Max
                    | Aggregate::Percentile(_)
                    | Aggregate::Sample(_)
                    | Aggregate::Top { .. }
            )
        );
        picks && self.transforms.is_empty()
    }
}

/// Marks a column as an input until all are known: counted from the end.
const fn plain_mark(input: usize) -> usize {
    usize::MAX - input
}

/// Numbers the columns: calls first, then what stands beside them.
fn renumber(eval: &mut Eval, calls: usize, beside: &[usize]) {
    match eval {
        Eval::Column(column) if *column >= calls => {
            let input = plain_mark(*column);
            *column = calls + beside.iter().position(|it| *it == input).unwrap_or(0);
        }
        Eval::Column(_) | Eval::Constant(_) | Eval::Unsigned(_) | Eval::Null => {}
        Eval::Binary { left, right, .. } => {
            renumber(left, calls, beside);
            renumber(right, calls, beside);
        }
        Eval::Matches { text, .. } => renumber(text, calls, beside),
        Eval::Logic(_, operands) => {
            operands.iter_mut().for_each(|operand| renumber(operand, calls, beside));
        }
        Eval::Math { args, .. } => args.iter_mut().for_each(|arg| renumber(arg, calls, beside)),
    }
}

fn aggregate(call: &Call) -> Result<Aggregate, QueryError> {
    let integer = |node: Option<&Node>| match node {
        Some(Node::Integer(value)) => usize::try_from(*value).unwrap_or(usize::MAX),
        _ => 0,
    };
    Ok(match call.name.as_str() {
        "count" => Aggregate::Count,
        "sum" => Aggregate::Sum,
        "mean" => Aggregate::Mean,
        "min" => Aggregate::Min,
        "max" => Aggregate::Max,
        "first" => Aggregate::First,
        "last" => Aggregate::Last,
        "spread" => Aggregate::Spread,
        "median" => Aggregate::Median,
        "mode" => Aggregate::Mode,
        "stddev" => Aggregate::Stddev,
        "distinct" => Aggregate::Distinct,
        "percentile" => Aggregate::Percentile(match call.args.get(1) {
            Some(Node::Float(value)) => *value,
            #[expect(clippy::cast_precision_loss, reason = "of a hundred")]
            Some(Node::Integer(value)) => *value as f64,
            _ => 0.0,
        }),
        "sample" => Aggregate::Sample(integer(call.args.get(1))),
        "top" | "bottom" => Aggregate::Top {
            count: integer(call.args.last()),
            tags: call.top_bottom_tags().iter().filter_map(name).collect(),
            least: call.name == "bottom",
        },
        "integral" => Aggregate::Integral {
            unit: match call.args.get(1) {
                Some(Node::Duration(unit)) => *unit,
                _ => 1_000_000_000,
            },
        },
        name => return Err(QueryError::Invalid(format!("unsupported call: {name}"))),
    })
}

fn name(node: &Node) -> Option<Arc<str>> {
    match node {
        Node::Reference(reference) => Some(reference.name.as_str().into()),
        _ => None,
    }
}
