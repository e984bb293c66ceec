//! Reading words, and what they amount to by themselves.

use super::{Failure, MAX_NESTING, Options, Parser, REGEX_BUDGET, Result};
use crate::error::Fault;
use crate::keyword::Keyword;
use crate::lexer;
use crate::token::{Kind, Symbol, Token};
use crate::{Duration, DurationError, Regex, Span};

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str, options: &'a Options) -> Self {
        Self { text, options, at: 0, end: 0, depth: 0, peeked: None, regex_budget: REGEX_BUDGET }
    }

    /// The next word, blanks and comments among them. It isn't read yet.
    pub(super) fn peek_raw(&self) -> Token<'a> {
        self.word_at(self.at)
    }

    /// The next word that is neither blank nor comment. It isn't read yet.
    pub(super) fn peek(&mut self) -> Token<'a> {
        if let Some((at, token)) = &self.peeked
            && *at == self.at
        {
            return token.clone();
        }
        let mut token = self.peek_raw();
        while matches!(token.kind, Kind::Blank(_) | Kind::Comment) {
            token = self.word_at(token.span.end);
        }
        self.peeked = Some((self.at, token.clone()));
        token
    }

    fn word_at(&self, at: usize) -> Token<'a> {
        let mut token = lexer::token(self.text, at);
        if let Kind::Parameter(name) = &token.kind
            && let Some(value) = self.options.params.get(name.as_ref())
        {
            token.kind = value.word();
        }
        token
    }

    /// Reads the next word that is neither blank nor comment.
    pub(super) fn next(&mut self) -> Token<'a> {
        let token = self.peek();
        self.read(&token);
        token
    }

    /// Makes a word that was only looked at a read one.
    pub(super) fn read(&mut self, token: &Token<'_>) {
        self.at = token.span.end;
        self.end = token.span.end;
    }

    /// From the start of a word to the end of the last one read.
    pub(super) fn span_from(&self, start: Span) -> Span {
        Span::new(start.start, self.end)
    }

    /// What is wrong with a word that isn't what the grammar allows.
    pub(super) fn expected(token: &Token<'_>, expected: &[&'static str]) -> Box<Failure> {
        let (start, shift) = match token.kind {
            Kind::BadEscape(text) => (token.span.end - text.len(), 1),
            Kind::String(_) | Kind::Unterminated(_) => (token.span.start, BEFORE),
            _ => (token.span.start, 0),
        };
        let fault = match &token.kind {
            Kind::Parameter(name) if name.is_empty() => Fault::EmptyParameter,
            Kind::Parameter(name) => Fault::MissingParameter { name: name.clone().into_owned() },
            kind => Fault::Expected { found: kind.describe(), expected: expected.to_vec() },
        };
        Failure::shifted(fault, Span::new(start, token.span.end), shift)
    }

    /// Reads the next word if it is that one.
    pub(super) fn accept(&mut self, keyword: Keyword) -> bool {
        let token = self.peek();
        let is = token.kind == Kind::Keyword(keyword);
        if is {
            self.read(&token);
        }
        is
    }

    /// Reads the next word if it is that one.
    pub(super) fn accept_symbol(&mut self, symbol: Symbol) -> bool {
        let token = self.peek();
        let is = token.kind == Kind::Symbol(symbol);
        if is {
            self.read(&token);
        }
        is
    }

    /// Reads the next word if it is that one and nothing stands before it.
    pub(super) fn accept_adjacent(&mut self, symbol: Symbol) -> bool {
        let token = self.peek_raw();
        let is = token.kind == Kind::Symbol(symbol);
        if is {
            self.read(&token);
        }
        is
    }

    /// Reads one word that must be there.
    pub(super) fn expect(&mut self, keyword: Keyword) -> Result<()> {
        let token = self.next();
        if token.kind == Kind::Keyword(keyword) {
            Ok(())
        } else {
            Err(Self::expected(&token, &[keyword.as_str()]))
        }
    }

    /// Reads one sign that must be there.
    pub(super) fn expect_symbol(&mut self, symbol: Symbol) -> Result<()> {
        let token = self.next();
        if token.kind == Kind::Symbol(symbol) {
            Ok(())
        } else {
            Err(Self::expected(&token, &[symbol.as_str()]))
        }
    }

    /// Reads a name.
    pub(super) fn identifier(&mut self) -> Result<String> {
        let token = self.next();
        match token.kind {
            Kind::Identifier(name) => Ok(name.into_owned()),
            _ => Err(Self::expected(&token, &["identifier"])),
        }
    }

    /// Reads names with commas between.
    pub(super) fn identifiers(&mut self) -> Result<Vec<String>> {
        let mut names = vec![self.identifier()?];
        while self.accept_symbol(Symbol::Comma) {
            names.push(self.identifier()?);
        }
        Ok(names)
    }

    /// Reads a string.
    pub(super) fn string(&mut self) -> Result<String> {
        let token = self.next();
        match token.kind {
            Kind::String(text) => Ok(text.into_owned()),
            _ => Err(Self::expected(&token, &["string"])),
        }
    }

    /// Reads an integer within bounds.
    pub(super) fn integer(&mut self, least: u64, most: u64) -> Result<u64> {
        let token = self.next();
        let Kind::Integer(digits) = &token.kind else {
            return Err(Self::expected(&token, &["integer"]));
        };
        match digits.parse() {
            Ok(value) if (least..=most).contains(&value) => Ok(value),
            _ => {
                let fault = Fault::OutOfRange { value: digits.clone().into_owned(), least, most };
                Err(Failure::new(fault, token.span))
            }
        }
    }

    /// Reads a duration; `None` is `INF`.
    pub(super) fn duration(&mut self) -> Result<Option<Duration>> {
        let token = self.next();
        match &token.kind {
            Kind::Duration(text) => duration_of(text, token.span).map(Some),
            Kind::Keyword(Keyword::Inf) => Ok(None),
            _ => Err(Self::expected(&token, &["duration"])),
        }
    }

    /// Reads a regular expression, where one begins.
    pub(super) fn regex(&mut self) -> Result<Option<(Regex, Span)>> {
        let mut token = self.peek();
        if token.kind == Kind::Symbol(Symbol::Slash) {
            token = lexer::regex(self.text, token.span.start)
                .ok_or_else(|| Failure::shifted(Fault::UnterminatedRegex, token.span, BEFORE))?;
        }
        let Kind::Regex(pattern) = &token.kind else { return Ok(None) };
        let regex = Regex::within(pattern, &mut self.regex_budget)
            .map_err(|source| Failure::shifted(Fault::Regex(source), token.span, BEFORE))?;
        self.read(&token);
        Ok(Some((regex, token.span)))
    }

    /// Reads a regular expression that must be there.
    pub(super) fn expect_regex(&mut self) -> Result<(Regex, Span)> {
        match self.regex()? {
            Some(found) => Ok(found),
            None => Err(Self::expected(&self.peek(), &["regex"])),
        }
    }

    /// Runs `inner` one level deeper, if there may be one.
    pub(super) fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth == MAX_NESTING {
            return Err(Failure::new(Fault::TooDeep, self.peek().span));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }
}

/// InfluxDB sees a string and a regular expression where the character before it is.
const BEFORE: isize = -1;

/// The duration that a word is.
pub(super) fn duration_of(text: &str, span: Span) -> Result<Duration> {
    text.parse().map_err(|error| {
        let fault = match error {
            DurationError::Syntax => Fault::Duration,
            DurationError::Overflow => Fault::DurationOverflow { text: text.to_owned() },
        };
        Failure::new(fault, span)
    })
}
