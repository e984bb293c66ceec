//! Values of settings, and what to write instead where they are wrong.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use toml::de::DeValue;

/// A value, or what to write instead.
pub type Parsed<T> = Result<T, String>;

/// Text.
///
/// # Errors
/// Where it is something else.
pub fn text<'v>(value: &'v DeValue<'_>) -> Parsed<&'v str> {
    value.as_str().ok_or_else(|| "expected text in quotes".to_owned())
}

/// A list of texts.
///
/// # Errors
/// Where it is something else.
pub fn texts(value: &DeValue<'_>) -> Parsed<Vec<String>> {
    let fault = || "expected a list such as [\"a\", \"b\"]".to_owned();
    let array = value.as_array().ok_or_else(fault)?;
    array.iter().map(|v| v.get_ref().as_str().map(str::to_owned).ok_or_else(fault)).collect()
}

/// `true` or `false`.
///
/// # Errors
/// Where it is something else.
pub fn flag(value: &DeValue<'_>) -> Parsed<bool> {
    value.as_bool().ok_or_else(|| "expected `true` or `false`".to_owned())
}

/// A whole number from 1.
///
/// # Errors
/// Where it is something else.
pub fn count(value: &DeValue<'_>) -> Parsed<NonZeroUsize> {
    let fault = || "expected a whole number from 1".to_owned();
    let integer = value.as_integer().ok_or_else(fault)?;
    usize::from_str_radix(integer.as_str(), integer.radix())
        .ok()
        .and_then(NonZeroUsize::new)
        .ok_or_else(fault)
}

/// An address with a port.
///
/// # Errors
/// Where it is something else; `example` is what to write instead.
pub fn address(value: &DeValue<'_>, example: &str) -> Parsed<SocketAddr> {
    let text = text(value)?;
    text.parse().map_err(|_| format!("`{text}` is no address with port: write \"{example}\""))
}

/// A time such as `10s`.
///
/// # Errors
/// Where it is something else.
pub fn duration(value: &DeValue<'_>) -> Parsed<Duration> {
    parse_duration(text(value)?)
}

/// Reads `10s`, `500ms`, `5m`, `1h`, `30d`.
///
/// # Errors
/// Where it is something else.
pub fn parse_duration(text: &str) -> Parsed<Duration> {
    let fault = || format!("`{text}` is no duration: write \"10s\", \"500ms\", \"5m\" or \"1h\"");
    let (number, unit) = number_and_unit(text).ok_or_else(fault)?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(fault()),
    };
    number.checked_mul(milliseconds).map(Duration::from_millis).ok_or_else(fault)
}

/// A number of bytes such as `25MB` or `64MiB`.
///
/// # Errors
/// Where it is something else, or none.
pub fn bytes(value: &DeValue<'_>) -> Parsed<u64> {
    let text = text(value)?;
    let fault = || format!("`{text}` is no size: write \"25MB\", \"256MiB\" or \"1GiB\"");
    let (number, unit) = number_and_unit(text).ok_or_else(fault)?;
    let unit = match unit {
        "B" => 1,
        "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(fault()),
    };
    number.checked_mul(unit).filter(|bytes| *bytes > 0).ok_or_else(fault)
}

fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_need_a_unit() {
        assert_eq!(parse_duration("90m"), Ok(Duration::from_secs(5_400)));
        for wrong in ["", "10", "s", "1 h", "-1s", "99999999999999999999s", "9999999999999999999d"]
        {
            assert!(parse_duration(wrong).unwrap_err().contains("is no duration"), "{wrong}");
        }
        let size = |text: &str| bytes(&DeValue::String(text.into()));
        assert_eq!(size("25MB"), Ok(25_000_000));
        assert_eq!(size("2GiB"), Ok(2 << 30));
        for wrong in ["", "1", "0B", "1 MB", "99999999999GiB"] {
            assert!(size(wrong).unwrap_err().contains("is no size"), "{wrong}");
        }
    }
}
