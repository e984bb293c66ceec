//! The fields of a statement, checked: which functions there are, and what they may be combined with.

use svcflow_influxql as ql;

use super::compile::Field;
use super::condition::go_type;
use super::node::{Call, Node, duration_text};
use crate::QueryError;
use crate::scalar_math::MathFunction;

/// What was seen in the fields so far.
pub(crate) struct Checker<'a> {
    select: &'a ql::Select,
    /// The buckets' width, the statement's own or inherited.
    interval: i64,
    inherited: bool,
    calls: usize,
    only_selectors: bool,
    distinct: bool,
    auxiliary: bool,
    top_bottom: Option<String>,
    /// Whether the field being checked may still hold a wildcard.
    wildcard: bool,
}

type Checked = Result<(), QueryError>;

fn invalid(text: impl Into<String>) -> Checked {
    Err(QueryError::Invalid(text.into()))
}

/// Checks how many arguments there are.
pub(crate) fn check_count(name: &str, expected: usize, got: usize) -> Checked {
    if expected == got {
        return Ok(());
    }
    invalid(format!("invalid number of arguments for {name}, expected {expected}, got {got}"))
}

fn check_one_or_two(name: &str, got: usize) -> Checked {
    if (1..=2).contains(&got) {
        return Ok(());
    }
    let expected = "expected at least 1 but no more than 2";
    invalid(format!("invalid number of arguments for {name}, {expected}, got {got}"))
}

impl<'a> Checker<'a> {
    pub(crate) const fn new(select: &'a ql::Select, interval: i64, inherited: bool) -> Self {
        Self {
            select,
            interval,
            inherited,
            calls: 0,
            only_selectors: true,
            distinct: false,
            auxiliary: false,
            top_bottom: None,
            wildcard: true,
        }
    }

    /// Checks each of the fields, and then all together.
    pub(crate) fn check(mut self, fields: &[Field]) -> Checked {
        for field in fields {
            self.wildcard = true;
            self.expression(&field.node)?;
        }
        if fields.is_empty() {
            return invalid("at least 1 non-time field must be queried");
        }
        self.together()
    }

    fn together(&self) -> Checked {
        match &self.top_bottom {
            Some(name) if self.calls > 1 => {
                let combined = "cannot be combined with other functions";
                return invalid(format!("selector function {name}() {combined}"));
            }
            _ if self.calls == 0 => self.without_calls()?,
            _ => {}
        }
        if self.distinct && (self.calls != 1 || self.auxiliary) {
            return invalid(
                "aggregate function distinct() cannot be combined with other functions or fields",
            );
        }
        if !self.auxiliary {
            Ok(())
        } else if !self.only_selectors {
            invalid("mixing aggregate and non-aggregate queries is not supported")
        } else if self.calls > 1 {
            invalid("mixing multiple selector functions with tags or fields is not supported")
        } else {
            Ok(())
        }
    }

    fn without_calls(&self) -> Checked {
        match self.select.fill {
            ql::Fill::None => invalid("fill(none) must be used with a function"),
            ql::Fill::Linear => invalid("fill(linear) must be used with a function"),
            _ if self.interval != 0 && !self.inherited => {
                invalid("GROUP BY requires at least one aggregate function")
            }
            _ => Ok(()),
        }
    }

    fn expression(&mut self, node: &Node) -> Checked {
        match node {
            Node::Reference(_) => self.auxiliary = true,
            Node::Wildcard(_) | Node::Regex(_) => {
                let what = if matches!(node, Node::Regex(_)) { "regex" } else { "wildcard" };
                self.auxiliary = true;
                if !self.wildcard {
                    return invalid(format!("unable to use {what} in a binary expression"));
                }
            }
            Node::Call(call) => return self.call(call),
            Node::Binary(binary) => {
                self.wildcard = false;
                return match (binary.left.is_literal(), binary.right.is_literal()) {
                    (true, true) => invalid("cannot perform a binary expression on two literals"),
                    (true, false) => self.expression(&binary.right),
                    (false, true) => self.expression(&binary.left),
                    (false, false) => {
                        self.expression(&binary.left)?;
                        self.expression(&binary.right)
                    }
                };
            }
            Node::Paren(inner) => return self.expression(inner),
            literal if literal.is_literal() => {
                return invalid("field must contain at least one variable");
            }
            _ => return invalid("unimplemented"),
        }
        Ok(())
    }

