//! How Go prints a `map[string]string`: `map[k:v k:v]`, keys sorted; `map[]` is none.
//!
//! Nothing is quoted in it, so it is read by what is certain: a pair begins behind a space and holds a
//! `:`, its key ends at the first one, and keys ascend. A word that doesn't fit (no `:`, or a key that
//! would not ascend) belongs to the value before it.

use crate::Labels;

/// Text that Go would not print for a map.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no map as Go prints it: expected `map[key:value …]`")]
pub struct ParseGoMapError(String);

/// Reads a printed map. Empty text is none, as an absent field is.
///
/// # Errors
/// Where it isn't one.
pub fn parse(text: &str) -> Result<Labels, ParseGoMapError> {
    let fault = || ParseGoMapError(text.chars().take(80).collect());
    if text.is_empty() {
        return Ok(Labels::default());
    }
    let inner = text.strip_prefix("map[").and_then(|rest| rest.strip_suffix(']'));
    let inner = inner.ok_or_else(fault)?;
    let mut pairs: Vec<(&str, String)> = Vec::new();
    if inner.is_empty() {
        return Ok(Labels::default());
    }
    for word in inner.split(' ') {
        let last_key = pairs.last().map(|(key, _)| *key);
        let pair = word.split_once(':').filter(|(key, _)| last_key.is_none_or(|last| *key > last));
        match (pair, pairs.last_mut()) {
            (Some((key, value)), _) => pairs.push((key, value.to_owned())),
            (None, Some((_, value))) => {
                value.push(' ');
                value.push_str(word);
            }
            (None, None) => return Err(fault()),
        }
    }
    Ok(pairs.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> String {
        parse(text).unwrap().to_string()
    }

    #[test]
    fn values_may_hold_colons_be_empty_or_hold_spaces() {
        assert_eq!(read("map[]"), "");
        assert_eq!(read(""), "");
        assert_eq!(read("map[release:stable tier:web]"), "release=stable,tier=web");
        assert_eq!(read("map[image:reg:5000/a:1 tier:]"), "image=reg:5000/a:1,tier=");
        assert_eq!(read("map[a: b: c:]"), "a=,b=,c=");
        assert_eq!(read("map[note:two words tier:web]"), "note=two words,tier=web");
        assert_eq!(read("map[note:see a:b tier:web]"), "note=see a:b,tier=web");
        assert_eq!(read("map[x:a]b]"), "x=a]b");
        for wrong in ["map[", "map[x]", "{}", "map", "<html>", "nil", "map[ a:b]"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_go_prints_is_read(map in proptest::collection::btree_map("[a-z./-]{1,8}", "[a-z:0-9]{0,8}", 0..6)) {
            let pairs: Vec<String> = map.iter().map(|(key, value)| format!("{key}:{value}")).collect();
            let labels = parse(&format!("map[{}]", pairs.join(" "))).unwrap();
            prop_assert_eq!(labels, map.into_iter().collect());
        }

        #[test]
        fn anything_is_read_or_refused(text in "(map\\[)?\\PC{0,40}\\]?") {
            let _ = parse(&text);
        }
    }
}
