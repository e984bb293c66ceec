//! Classes of characters: `[…]`, `\d`, `\pL`.

use super::error::RegexError;
use super::translate::{escaped_character, push_literal};

/// The names that may stand in `[:name:]`.
const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

/// Translates the class that begins with the text's bracket; returns what follows.
pub(super) fn class<'a>(text: &'a str, out: &mut String) -> Result<&'a str, RegexError> {
    let missing = || RegexError::MissingBracket { text: text.to_owned() };
    let mut rest = text.get(1..).ok_or_else(missing)?;
    out.push('[');
    if let Some(after) = rest.strip_prefix('^') {
        out.push('^');
        rest = after;
    }
    let mut first = true;
    loop {
        match rest.strip_prefix(']') {
            Some(after) if !first => {
                out.push(']');
                return Ok(after);
            }
            _ => rest = item(rest, out)?.ok_or_else(missing)?,
        }
        first = false;
    }
}

/// Translates one member of a class; returns what follows, `None` at the text's end.
fn item<'a>(text: &'a str, out: &mut String) -> Result<Option<&'a str>, RegexError> {
    if let Some((name, rest)) = text.strip_prefix("[:").and_then(|body| body.split_once(":]")) {
        if !POSIX.contains(&name.trim_start_matches('^')) {
            return Err(RegexError::Range { text: format!("[:{name}:]") });
        }
        out.push_str(&format!("[:{name}:]"));
        return Ok(Some(rest));
    }
    if text.starts_with('\\')
        && text.get(1..).is_some_and(|c| c.starts_with(['d', 'D', 's', 'S', 'w', 'W', 'p', 'P']))
    {
        return perl(text, out).map(Some);
    }
    let Some((low, rest)) = character(text)? else { return Ok(None) };
    push_literal(low, out);
    let Some(after) = rest.strip_prefix('-').filter(|after| !after.starts_with(']')) else {
        return Ok(Some(rest));
    };
    let Some((high, rest)) = character(after)? else { return Ok(None) };
    if high < low {
        let length = text.len() - rest.len();
        return Err(RegexError::Range { text: text.get(..length).unwrap_or(text).to_owned() });
    }
    out.push('-');
    push_literal(high, out);
    Ok(Some(rest))
}

/// One character, escaped or not, and what follows; `None` at the text's end.
fn character(text: &str) -> Result<Option<(char, &str)>, RegexError> {
    match text.chars().next() {
        Some('\\') => escaped_character(text).map(Some),
        Some(first) => Ok(text.get(first.len_utf8()..).map(|rest| (first, rest))),
        None => Ok(None),
    }
}

/// Translates `\d`, `\s`, `\w`, `\p…` or its negation, in brackets or not; returns what follows.
pub(super) fn perl<'a>(text: &'a str, out: &mut String) -> Result<&'a str, RegexError> {
    let fault = || RegexError::Escape { text: text.chars().take(2).collect() };
    let letter = text.chars().nth(1).ok_or_else(fault)?;
    let rest = text.get(2..).ok_or_else(fault)?;
    // ASCII only, unlike the `regex` crate's.
    let members = match letter.to_ascii_lowercase() {
        'd' => "0-9",
        's' => "\\t\\n\\x0c\\r ",
        'w' => "0-9A-Za-z_",
        _ => return property(letter == 'P', rest, out).ok_or_else(fault),
    };
    let negation = if letter.is_ascii_uppercase() { "^" } else { "" };
    out.push_str(&format!("[{negation}{members}]"));
    Ok(rest)
}

/// What follows `\p`: `L`, `{Greek}` or `{^Greek}`.
fn property<'a>(negated: bool, text: &'a str, out: &mut String) -> Option<&'a str> {
    let (name, rest) = match text.strip_prefix('{') {
        Some(body) => body.split_once('}')?,
        None => text.split_at_checked(text.chars().next()?.len_utf8())?,
    };
    let (negated, name) = match name.strip_prefix('^') {
        Some(name) => (!negated, name),
        None => (negated, name),
    };
    // Nothing but a name: the `regex` crate would take `script=Greek`, too.
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_') {
        return None;
    }
    out.push_str(&format!("\\{}{{{name}}}", if negated { 'P' } else { 'p' }));
    Some(rest)
}