    fn call(&mut self, call: &Call) -> Checked {
        if let Some(function) = MathFunction::named(&call.name) {
            check_count(&call.name, function.arguments(), call.args.len())?;
            let mut computed = call.args.iter().filter(|arg| !arg.is_literal());
            return computed.try_for_each(|arg| self.expression(arg));
        }
        self.calls += 1;
        match call.name.as_str() {
            "percentile" => self.percentile(call),
            "sample" => self.sample(call),
            "distinct" => self.distinct(&call.args, false),
            "top" | "bottom" => self.top_bottom(call),
            "derivative" | "non_negative_derivative" | "elapsed" => {
                check_one_or_two(&call.name, call.args.len())?;
                self.unit(call)?;
                self.transform(call)
            }
            "difference" | "non_negative_difference" | "cumulative_sum" => {
                check_count(&call.name, 1, call.args.len())?;
                self.transform(call)
            }
            "moving_average" => {
                check_count(&call.name, 2, call.args.len())?;
                self.window(call)?;
                self.transform(call)
            }
            "integral" => {
                check_one_or_two(&call.name, call.args.len())?;
                self.unit(call)?;
                self.only_selectors = false;
                self.symbol(call)
            }
            "holt_winters" | "holt_winters_with_fit" => self.holt_winters(call),
            _ => self.aggregate(call),
        }
    }

    /// What a function works on must be a field, a wildcard or a regular expression.
    fn symbol(&mut self, call: &Call) -> Checked {
        let name = &call.name;
        match call.args.first() {
            Some(Node::Reference(_)) => Ok(()),
            Some(Node::Wildcard(_)) if !self.wildcard => {
                invalid(format!("unsupported expression with wildcard: {name}()"))
            }
            Some(Node::Regex(_)) if !self.wildcard => {
                invalid(format!("unsupported expression with regex field: {name}()"))
            }
            Some(Node::Wildcard(_) | Node::Regex(_)) => {
                self.only_selectors = false;
                Ok(())
            }
            _ => invalid(format!("expected field argument in {name}()")),
        }
    }

    fn aggregate(&mut self, call: &Call) -> Checked {
        match call.name.as_str() {
            "max" | "min" | "first" | "last" => {}
            "count" | "sum" | "mean" | "median" | "mode" | "stddev" | "spread" => {
                self.only_selectors = false;
            }
            name => return invalid(format!("undefined function {name}()")),
        }
        check_count(&call.name, 1, call.args.len())?;
        match call.args.first() {
            Some(Node::Call(inner)) if call.name == "count" && inner.name == "distinct" => {
                self.distinct(&inner.args, true)
            }
            _ => self.symbol(call),
        }
    }

    fn percentile(&mut self, call: &Call) -> Checked {
        check_count(&call.name, 2, call.args.len())?;
        match call.args.get(1) {
            Some(Node::Integer(_) | Node::Float(_)) => self.symbol(call),
            _ => invalid("expected float argument in percentile()"),
        }
    }

    fn sample(&mut self, call: &Call) -> Checked {
        check_count(&call.name, 2, call.args.len())?;
        match call.args.get(1) {
            Some(Node::Integer(size)) if *size <= 0 => {
                invalid(format!("sample window must be greater than 1, got {size}"))
            }
            Some(Node::Integer(_)) => self.symbol(call),
            _ => invalid("expected integer argument in sample()"),
        }
    }

    fn distinct(&mut self, args: &[Node], nested: bool) -> Checked {
        match args {
            [] => return invalid("distinct function requires at least one argument"),
            [Node::Reference(_)] => {}
            [_] => return invalid("expected field argument in distinct()"),
            _ => return invalid("distinct function can only have one argument"),
        }
        self.distinct |= !nested;
        self.only_selectors = false;
        Ok(())
    }

