//! Expressions.

use super::{Failure, MAX_HEIGHT, Parser, Result};
use crate::ast::COMPARISON;
use crate::error::Fault;
use crate::keyword::Keyword;
use crate::token::{Kind, Symbol, Token};
use crate::{
    Binary, BinaryOp, Call, DataType, Distinct, Expr, Literal, Logic, LogicOp, Paren, Reference,
    Span, Wildcard, WildcardKind,
};

/// An expression and the height of its tree.
type Tree = (Expr, usize);

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Result<Expr> {
        self.tree().map(|(expr, _)| expr)
    }

    fn tree(&mut self) -> Result<Tree> {
        self.logic(LogicOp::Or)
    }

    /// Conditions joined by the operator; one alone is itself.
    fn logic(&mut self, op: LogicOp) -> Result<Tree> {
        let (word, operand): (_, fn(&mut Self) -> Result<Tree>) = match op {
            LogicOp::Or => (Keyword::Or, |parser| parser.logic(LogicOp::And)),
            LogicOp::And => (Keyword::And, |parser| parser.binary(COMPARISON)),
        };
        let (first, mut height) = operand(self)?;
        if !self.accept(word) {
            return Ok((first, height));
        }
        let start = first.span();
        let mut operands = vec![first];
        loop {
            let (next, next_height) = operand(self)?;
            operands.push(next);
            height = height.max(next_height);
            if !self.accept(word) {
                let span = self.span_from(start);
                return Ok((Expr::Logic(Logic { op, operands, span }), grown(height, span)?));
            }
        }
    }

    /// Operands joined by operators that bind at least as tightly as `loosest`.
    fn binary(&mut self, loosest: u8) -> Result<Tree> {
        let (mut left, mut height) = self.operand()?;
        let mut tightest = u8::MAX;
        loop {
            let token = self.peek();
            let Some(op) =
                operator(&token).filter(|op| (loosest..=tightest).contains(&op.precedence()))
            else {
                return Ok((left, height));
            };
            self.read(&token);
            let (right, right_height) = if matches!(op, BinaryOp::Matches | BinaryOp::NotMatches) {
                // Nothing can be calculated from a pattern.
                tightest = COMPARISON;
                let (regex, span) = self.expect_regex()?;
                (Expr::Regex(regex, span), 1)
            } else {
                self.binary(op.precedence() + 1)?
            };
            let span = left.span().to(right.span());
            height = grown(height.max(right_height), span)?;
            left = Expr::Binary(Box::new(Binary { left, op, right, span }));
        }
    }

    /// One operand, perhaps with a sign.
    fn operand(&mut self) -> Result<Tree> {
        let token = self.peek();
        match token.kind {
            Kind::Symbol(Symbol::LeftParen) => self.paren(),
            Kind::Identifier(_) => self.call_or_reference(),
            Kind::Keyword(Keyword::Distinct) => self.distinct(),
            Kind::Symbol(Symbol::Plus | Symbol::Minus) => self.signed(),
            Kind::Symbol(Symbol::Star) => self.wildcard().map(|it| (Expr::Wildcard(it), 1)),
            Kind::Regex(_) => {
                self.expect_regex().map(|(regex, span)| (Expr::Regex(regex, span), 1))
            }
            _ => {
                self.read(&token);
                Ok((Expr::Literal(literal(&token)?, token.span), 1))
            }
        }
    }

    fn paren(&mut self) -> Result<Tree> {
        let open = self.next();
        let (inner, height) = self.nested(Self::tree)?;
        self.expect_symbol(Symbol::RightParen)?;
        let span = self.span_from(open.span);
        Ok((Expr::Paren(Box::new(Paren { inner, span })), grown(height, span)?))
    }

    fn call_or_reference(&mut self) -> Result<Tree> {
        let name = self.peek();
        let Kind::Identifier(text) = &name.kind else {
            return Err(Self::expected(&name, &["identifier"]));
        };
        let after = crate::lexer::token(self.text, name.span.end);
        if after.kind != Kind::Symbol(Symbol::LeftParen) {
            return self.reference().map(|it| (Expr::Reference(it), 1));
        }
        self.read(&after);
        self.call(text, name.span).map(|(call, height)| (Expr::Call(call), height))
    }

    /// What follows the parenthesis of a call, and the call's height.
    pub(super) fn call(&mut self, name: &str, start: Span) -> Result<(Call, usize)> {
        let mut args = Vec::new();
        let mut height = 0;
        self.nested(|parser| {
            if parser.accept_symbol(Symbol::RightParen) {
                return Ok(());
            }
            loop {
                let (arg, arg_height) = match parser.regex()? {
                    Some((regex, span)) => (Expr::Regex(regex, span), 1),
                    None => parser.tree()?,
                };
                args.push(arg);
                height = height.max(arg_height);
                if !parser.accept_symbol(Symbol::Comma) {
                    return parser.expect_symbol(Symbol::RightParen);
                }
            }
        })?;
        let span = self.span_from(start);
        Ok((Call { name: name.to_lowercase(), args, span }, grown(height, span)?))
    }

    fn reference(&mut self) -> Result<Reference> {
        let segments = self.segments()?;
        if segments.trailing_dot {
            return Err(Self::expected(&self.peek_raw(), &["identifier"]));
        }
        let data_type =
            if self.accept_adjacent(Symbol::DoubleColon) { Some(self.data_type()?) } else { None };
        Ok(Reference {
            name: segments.names.join("."),
            data_type,
            span: self.span_from(segments.span),
        })
    }

    fn data_type(&mut self) -> Result<DataType> {
        let token = self.peek_raw();
        let found = match &token.kind {
            Kind::Keyword(Keyword::Field) => DataType::Field,
            Kind::Keyword(Keyword::Tag) => DataType::Tag,
            Kind::Identifier(name) => match name.to_ascii_lowercase().as_str() {
                "float" => DataType::Float,
                "integer" => DataType::Integer,
                "unsigned" => DataType::Unsigned,
                "string" => DataType::String,
                "boolean" => DataType::Boolean,
                _ => {
                    const TYPES: &[&str] =
                        &["float", "integer", "unsigned", "string", "boolean", "field", "tag"];
                    return Err(Self::expected(&token, TYPES));
                }
            },
            _ => {
                const TYPES: &[&str] = &["float", "integer", "string", "boolean", "field", "tag"];
                return Err(Self::expected(&token, TYPES));
            }
        };
        self.read(&token);
        Ok(found)
    }

    fn wildcard(&mut self) -> Result<Wildcard> {
        let star = self.next();
        let mut kind = None;
        if self.accept_adjacent(Symbol::DoubleColon) {
            let token = self.peek_raw();
            kind = Some(match token.kind {
                Kind::Keyword(Keyword::Field) => WildcardKind::Field,
                Kind::Keyword(Keyword::Tag) => WildcardKind::Tag,
                _ => return Err(Self::expected(&token, &["field", "tag"])),
            });
            self.read(&token);
        }
        Ok(Wildcard { kind, span: self.span_from(star.span) })
    }

    fn distinct(&mut self) -> Result<Tree> {
        let word = self.next();
        if self.accept_adjacent(Symbol::LeftParen) {
            return self
                .call("distinct", word.span)
                .map(|(call, height)| (Expr::Call(call), height));
        }
        let next = self.peek_raw();
        if !matches!(next.kind, Kind::Blank(_)) {
            return Err(Self::expected(&next, &["(", "identifier"]));
        }
        let name = self.identifier()?;
        Ok((Expr::Distinct(Distinct { name, span: self.span_from(word.span) }), 1))
    }

    /// A sign and what it stands before: of a constant it is part, anything else it is multiplied with.
    fn signed(&mut self) -> Result<Tree> {
        let sign = self.next();
        let negative = sign.kind == Kind::Symbol(Symbol::Minus);
        let token = self.peek();
        match token.kind {
            Kind::Integer(_) | Kind::Number(_) | Kind::Duration(_) => {
                self.read(&token);
                let value = literal(&token)?;
                let value = if negative { negated(value, sign.span)? } else { value };
                Ok((Expr::Literal(value, self.span_from(sign.span)), 1))
            }
            Kind::Identifier(_) | Kind::Symbol(Symbol::LeftParen) => {
                let (right, height) = self.operand()?;
                let factor = Literal::Integer(if negative { -1 } else { 1 });
                let left = Expr::Literal(factor, sign.span);
                let span = self.span_from(sign.span);
                let product = Binary { left, op: BinaryOp::Multiply, right, span };
                Ok((Expr::Binary(Box::new(product)), grown(height, span)?))
            }
            _ => Err(Self::expected(&token, &["identifier", "number", "duration", "("])),
        }
    }
}

