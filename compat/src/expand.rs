//! Placeholders: `${name}` in a text becomes a value, `${i*7%13}` a number, `${now-30s}` a time.

use std::collections::BTreeMap;

use crate::Now;

/// What placeholders stand for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meaning<'a> {
    /// Texts by name.
    pub(crate) names: &'a BTreeMap<&'a str, &'a str>,
    /// The number that `i` stands for, in a line that is generated.
    pub(crate) number: Option<i64>,
    /// The scenario's instant.
    pub(crate) now: Now,
    /// The unit of `${now}`: a precision of `/write`.
    pub(crate) precision: Option<&'a str>,
}

/// The text with every placeholder filled, or what is wrong with it.
pub(crate) fn fill(text: &str, meaning: Meaning<'_>) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (inside, after) =
            after.split_once('}').ok_or_else(|| format!("`${{` is not closed in {text}"))?;
        filled.push_str(before);
        filled.push_str(&value(inside, meaning)?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn value(inside: &str, meaning: Meaning<'_>) -> Result<String, String> {
    if let Some(text) = meaning.names.get(inside) {
        return Ok((*text).to_owned());
    }
    if let Some(time) = meaning.now.resolve(inside, meaning.precision) {
        return Ok(time.to_string());
    }
    match meaning.number {
        Some(number) => arithmetic(inside, number).map(|value| value.to_string()),
        None => Err(format!("`${{{inside}}}` is no name of `with` and no time")),
    }
}

/// Integers and `i`, joined by `+ - * / %`, taken from left to right: `i*7%13`.
fn arithmetic(text: &str, number: i64) -> Result<i64, String> {
    let fault = || format!("`${{{text}}}` is no arithmetic with i");
    let mut total = 0_i64;
    let mut operator = '+';
    let mut rest = text;
    loop {
        let end = rest.find(['+', '-', '*', '/', '%']).unwrap_or(rest.len());
        let (operand, after) = rest.split_at(end);
        let operand = match operand.trim() {
            "i" => number,
            digits => digits.parse().map_err(|_| fault())?,
        };
        total = match operator {
            '+' => total.checked_add(operand),
            '-' => total.checked_sub(operand),
            '*' => total.checked_mul(operand),
            '/' => total.checked_div(operand),
            _ => total.checked_rem_euclid(operand),
        }
        .ok_or_else(fault)?;
        let mut after = after.chars();
        match after.next() {
            Some(next) => (operator, rest) = (next, after.as_str()),
            None => return Ok(total),
        }
    }
}

/// Every combination of one value per name, the last name varying fastest.
pub(crate) fn combinations<'a>(
    with: &'a BTreeMap<String, Vec<String>>,
) -> Vec<BTreeMap<&'a str, &'a str>> {
    let mut all = vec![BTreeMap::new()];
    for (name, values) in with {
        let longer = |shorter: &BTreeMap<&'a str, &'a str>| -> Vec<BTreeMap<&'a str, &'a str>> {
            let with_value = |value: &'a String| {
                let mut one = shorter.clone();
                one.insert(name.as_str(), value.as_str());
                one
            };
            values.iter().map(with_value).collect()
        };
        all = all.iter().flat_map(longer).collect();
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str, number: Option<i64>) -> Result<String, String> {
        let names = BTreeMap::from([("f", "mean(v)")]);
        fill(text, Meaning { names: &names, number, now: Now(5_000_000_000), precision: None })
    }

    #[test]
    fn names_numbers_and_times_are_filled() {
        assert_eq!(filled("a ${f} b", None).unwrap(), "a mean(v) b");
        assert_eq!(filled("m v=${i*7%13}i ${i+100}", Some(5)).unwrap(), "m v=9i 105");
        assert_eq!(filled("${now-1s}", None).unwrap(), "4000000000");
        assert_eq!(filled("costs $5 {x}", None).unwrap(), "costs $5 {x}");
    }

    #[test]
    fn what_means_nothing_is_refused() {
        for (text, number) in
            [("${g}", None), ("${f", None), ("${i*}", Some(1)), ("${i/0}", Some(1))]
        {
            assert!(filled(text, number).is_err(), "{text}");
        }
    }

    #[test]
    fn combinations_are_the_product() {
        let with = BTreeMap::from([
            ("a".to_owned(), vec!["1".to_owned(), "2".to_owned()]),
            ("b".to_owned(), vec!["x".to_owned(), "y".to_owned()]),
        ]);
        let all: Vec<_> =
            combinations(&with).iter().map(|one| format!("{}{}", one["a"], one["b"])).collect();
        assert_eq!(all, ["1x", "1y", "2x", "2y"]);
    }
}
