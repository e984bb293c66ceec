//! The table as CSV (RFC 4180).

use std::borrow::Cow;
use std::fmt::Write;
use std::time::{Duration, UNIX_EPOCH};

use crate::document::{EdgeRow, Mark, State};
use crate::edges::Column;
use crate::time::Millis;

/// Rows under a header of the columns' names.
#[must_use]
pub fn csv(rows: &[EdgeRow], columns: &[Column]) -> String {
    let mut out = String::with_capacity((rows.len() + 1) * columns.len() * 12);
    line(&mut out, columns.iter().map(|column| column.name().into()));
    for row in rows {
        line(&mut out, columns.iter().map(|column| field(row, *column)));
    }
    out
}

fn line<'f>(out: &mut String, fields: impl Iterator<Item = Cow<'f, str>>) {
    for (place, field) in fields.enumerate() {
        if place > 0 {
            out.push(',');
        }
        if field.contains(['"', ',', '\r', '\n']) {
            out.push('"');
            for c in field.chars() {
                out.extend((c == '"').then_some('"'));
                out.push(c);
            }
            out.push('"');
        } else {
            out.push_str(&field);
        }
    }
    out.push_str("\r\n");
}

fn field(row: &EdgeRow, column: Column) -> Cow<'_, str> {
    match column {
        Column::Id => text(&row.id),
        Column::Node => text(&row.node),
        Column::Endpoint => text(&row.endpoint),
        Column::EndpointName => text(&row.endpoint_name),
        Column::Service => row.service.as_deref().map(text).unwrap_or_default(),
        Column::ServicePort => number(row.service_port),
        Column::ServiceName => row.service_name.as_deref().map(text).unwrap_or_default(),
        Column::Provider => text(&row.provider),
        Column::ProviderPort => number(Some(row.provider_port)),
        Column::ProviderName => text(&row.provider_name),
        Column::Protocol => text(&row.protocol),
        Column::Relation => row.relation.name().into(),
        Column::RateBytesIn => number(row.rate_bytes_in),
        Column::RateBytesOut => number(row.rate_bytes_out),
        Column::RatePacketsIn => number(row.rate_packets_in),
        Column::RatePacketsOut => number(row.rate_packets_out),
        Column::BytesIn => number(Some(row.bytes_in)),
        Column::BytesOut => number(Some(row.bytes_out)),
        Column::PacketsIn => number(Some(row.packets_in)),
        Column::PacketsOut => number(Some(row.packets_out)),
        Column::State => match row.state {
            State::Ok => "ok",
            State::Unknown => "unknown",
            State::Stale => "stale",
        }
        .into(),
        Column::Marks => {
            row.marks.iter().map(|mark| Mark::name(*mark)).collect::<Vec<_>>().join(" ").into()
        }
        Column::First => time(row.first).into(),
        Column::Last => time(row.last).into(),
    }
}

/// Text that a spreadsheet would take for a formula gets a quote before it.
fn text(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}").into()
    } else {
        text.into()
    }
}

fn number<T: std::fmt::Display>(value: Option<T>) -> Cow<'static, str> {
    value.map(|value| value.to_string()).unwrap_or_default().into()
}

/// RFC 3339, with the milliseconds.
pub(crate) fn time(at: Millis) -> String {
    let at = Duration::from_millis(u64::try_from(at).unwrap_or(0));
    // The year 9999 is the last that RFC 3339 can write.
    let at = at.min(Duration::from_secs(253_402_300_799));
    let mut text = String::new();
    // Writing to a `String` can't fail.
    let _ = write!(text, "{}", humantime::format_rfc3339_millis(UNIX_EPOCH + at));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::RelationName;

    fn row(name: &str) -> EdgeRow {
        EdgeRow {
            id: "edge:n,1.1.1.1,-,2.2.2.2:80,TCP".to_owned(),
            node: "n".to_owned(),
            endpoint: "1.1.1.1".to_owned(),
            endpoint_name: name.to_owned(),
            service: None,
            service_port: None,
            service_name: None,
            provider: "2.2.2.2".to_owned(),
            provider_port: 80,
            provider_name: String::new(),
            protocol: "TCP".to_owned(),
            relation: RelationName::ClientNode,
            rate_bytes_in: Some(0.1),
            rate_bytes_out: None,
            rate_packets_in: Some(12.0),
            rate_packets_out: Some(1e21),
            bytes_in: u64::MAX,
            bytes_out: 0,
            packets_in: 1,
            packets_out: 2,
            state: State::Stale,
            marks: vec![Mark::Uncounted, Mark::Unsplit],
            first: 1_790_000_000_123,
            last: -5,
        }
    }

    #[test]
    fn every_column_is_written_in_full() {
        let text = csv(&[row("a")], Column::ALL);
        let mut lines = text.split("\r\n");
        assert_eq!(lines.next().unwrap().split(',').count(), 24);
        assert_eq!(
            lines.next().unwrap(),
            "\"edge:n,1.1.1.1,-,2.2.2.2:80,TCP\",n,1.1.1.1,a,,,,2.2.2.2,80,,TCP,client-node,0.1,,12,\
             1000000000000000000000,18446744073709551615,0,1,2,stale,uncounted unsplit,\
             2026-09-21T14:13:20.123Z,1970-01-01T00:00:00.000Z"
        );
        assert_eq!(lines.next(), Some(""));
        assert_eq!(lines.next(), None);
    }

    #[test]
    fn hostile_names_stay_text() {
        for (name, written) in [
            ("plain", "plain"),
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "\"'\r=1\""),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=\"a\",1", "\"'=\"\"a\"\",1\""),
            ("", ""),
        ] {
            let text = csv(&[row(name)], &[Column::EndpointName, Column::Protocol]);
            assert_eq!(text, format!("endpoint_name,protocol\r\n{written},TCP\r\n"));
        }
    }
}