/// The height of a tree with one more node above.
fn grown(height: usize, span: Span) -> Result<usize> {
    if height >= MAX_HEIGHT { Err(Failure::new(Fault::TooDeep, span)) } else { Ok(height + 1) }
}

fn operator(token: &Token<'_>) -> Option<BinaryOp> {
    let Kind::Symbol(symbol) = token.kind else { return None };
    Some(match symbol {
        Symbol::Plus => BinaryOp::Add,
        Symbol::Minus => BinaryOp::Subtract,
        Symbol::Star => BinaryOp::Multiply,
        Symbol::Slash => BinaryOp::Divide,
        Symbol::Percent => BinaryOp::Modulo,
        Symbol::Ampersand => BinaryOp::BitAnd,
        Symbol::Pipe => BinaryOp::BitOr,
        Symbol::Caret => BinaryOp::BitXor,
        Symbol::Equal => BinaryOp::Equal,
        Symbol::NotEqual => BinaryOp::NotEqual,
        Symbol::Matches => BinaryOp::Matches,
        Symbol::NotMatches => BinaryOp::NotMatches,
        Symbol::Less => BinaryOp::Less,
        Symbol::LessOrEqual => BinaryOp::LessOrEqual,
        Symbol::Greater => BinaryOp::Greater,
        Symbol::GreaterOrEqual => BinaryOp::GreaterOrEqual,
        _ => return None,
    })
}

