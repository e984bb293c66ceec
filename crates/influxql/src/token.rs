//! The words of the language.

use std::borrow::Cow;

use crate::Span;
use crate::keyword::Keyword;

/// One word and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind<'a>,
    pub(crate) span: Span,
}

/// What a word is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind<'a> {
    /// Blanks and line ends.
    Blank(&'a str),
    /// `-- …` or `/* … */`
    Comment,
    /// The end of the text.
    End,
    /// A name that is no reserved word, or any in double quotes; unescaped.
    Identifier(Cow<'a, str>),
    /// A reserved word.
    Keyword(Keyword),
    /// Digits. A bound parameter may put a sign before them.
    Integer(Cow<'a, str>),
    /// Digits and a point, likewise.
    Number(Cow<'a, str>),
    /// Digits, then letters and digits, likewise.
    Duration(Cow<'a, str>),
    /// In single quotes; unescaped.
    String(Cow<'a, str>),
    /// A regular expression; unescaped. The lexer finds one only where the parser asks for it, but a
    /// bound parameter may be one anywhere.
    Regex(Cow<'a, str>),
    /// `$name` without a value for it.
    Parameter(Cow<'a, str>),
    /// A sign or an operator.
    Symbol(Symbol),
    /// A quoted text whose end is missing; what there is of it.
    Unterminated(Cow<'a, str>),
    /// A backslash and what it can't escape.
    BadEscape(&'a str),
    /// A character that begins no word.
    Illegal(char),
}

impl Kind<'_> {
    /// As InfluxDB's errors call it.
    pub(crate) fn describe(&self) -> String {
        let (text, empty): (&str, _) = match self {
            Self::Blank(text) => (text, "WS"),
            Self::Comment => ("", "COMMENT"),
            Self::End => ("", "EOF"),
            Self::Identifier(text) => (text, "IDENT"),
            Self::Keyword(keyword) => (keyword.as_str(), ""),
            Self::Integer(text) | Self::Number(text) | Self::Duration(text) => (text, ""),
            Self::String(text) => (text, "STRING"),
            Self::Regex(text) => (text, "REGEX"),
            Self::Parameter(name) => return format!("${name}"),
            Self::Symbol(symbol) => (symbol.as_str(), ""),
            Self::Unterminated(text) => (text, "BADSTRING"),
            Self::BadEscape(text) => (text, ""),
            Self::Illegal(character) => return character.to_string(),
        };
        if text.is_empty() { empty } else { text }.to_owned()
    }
}

/// A sign or an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Symbol {
    Plus,
    Minus,
    Star,
    Slash,
    Percent,
    Ampersand,
    Pipe,
    Caret,
    Equal,
    NotEqual,
    Matches,
    NotMatches,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    LeftParen,
    RightParen,
    Comma,
    Colon,
    DoubleColon,
    Semicolon,
    Dot,
}

impl Symbol {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Plus => "+",
            Self::Minus => "-",
            Self::Star => "*",
            Self::Slash => "/",
            Self::Percent => "%",
            Self::Ampersand => "&",
            Self::Pipe => "|",
            Self::Caret => "^",
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Matches => "=~",
            Self::NotMatches => "!~",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::LeftParen => "(",
            Self::RightParen => ")",
            Self::Comma => ",",
            Self::Colon => ":",
            Self::DoubleColon => "::",
            Self::Semicolon => ";",
            Self::Dot => ".",
        }
    }
}
