//! SI units with three significant digits, in a width that never changes.

const STEPS: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];

/// The columns that [`bytes`] and [`rate`] need at most: `1.23 MB/s` is nine, `999 B/s` is padded by the caller.
pub(crate) const RATE_WIDTH: usize = 9;

/// `1.23 MB`
pub(crate) fn bytes(count: u64) -> String {
    scaled(as_f64(count), "B", true)
}

/// `1.23 MB/s`
pub(crate) fn rate(per_second: f64) -> String {
    scaled(per_second, "B/s", false)
}

/// `1.23 M`, for packets.
pub(crate) fn count(number: u64) -> String {
    scaled(as_f64(number), "", true).trim_end().to_owned()
}

/// Totals above 2^53 lose their last digits here, far below the three that are shown.
#[allow(clippy::cast_precision_loss, reason = "three digits are shown of fifty-three bits")]
pub(crate) fn as_f64(count: u64) -> f64 {
    count as f64
}

fn scaled(value: f64, unit: &str, whole: bool) -> String {
    let mut value = if value.is_finite() { value.max(0.0) } else { 0.0 };
    let mut steps = STEPS.iter();
    let mut prefix = steps.next().copied().unwrap_or_default();
    let mut first = true;
    // 999.5 would round to "1000": it belongs to the next step.
    while value >= 999.5 {
        let Some(next) = steps.next() else { break };
        value /= 1000.0;
        prefix = next;
        first = false;
    }
    let decimals = match value {
        _ if first && (whole || value == 0.0) => 0,
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$} {prefix}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_significant_digits() {
        let cases = [
            (0.0, "0 B/s"),
            (0.5, "0.50 B/s"),
            (9.994, "9.99 B/s"),
            (9.996, "10.0 B/s"),
            (999.4, "999 B/s"),
            (999.5, "1.00 kB/s"),
            (12_345.0, "12.3 kB/s"),
            (1_234_567.0, "1.23 MB/s"),
            (999_999.0, "1.00 MB/s"),
            (3.2e9, "3.20 GB/s"),
            (f64::NAN, "0 B/s"),
        ];
        for (value, text) in cases {
            assert_eq!(rate(value), text);
        }
    }

    #[test]
    fn nothing_is_wider_than_its_column() {
        for power in 0..19u32 {
            for digits in [1, 9, 99, 999, 9995] {
                let value = 10u64.saturating_pow(power).saturating_mul(digits);
                assert!(rate(as_f64(value)).len() <= RATE_WIDTH, "{}", rate(as_f64(value)));
            }
        }
        assert_eq!(bytes(u64::MAX), "18.4 EB");
        assert_eq!(bytes(408), "408 B");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1.00 k");
    }
}
