//! Text to words, one at a time from any place, since only the parser knows whether a slash divides or
//! begins a regular expression.
//!
//! The rules are those of InfluxDB's scanner, but for two: a zero byte isn't the text's end, and a lone
//! carriage return may stand in quotes.

use std::borrow::Cow;

use crate::Span;
use crate::keyword::Keyword;
use crate::token::{Kind, Symbol, Token};

/// The word that begins at a byte of the text; [`Kind::End`] at its end.
pub(crate) fn token(text: &str, at: usize) -> Token<'_> {
    let rest = text.get(at..).unwrap_or_default();
    let (kind, length) = word(rest);
    Token { kind, span: Span::new(at, at + length) }
}

/// The regular expression that begins with the slash at a byte of the text. `None` without an end to it.
pub(crate) fn regex(text: &str, at: usize) -> Option<Token<'_>> {
    let body = text.get(at..)?.strip_prefix('/')?;
    let mut escaped = false;
    let mut slashes = false;
    for (offset, character) in body.char_indices() {
        match character {
            '/' if escaped => slashes = true,
            '/' => {
                let pattern = body.get(..offset)?;
                let pattern =
                    if slashes { pattern.replace("\\/", "/").into() } else { pattern.into() };
                return Some(Token {
                    kind: Kind::Regex(pattern),
                    span: Span::new(at, at + offset + 2),
                });
            }
            '\n' | '\r' => return None,
            _ => {}
        }
        // As in InfluxDB, a backslash that is itself escaped still escapes a slash.
        escaped = character == '\\';
    }
    None
}

/// The first word of a text and its length in bytes.
fn word(text: &str) -> (Kind<'_>, usize) {
    let Some(first) = text.chars().next() else { return (Kind::End, 0) };
    match first {
        ' ' | '\t' | '\n' | '\r' => {
            let blanks = prefix(text, is_blank);
            (Kind::Blank(blanks), blanks.len())
        }
        'a'..='z' | 'A'..='Z' | '_' => bare(text),
        '"' => quoted(text, '"', Kind::Identifier),
        '\'' => quoted(text, '\'', Kind::String),
        '0'..='9' => number(text),
        '.' if text.get(1..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) => {
            number(text)
        }
        '$' => parameter(text),
        '-' if text.starts_with("--") => {
            (Kind::Comment, text.find(['\n', '\r']).map_or(text.len(), |end| end + 1))
        }
        '/' if text.starts_with("/*") => match text.get(2..).and_then(|body| body.find("*/")) {
            Some(end) => (Kind::Comment, end + 4),
            None => (Kind::Unterminated("/*".into()), text.len()),
        },
        _ => symbol(text).unwrap_or((Kind::Illegal(first), first.len_utf8())),
    }
}

fn prefix(text: &str, belongs: impl Fn(char) -> bool) -> &str {
    let end = text.find(|c| !belongs(c)).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// Whether the character only separates words.
pub(crate) fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r')
}

/// Whether the character may stand in a name without quotes.
pub(crate) fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

fn bare(text: &str) -> (Kind<'_>, usize) {
    let name = prefix(text, is_name);
    let kind = Keyword::of(name).map_or(Kind::Identifier(name.into()), Kind::Keyword);
    (kind, name.len())
}

fn parameter(text: &str) -> (Kind<'_>, usize) {
    let body = text.get(1..).unwrap_or_default();
    let (kind, length) = if body.starts_with('"') {
        quoted(body, '"', Kind::Parameter)
    } else {
        let name = prefix(body, is_name);
        (Kind::Parameter(name.into()), name.len())
    };
    (kind, length + 1)
}

fn number(text: &str) -> (Kind<'_>, usize) {
    let is_digit = |c: char| c.is_ascii_digit();
    let whole = prefix(text, is_digit).len();
    let rest = text.get(whole..).unwrap_or_default();
    if let Some(fraction) = rest.strip_prefix('.') {
        let length = whole + 1 + prefix(fraction, is_digit).len();
        return (Kind::Number(text.get(..length).unwrap_or_default().into()), length);
    }
    let unit = prefix(rest, |c| c.is_ascii_alphanumeric() || c == 'µ').len();
    let literal = text.get(..whole + unit).unwrap_or_default();
    let kind =
        if unit == 0 { Kind::Integer(literal.into()) } else { Kind::Duration(literal.into()) };
    (kind, literal.len())
}

/// A text between quotes, as `kind`; the escapes are `\n`, `\\`, `\'` and `\"`, whatever the quotes are.
fn quoted<'a>(text: &'a str, quote: char, kind: fn(Cow<'a, str>) -> Kind<'a>) -> (Kind<'a>, usize) {
    let body = text.get(1..).unwrap_or_default();
    let mut unescaped: Option<String> = None;
    let mut characters = body.char_indices();
    while let Some((offset, character)) = characters.next() {
        let before = body.get(..offset).unwrap_or_default();
        match character {
            '\n' => return (Kind::Unterminated(before.into()), offset + 1),
            '\\' => {
                let next = characters.next();
                let Some(plain) = next.and_then(|(_, c)| unescape(c)) else {
                    let end = next.map_or(body.len(), |(at, c)| at + c.len_utf8());
                    let escape = body.get(offset..end).unwrap_or_default();
                    return (Kind::BadEscape(escape), end + 1);
                };
                unescaped.get_or_insert_with(|| before.to_owned()).push(plain);
            }
            _ if character == quote => {
                let content = unescaped.map_or(Cow::Borrowed(before), Cow::Owned);
                return (kind(content), offset + 2);
            }
            _ => {
                if let Some(copy) = &mut unescaped {
                    copy.push(character);
                }
            }
        }
    }
    (Kind::Unterminated(body.into()), text.len())
}

const fn unescape(character: char) -> Option<char> {
    match character {
        'n' => Some('\n'),
        '\\' | '\'' | '"' => Some(character),
        _ => None,
    }
}

fn symbol(text: &str) -> Option<(Kind<'_>, usize)> {
    let bytes = text.as_bytes();
    let second = bytes.get(1).copied().unwrap_or_default();
    let (symbol, length) = match (bytes.first()?, second) {
        (b'=', b'~') => (Symbol::Matches, 2),
        (b'=', _) => (Symbol::Equal, 1),
        (b'!', b'=') | (b'<', b'>') => (Symbol::NotEqual, 2),
        (b'!', b'~') => (Symbol::NotMatches, 2),
        (b'<', b'=') => (Symbol::LessOrEqual, 2),
        (b'<', _) => (Symbol::Less, 1),
        (b'>', b'=') => (Symbol::GreaterOrEqual, 2),
        (b'>', _) => (Symbol::Greater, 1),
        (b':', b':') => (Symbol::DoubleColon, 2),
        (b':', _) => (Symbol::Colon, 1),
        (b'+', _) => (Symbol::Plus, 1),
        (b'-', _) => (Symbol::Minus, 1),
        (b'*', _) => (Symbol::Star, 1),
        (b'/', _) => (Symbol::Slash, 1),
        (b'%', _) => (Symbol::Percent, 1),
        (b'&', _) => (Symbol::Ampersand, 1),
        (b'|', _) => (Symbol::Pipe, 1),
        (b'^', _) => (Symbol::Caret, 1),
        (b'(', _) => (Symbol::LeftParen, 1),
        (b')', _) => (Symbol::RightParen, 1),
        (b',', _) => (Symbol::Comma, 1),
        (b';', _) => (Symbol::Semicolon, 1),
        (b'.', _) => (Symbol::Dot, 1),
        _ => return None,
    };
    Some((Kind::Symbol(symbol), length))
}
