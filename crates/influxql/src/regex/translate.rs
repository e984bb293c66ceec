//! Go's syntax of regular expressions, as `regexp/syntax` documents it, to that of the `regex` crate.
//!
//! The two are sisters. What differs is written out here, so that a pattern finds what it finds in
//! InfluxDB; what doesn't is passed on.

use super::class::{class, perl};
use super::error::RegexError;

/// What the next repetition would repeat.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    Nothing,
    Atom,
    Repetition,
}

/// Go refuses to repeat more often.
const MOST_REPEATS: u32 = 1000;

/// The pattern in the `regex` crate's syntax.
pub(super) fn translate(pattern: &str) -> Result<String, RegexError> {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern;
    let mut before = Before::Nothing;
    while let Some(first) = rest.chars().next() {
        let after = rest.get(first.len_utf8()..).unwrap_or_default();
        (rest, before) = match first {
            '*' | '+' | '?' => (repetition(rest, 1, before, &mut out)?, Before::Repetition),
            '{' => match count(rest)? {
                Some(length) => (repetition(rest, length, before, &mut out)?, Before::Repetition),
                None => {
                    out.push_str("\\{");
                    (after, Before::Atom)
                }
            },
            '[' => (class(rest, &mut out)?, Before::Atom),
            '\\' => (escape(rest, &mut out)?, Before::Atom),
            '(' => (group(rest, &mut out)?, Before::Nothing),
            '|' => {
                out.push('|');
                (after, Before::Nothing)
            }
            ']' | '}' => {
                push_literal(first, &mut out);
                (after, Before::Atom)
            }
            _ => {
                out.push(first);
                (after, Before::Atom)
            }
        };
    }
    Ok(out)
}

/// Passes on an operator of `length` bytes and the `?` after it; returns what follows.
fn repetition<'a>(
    text: &'a str,
    length: usize,
    before: Before,
    out: &mut String,
) -> Result<&'a str, RegexError> {
    let lazy = text.get(length..).is_some_and(|rest| rest.starts_with('?'));
    let (operator, rest) = text.split_at_checked(length + usize::from(lazy)).unwrap_or((text, ""));
    if before == Before::Repetition {
        let previous = out.chars().last().map(String::from).unwrap_or_default();
        return Err(RegexError::NestedRepetition { text: previous + operator });
    }
    out.push_str(operator);
    Ok(rest)
}

/// The length of `{n}`, `{n,}` or `{n,m}` at the text's beginning. Anything else in braces is text.
fn count(text: &str) -> Result<Option<usize>, RegexError> {
    let Some(end) = text.find('}') else { return Ok(None) };
    let inner = text.get(1..end).unwrap_or_default();
    let (least, most) = inner.split_once(',').unwrap_or((inner, inner));
    let is_number = |digits: &str| {
        digits.bytes().all(|b| b.is_ascii_digit())
            && (digits.len() == 1 || !digits.starts_with('0'))
    };
    if least.is_empty() || !is_number(least) || !(most.is_empty() || is_number(most)) {
        return Ok(None);
    }
    let number = |digits: &str| digits.parse().unwrap_or(u32::MAX);
    let highest = if most.is_empty() { number(least) } else { number(most) };
    if number(least) > highest || highest > MOST_REPEATS {
        return Err(RegexError::RepeatCount { text: text.get(..=end).unwrap_or(text).to_owned() });
    }
    Ok(Some(end + 1))
}

/// Passes on `(`, `(?flags)`, `(?flags:` or `(?P<name>`; returns what follows.
fn group<'a>(text: &'a str, out: &mut String) -> Result<&'a str, RegexError> {
    let Some(inner) = text.strip_prefix("(?") else {
        out.push('(');
        return Ok(text.get(1..).unwrap_or_default());
    };
    let named = inner.starts_with("P<");
    let flag = |c: char| matches!(c, 'i' | 'm' | 's' | 'U' | '-');
    let end = if named { inner.find('>') } else { inner.find(|c| !flag(c)) };
    let fits =
        |end: &usize| named || inner.get(*end..).is_some_and(|rest| rest.starts_with([':', ')']));
    let Some(length) = end.filter(fits).map(|end| end + "(?".len() + 1) else {
        return Err(RegexError::Group { text: text.to_owned() });
    };
    let (head, rest) = text.split_at_checked(length).unwrap_or((text, ""));
    out.push_str(head);
    Ok(rest)
}

/// Translates the escape at the text's beginning, outside of brackets; returns what follows.
fn escape<'a>(text: &'a str, out: &mut String) -> Result<&'a str, RegexError> {
    let after = text.get(2..);
    match (text.chars().nth(1), after) {
        (Some('d' | 'D' | 's' | 'S' | 'w' | 'W' | 'p' | 'P'), _) => perl(text, out),
        (Some('b'), Some(after)) => {
            out.push_str("(?-u:\\b)");
            Ok(after)
        }
        (Some('B'), Some(after)) => {
            out.push_str("(?-u:\\B)");
            Ok(after)
        }
        (Some('A' | 'z'), Some(after)) => {
            out.push_str(text.get(..2).unwrap_or_default());
            Ok(after)
        }
        (Some('Q'), Some(after)) => {
            let (literal, rest) = after.split_once("\\E").unwrap_or((after, ""));
            literal.chars().for_each(|c| push_literal(c, out));
            Ok(rest)
        }
        _ => {
            let (character, rest) = escaped_character(text)?;
            push_literal(character, out);
            Ok(rest)
        }
    }
}

/// The one character that the escape at the text's beginning stands for, and what follows.
pub(super) fn escaped_character(text: &str) -> Result<(char, &str), RegexError> {
    let fault = || RegexError::Escape { text: text.chars().take(2).collect() };
    let body = text.get(1..).unwrap_or_default();
    let first = body.chars().next().ok_or_else(fault)?;
    let rest = body.get(first.len_utf8()..).unwrap_or_default();
    let is_octal = |c: char| matches!(c, '0'..='7');
    let simple = match first {
        'a' => '\x07',
        'f' => '\x0c',
        't' => '\t',
        'n' => '\n',
        'r' => '\r',
        'v' => '\x0b',
        'x' => return hexadecimal(rest).ok_or_else(fault),
        // One digit alone would refer back to a group, which there isn't.
        '0'..='7' if first == '0' || rest.starts_with(is_octal) => {
            let length = body.chars().take(3).take_while(|c| is_octal(*c)).count();
            let (digits, rest) = body.split_at_checked(length).ok_or_else(fault)?;
            let code = u32::from_str_radix(digits, 8).ok().and_then(char::from_u32);
            return Ok((code.ok_or_else(fault)?, rest));
        }
        _ if first.is_ascii() && !first.is_ascii_alphanumeric() => first,
        _ => return Err(fault()),
    };
    Ok((simple, rest))
}

/// `41` or `{41}`, after `\x`.
fn hexadecimal(text: &str) -> Option<(char, &str)> {
    let (digits, rest) = match text.strip_prefix('{') {
        Some(body) => body.split_once('}')?,
        None => text.split_at_checked(2)?,
    };
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    Some((char::from_u32(u32::from_str_radix(digits, 16).ok()?)?, rest))
}

/// A character that means itself.
pub(super) fn push_literal(character: char, out: &mut String) {
    if character.is_alphanumeric() {
        out.push(character);
    } else {
        out.push_str(&format!("\\x{{{:x}}}", u32::from(character)));
    }
}
