//! How times are shown.

use svcflow_query::{Zone, write_time};

use super::go::integer;

/// What `epoch=` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Epoch {
    /// Not given: RFC 3339.
    Text,
    /// A number of units of so many nanoseconds since 1970.
    Units(i64),
}

impl Epoch {
    /// Reads the parameter. A unit that InfluxDB doesn't know is nanoseconds, and it knows no `us`.
    pub(crate) fn of(parameter: &str) -> Self {
        match parameter.trim() {
            "" => Self::Text,
            "u" => Self::Units(1_000),
            "ms" => Self::Units(1_000_000),
            "s" => Self::Units(1_000_000_000),
            "m" => Self::Units(60_000_000_000),
            "h" => Self::Units(3_600_000_000_000),
            _ => Self::Units(1),
        }
    }

    /// CSV has no RFC 3339: nanoseconds where nothing else is asked for.
    pub(super) fn for_csv(self) -> Self {
        match self {
            Self::Text => Self::Units(1),
            units => units,
        }
    }

    /// Writes an instant; a text stands between quotes. Numbers are cut towards 1970, as Go divides.
    pub(super) fn write(self, out: &mut Vec<u8>, instant: i64, zone: Option<&Zone>) {
        match self {
            Self::Text => {
                out.push(b'"');
                write_time(out, instant, zone);
                out.push(b'"');
            }
            Self::Units(unit) => integer(out, instant.checked_div(unit).unwrap_or(instant)),
        }
    }
}