/// The constant that a word is.
fn literal(token: &Token<'_>) -> Result<Literal> {
    match &token.kind {
        Kind::String(text) => Ok(Literal::String(text.clone().into_owned())),
        Kind::Number(text) => match text.parse() {
            Ok(value) if f64::is_finite(value) => Ok(Literal::Number(value)),
            _ => Err(Failure::new(Fault::Number, token.span)),
        },
        Kind::Integer(text) => (text.parse().map(Literal::Integer))
            .or_else(|_| text.parse().map(Literal::Unsigned))
            .map_err(|_| Failure::new(Fault::Integer, token.span)),
        Kind::Keyword(Keyword::True) => Ok(Literal::Boolean(true)),
        Kind::Keyword(Keyword::False) => Ok(Literal::Boolean(false)),
        Kind::Duration(text) => super::words::duration_of(text, token.span).map(Literal::Duration),
        _ => Err(Parser::expected(token, &["identifier", "string", "number", "bool"])),
    }
}

/// The constant with a minus before it.
fn negated(value: Literal, span: Span) -> Result<Literal> {
    let negated = match value {
        Literal::Integer(value) => value.checked_neg().map(Literal::Integer),
        Literal::Unsigned(value) => match 0_i64.checked_sub_unsigned(value) {
            Some(value) => Some(Literal::Integer(value)),
            None => return Err(Failure::new(Fault::Underflow { value }, span)),
        },
        Literal::Number(value) => Some(Literal::Number(-value)),
        Literal::Duration(value) => {
            value.0.checked_neg().map(|value| Literal::Duration(crate::Duration(value)))
        }
        other @ (Literal::String(_) | Literal::Boolean(_)) => Some(other),
    };
    negated.ok_or_else(|| Failure::new(Fault::Integer, span))
}
