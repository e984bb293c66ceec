//! Which backslashes escape what. Elsewhere a backslash is a character like any other.

use std::borrow::Cow;

/// The name of a measurement or field, from the bytes as sent: `\,` `\"` `\ ` `\=` lose their backslash.
#[must_use]
pub fn unescape_name(raw: &str) -> Cow<'_, str> {
    unescape(raw, |next| matches!(next, b',' | b'"' | b' ' | b'='))
}

/// A tag's key or value: `\,` `\ ` `\=` lose their backslash.
pub(crate) fn tag(raw: &str) -> Cow<'_, str> {
    unescape(raw, |next| matches!(next, b',' | b' ' | b'='))
}

/// What stands between a string's quotes: `\\` and `\"` lose their backslash.
pub(crate) fn string(raw: &str) -> Cow<'_, str> {
    unescape(raw, |next| matches!(next, b'\\' | b'"'))
}

fn unescape(raw: &str, escapable: impl Fn(u8) -> bool) -> Cow<'_, str> {
    let Some(first) = memchr::memchr(b'\\', raw.as_bytes()) else { return Cow::Borrowed(raw) };
    let (plain, mut rest) = raw.split_at(first);
    let mut text = String::with_capacity(raw.len());
    text.push_str(plain);
    while let Some(behind) = rest.strip_prefix('\\') {
        // Every escapable character is one byte, so it is taken over as the first of what follows.
        let escaped = behind.bytes().next().is_some_and(&escapable);
        if !escaped {
            text.push('\\');
        }
        let skip = usize::from(escaped);
        let next = behind.bytes().skip(skip).position(|byte| byte == b'\\');
        let (plain, more) = behind.split_at(next.map_or(behind.len(), |next| next + skip));
        text.push_str(plain);
        rest = more;
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_listed_is_escaped() {
        assert_eq!(unescape_name(r#"a\,b\"c\ d\=e\\f\"#), r#"a,b"c d=e\\f\"#);
        assert_eq!(tag(r#"a\,b\"c\ d\=e\\ "#), r#"a,b\"c d=e\ "#);
        assert_eq!(string(r#"a\\b\"c\n\\\""#), r#"a\b"c\n\""#);
        assert!(matches!(tag("plain"), Cow::Borrowed("plain")));
        assert_eq!(tag(r"\é\"), r"\é\");
        assert_eq!(string(""), "");
    }
}