    fn top_bottom(&mut self, call: &Call) -> Checked {
        let name = &call.name;
        if let Some(other) = &self.top_bottom {
            let combined = "cannot be combined with other functions";
            return invalid(format!("selector function {other}() {combined}"));
        }
        let ([field, tags @ .., limit], true) = (call.args.as_slice(), call.args.len() >= 2) else {
            let got = call.args.len();
            return invalid(format!(
                "invalid number of arguments for {name}, expected at least 2, got {got}"
            ));
        };
        self.top_bottom_limit(name, limit)?;
        if !matches!(field, Node::Reference(_)) {
            let text = format!("expected first argument to be a field in {name}(), found {field}");
            return invalid(text);
        }
        for tag in tags {
            if !matches!(tag, Node::Reference(_)) {
                let text = format!("only fields or tags are allowed in {name}(), found {tag}");
                return invalid(text);
            }
            self.auxiliary = true;
        }
        self.top_bottom = Some(name.clone());
        Ok(())
    }

    fn top_bottom_limit(&self, name: &str, limit: &Node) -> Checked {
        let Node::Integer(limit) = limit else {
            return invalid(format!(
                "expected integer as last argument in {name}(), found {limit}"
            ));
        };
        if *limit <= 0 {
            return invalid(format!("limit ({limit}) in {name} function must be at least 1"));
        }
        let of_rows = self.select.rows.limit.map_or(0, std::num::NonZero::get);
        if of_rows > 0 && limit.cast_unsigned() > of_rows {
            return invalid(format!(
                "limit ({limit}) in {name} function can not be larger than the LIMIT ({of_rows}) in the select statement"
            ));
        }
        Ok(())
    }

    /// The second argument of functions whose values are per so much time.
    fn unit(&self, call: &Call) -> Checked {
        match (call.args.get(1), call.name.as_str()) {
            (None, _) => Ok(()),
            (Some(Node::Duration(unit)), _) if *unit <= 0 => {
                let text = duration_text(*unit);
                invalid(format!("duration argument must be positive, got {text}"))
            }
            (Some(Node::Duration(_)), _) => Ok(()),
            (Some(_), "integral") => invalid("second argument must be a duration"),
            (Some(other), name) => {
                let kind = go_type(other);
                invalid(format!("second argument to {name} must be a duration, got {kind}"))
            }
        }
    }

    fn window(&self, call: &Call) -> Checked {
        match call.args.get(1) {
            Some(Node::Integer(window)) if *window <= 1 => {
                invalid(format!("moving_average window must be greater than 1, got {window}"))
            }
            Some(Node::Integer(_)) | None => Ok(()),
            Some(other) => {
                let kind = go_type(other);
                let expected = "second argument for moving_average must be an integer";
                invalid(format!("{expected}, got {kind}"))
            }
        }
    }

    /// A function that goes along rows, or along another function's buckets.
    fn transform(&mut self, call: &Call) -> Checked {
        self.only_selectors = false;
        let name = &call.name;
        match call.args.first() {
            Some(Node::Call(_)) if self.interval == 0 => {
                invalid(format!("{name} aggregate requires a GROUP BY interval"))
            }
            Some(Node::Call(inner)) => self.nested(inner),
            _ if self.interval != 0 && !self.inherited => {
                invalid(format!("aggregate function required inside the call to {name}"))
            }
            _ => self.symbol(call),
        }
    }

    fn nested(&mut self, inner: &Call) -> Checked {
        if inner.name == "distinct" { self.distinct(&inner.args, true) } else { self.call(inner) }
    }

    fn holt_winters(&mut self, call: &Call) -> Checked {
        let name = &call.name;
        check_count(name, 3, call.args.len())?;
        match call.args.get(1) {
            Some(Node::Integer(ahead)) if *ahead <= 0 => {
                return invalid(format!(
                    "second arg to {name} must be greater than 0, got {ahead}"
                ));
            }
            Some(Node::Integer(_)) => {}
            _ => return invalid(format!("expected integer argument as second arg in {name}")),
        }
        match call.args.get(2) {
            Some(Node::Integer(season)) if *season < 0 => {
                return invalid(format!("third arg to {name} cannot be negative, got {season}"));
            }
            Some(Node::Integer(_)) => {}
            _ => return invalid(format!("expected integer argument as third arg in {name}")),
        }
        self.only_selectors = false;
        match call.args.first() {
            Some(Node::Call(_)) if self.interval == 0 => {
                invalid(format!("{name} aggregate requires a GROUP BY interval"))
            }
            Some(Node::Call(inner)) => self.nested(inner),
            _ => invalid(format!("must use aggregate function with {name}")),
        }
    }
}
