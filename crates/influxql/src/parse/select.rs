//! `SELECT` and its clauses, some of which other statements have, too.

use std::num::NonZeroU64;

use super::{Failure, Parser, Result};
use crate::error::Fault;
use crate::keyword::Keyword;
use crate::token::{Kind, Symbol};
use crate::{
    Call, Dimension, Expr, Field, Fill, Literal, Page, Select, SortOrder, Span, Target,
    TimeDimension,
};

impl Parser<'_> {
    /// What follows the word `SELECT`, which is at `start`.
    pub(super) fn select(&mut self, start: Span) -> Result<Box<Select>> {
        let fields = self.fields()?;
        let into = if self.accept(Keyword::Into) { Some(self.target()?) } else { None };
        self.select_from(start, fields, into)
    }

    /// What follows the word `SELECT` where it has to have a target.
    pub(super) fn select_into(&mut self, start: Span) -> Result<Box<Select>> {
        let fields = self.fields()?;
        self.expect(Keyword::Into)?;
        let into = Some(self.target()?);
        self.select_from(start, fields, into)
    }

    fn select_from(
        &mut self,
        start: Span,
        fields: Vec<Field>,
        into: Option<Target>,
    ) -> Result<Box<Select>> {
        self.expect(Keyword::From)?;
        let mut select = Box::new(Select {
            fields,
            into,
            from: self.sources()?,
            condition: self.condition()?,
            group_by: self.dimensions()?,
            fill: self.fill()?,
            order: self.order()?,
            rows: self.page()?,
            series: self.series_page()?,
            time_zone: self.time_zone()?,
            span: start,
        });
        select.span = self.span_from(start);
        Ok(select)
    }

    fn fields(&mut self) -> Result<Vec<Field>> {
        let mut fields = vec![self.field()?];
        while self.accept_symbol(Symbol::Comma) {
            fields.push(self.field()?);
        }
        Ok(fields)
    }

    fn field(&mut self) -> Result<Field> {
        let start = self.peek().span;
        let expr = match self.regex()? {
            Some((regex, span)) => Expr::Regex(regex, span),
            None => self.expression()?,
        };
        if let Some(operator) = condition_operator(&expr) {
            return Err(Failure::new(Fault::OperatorInField { operator }, start));
        }
        let alias = if self.accept(Keyword::As) { Some(self.identifier()?) } else { None };
        let alias = alias.filter(|name| !name.is_empty());
        Ok(Field { expr, alias, span: self.span_from(start) })
    }

    /// Reads `[WHERE …]`.
    pub(super) fn condition(&mut self) -> Result<Option<Expr>> {
        if self.accept(Keyword::Where) { self.expression().map(Some) } else { Ok(None) }
    }

    /// Reads `[GROUP BY …]`.
    pub(super) fn dimensions(&mut self) -> Result<Vec<Dimension>> {
        if !self.accept(Keyword::Group) {
            return Ok(Vec::new());
        }
        self.expect(Keyword::By)?;
        let mut dimensions = vec![self.dimension()?];
        while self.accept_symbol(Symbol::Comma) {
            dimensions.push(self.dimension()?);
        }
        Ok(dimensions)
    }

    fn dimension(&mut self) -> Result<Dimension> {
        if let Some((regex, span)) = self.regex()? {
            return Ok(Dimension::Regex(regex, span));
        }
        Ok(Dimension::from(self.expression()?))
    }

    /// Reads `[fill(…)]`.
    fn fill(&mut self) -> Result<Fill> {
        let Some(call) = self.clause_call("fill", Fault::FillCall)? else {
            return Ok(Fill::default());
        };
        match call.args.as_slice() {
            [Expr::Reference(name)] if name.data_type.is_none() => match name.name.as_str() {
                "null" => Ok(Fill::Null),
                "none" => Ok(Fill::None),
                "previous" => Ok(Fill::Previous),
                "linear" => Ok(Fill::Linear),
                _ => Err(Failure::new(Fault::FillNumber, name.span)),
            },
            [Expr::Literal(Literal::Integer(value), _)] => Ok(Fill::Integer(*value)),
            [Expr::Literal(Literal::Number(value), _)] => Ok(Fill::Number(*value)),
            [other] => Err(Failure::new(Fault::FillNumber, other.span())),
            _ => Err(Failure::new(Fault::FillArgument, call.span)),
        }
    }

    /// Reads `[tz('…')]`.
    fn time_zone(&mut self) -> Result<Option<String>> {
        let Some(call) = self.clause_call("tz", Fault::ZoneCall)? else { return Ok(None) };
        match call.args.as_slice() {
            [Expr::Literal(Literal::String(name), span)] => {
                if (self.options.knows_zone)(name) {
                    Ok(Some(name.clone()))
                } else {
                    Err(Failure::new(Fault::UnknownZone { name: name.clone() }, *span))
                }
            }
            [other] => Err(Failure::new(Fault::ZoneString, other.span())),
            _ => Err(Failure::new(Fault::ZoneArgument, call.span)),
        }
    }

    /// Reads a clause that looks like a call, if its name is next.
    fn clause_call(&mut self, clause: &str, no_call: Fault) -> Result<Option<Call>> {
        let name = self.peek();
        match &name.kind {
            Kind::Identifier(text) if text.eq_ignore_ascii_case(clause) => {}
            _ => return Ok(None),
        }
        self.read(&name);
        if !self.accept_adjacent(Symbol::LeftParen) {
            return Err(Failure::new(no_call, name.span));
        }
        self.call(clause, name.span).map(|(call, _)| Some(call))
    }

    /// Reads `[ORDER BY …]`.
    pub(super) fn order(&mut self) -> Result<SortOrder> {
        if !self.accept(Keyword::Order) {
            return Ok(SortOrder::default());
        }
        self.expect(Keyword::By)?;
        let first = self.next();
        let order = match &first.kind {
            Kind::Keyword(Keyword::Asc) => SortOrder::Ascending,
            Kind::Keyword(Keyword::Desc) => SortOrder::Descending,
            Kind::Identifier(name) if name == "time" => {
                let descending = !self.accept(Keyword::Asc) && self.accept(Keyword::Desc);
                if descending { SortOrder::Descending } else { SortOrder::Ascending }
            }
            Kind::Identifier(_) => return Err(Failure::new(Fault::OrderByTime, first.span)),
            _ => return Err(Self::expected(&first, &["identifier", "ASC", "DESC"])),
        };
        let comma = self.peek();
        if comma.kind == Kind::Symbol(Symbol::Comma) {
            return Err(Failure::new(Fault::OrderByTime, comma.span));
        }
        Ok(order)
    }

    /// Reads `[LIMIT n] [OFFSET n]`.
    pub(super) fn page(&mut self) -> Result<Page> {
        let limit = NonZeroU64::new(self.count(Keyword::Limit)?);
        Ok(Page { limit, offset: self.count(Keyword::Offset)? })
    }

    /// Reads `[SLIMIT n] [SOFFSET n]`.
    pub(super) fn series_page(&mut self) -> Result<Page> {
        let limit = NonZeroU64::new(self.count(Keyword::Slimit)?);
        Ok(Page { limit, offset: self.count(Keyword::Soffset)? })
    }

    /// Reads the keyword and its number; without, 0.
    fn count(&mut self, keyword: Keyword) -> Result<u64> {
        if !self.accept(keyword) {
            return Ok(0);
        }
        let token = self.next();
        match &token.kind {
            Kind::Integer(digits) if digits.starts_with('-') => {
                Err(Failure::new(Fault::NegativeLimit { clause: keyword.as_str() }, token.span))
            }
            // As in InfluxDB, a number too large is as good as the largest.
            Kind::Integer(digits) => Ok(digits.parse().unwrap_or(u64::MAX)),
            _ => Err(Self::expected(&token, &["integer"])),
        }
    }
}

impl From<Expr> for Dimension {
    fn from(expr: Expr) -> Self {
        match expr {
            Expr::Reference(tag) => Self::Tag(tag),
            Expr::Wildcard(wildcard) => Self::Wildcard(wildcard),
            Expr::Regex(regex, span) => Self::Regex(regex, span),
            Expr::Call(Call { name, mut args, span })
                if name == "time" && (1..=2).contains(&args.len()) =>
            {
                let offset = if args.len() == 2 { args.pop() } else { None };
                match args.pop() {
                    Some(interval) => Self::Time(TimeDimension { interval, offset, span }),
                    None => Self::Other(Expr::Call(Call { name, args, span })),
                }
            }
            other => Self::Other(other),
        }
    }
}

/// The first operator of an expression that only a condition may have.
fn condition_operator(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Logic(logic) => Some(logic.op.to_string()),
        Expr::Binary(binary) if binary.op.is_comparison() => Some(binary.op.to_string()),
        Expr::Binary(binary) => {
            condition_operator(&binary.left).or_else(|| condition_operator(&binary.right))
        }
        Expr::Paren(paren) => condition_operator(&paren.inner),
        Expr::Call(call) => call.args.iter().find_map(condition_operator),
        _ => None,
    }
}
