//! Words to statements: a recursive descent, a module per kind of statement.

mod data;
mod expr;
mod manage;
mod names;
mod select;
mod show;
mod statement;
mod users;
mod words;

use crate::error::{Error, Fault};
use crate::lexer;
use crate::params::Params;
use crate::token::Token;
use crate::{Span, Statement};

/// How deep parentheses, calls and subqueries may stand in each other. Beyond, a text is refused: it would
/// cost whoever parses or walks it by recursion their stack.
pub const MAX_NESTING: usize = 100;

/// How high an expression's tree may be: its nesting, and the operators in a row at each level. `AND` and
/// `OR` in a row count once.
pub const MAX_HEIGHT: usize = 400;

/// What the regular expressions of a text may take together when compiled, in bytes: a few letters can
/// stand for megabytes. It is enough for some two thousand ordinary ones, or for three of 10 MB.
const REGEX_BUDGET: usize = 32 << 20;

/// What a text is parsed with.
#[derive(Clone, Debug)]
pub struct Options {
    /// What bound parameters stand for.
    pub params: Params,
    /// Whether there is a time zone of that name, for `tz('…')`. InfluxDB refuses unknown ones while parsing.
    /// Without a say in it, every name passes.
    pub knows_zone: fn(&str) -> bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { params: Params::new(), knows_zone: |_| true }
    }
}

/// Reads statements, separated by `;`; none at all is no error.
///
/// # Errors
/// The first thing that isn't InfluxQL, and where. Then nothing of the text is returned, like InfluxDB
/// runs nothing of it.
pub fn parse(text: &str) -> Result<Vec<Statement>, Error> {
    parse_with(text, &Options::default())
}

/// [`parse`] with values for bound parameters, and a say in what time zones there are.
///
/// # Errors
/// Those of [`parse`], and bound parameters without a value.
pub fn parse_with(text: &str, options: &Options) -> Result<Vec<Statement>, Error> {
    Parser::new(text, options).statements().map_err(|fault| fault.locate(text))
}

/// What is wrong, and at what byte.
#[derive(Debug)]
struct Failure {
    fault: Fault,
    offset: usize,
    /// How many characters behind the place InfluxDB sees it, unless it is a bound parameter.
    shift: isize,
}

impl Failure {
    fn new(fault: Fault, span: Span) -> Box<Self> {
        Self::shifted(fault, span, 0)
    }

    fn shifted(fault: Fault, span: Span, shift: isize) -> Box<Self> {
        Box::new(Self { fault, offset: span.start, shift })
    }

    /// With line and character, which only a failure needs.
    fn locate(self, text: &str) -> Error {
        let before = text.get(..self.offset).unwrap_or(text);
        let mut line = 1;
        let mut character = 1_usize;
        let mut previous = ' ';
        for c in before.chars() {
            match (previous, c) {
                ('\r', '\n') => {}
                (_, '\r' | '\n') => {
                    line += 1;
                    character = 1;
                }
                _ => character += 1,
            }
            previous = c;
        }
        if self.offset == text.len() && reads_end_twice(text) {
            character += 1;
        }
        let is_parameter = text.get(self.offset..).is_some_and(|rest| rest.starts_with('$'));
        if !is_parameter {
            character = character.saturating_add_signed(self.shift).max(1);
        }
        Error { fault: self.fault, offset: self.offset, line, character }
    }
}

/// Whether InfluxDB's scanner meets the text's end before it looks for the next word: behind a blank, or
/// behind a name without quotes, whose end it looks for. It counts that end as a character.
fn reads_end_twice(text: &str) -> bool {
    let name = text.trim_end_matches(lexer::is_name);
    let last = text.get(name.len()..).unwrap_or_default();
    text.ends_with(lexer::is_blank) || last.starts_with(|c: char| !c.is_ascii_digit())
}

type Result<T, E = Box<Failure>> = std::result::Result<T, E>;

/// A place in the text.
struct Parser<'a> {
    text: &'a str,
    options: &'a Options,
    /// The first byte that isn't read yet.
    at: usize,
    /// The byte after the last word read, blanks and comments left out.
    end: usize,
    /// Parentheses, calls and subqueries around the place.
    depth: usize,
    /// What was last looked at, and from where: the clauses that may follow each look at the same word.
    peeked: Option<(usize, Token<'a>)>,
    /// What is left of [`REGEX_BUDGET`].
    regex_budget: usize,
}
