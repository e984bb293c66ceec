//! `/svcstats` as it comes: an object keyed by endpoint or an array of the same values; ports as text;
//! anything may be null or missing. What can't be read is counted and takes nothing else with it.

use std::net::IpAddr;

use serde_json::{Map, Value};
use svcflow_model::{Counters, Protocol, Service};

/// What one endpoint exchanged with one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServiceStats {
    pub(super) endpoint: IpAddr,
    pub(super) service: Service,
    pub(super) protocol: Protocol,
    pub(super) provider_port: u16,
    /// By the address that each row stands under.
    pub(super) rows: Vec<(IpAddr, Counters)>,
}

/// Hands over every service of every endpoint; gives how many entries could not be read.
pub(super) fn read(body: &[u8], mut each: impl FnMut(ServiceStats)) -> Result<u64, String> {
    let document: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let mut reader = Reader { each: &mut each, unreadable: 0 };
    match &document {
        Value::Object(map) => map.iter().for_each(|(key, value)| reader.endpoint(key, value)),
        Value::Array(all) => all.iter().for_each(|value| reader.endpoint("", value)),
        // Go's print of no map at all.
        Value::Null => {}
        _ => return Err("neither an object nor an array".to_owned()),
    }
    Ok(reader.unreadable)
}

struct Reader<'e> {
    each: &'e mut dyn FnMut(ServiceStats),
    unreadable: u64,
}

impl Reader<'_> {
    fn endpoint(&mut self, key: &str, value: &Value) {
        let services = value.get("SvcStats").unwrap_or(&Value::Null);
        let endpoint = text(value, "EndpointIP").unwrap_or(key).parse();
        match (services, endpoint) {
            (Value::Null, _) if value.is_object() => {}
            (Value::Object(map), Ok(endpoint)) => {
                for (key, value) in map {
                    match service(endpoint, key, value, &mut self.unreadable) {
                        Some(stats) => (self.each)(stats),
                        None => self.unreadable += 1,
                    }
                }
            }
            _ => self.unreadable += 1,
        }
    }
}

fn service(
    endpoint: IpAddr,
    key: &str,
    value: &Value,
    unreadable: &mut u64,
) -> Option<ServiceStats> {
    let address = text(value, "ServiceIP").unwrap_or(key).parse().ok()?;
    let protocol = text(value, "Protocol")?.parse().ok()?;
    let none = Map::new();
    let providers = match value.get("ProvStats") {
        None | Some(Value::Null) => &none,
        Some(Value::Object(map)) => map,
        Some(_) => return None,
    };
    let mut rows = Vec::with_capacity(providers.len());
    for (key, value) in providers {
        match row(key, value) {
            Some(row) => rows.push(row),
            None => *unreadable += 1,
        }
    }
    Some(ServiceStats {
        endpoint,
        service: Service { address, port: port(value.get("SvcPort"))? },
        protocol,
        provider_port: port(value.get("ProvPort"))?,
        rows,
    })
}

fn row(key: &str, value: &Value) -> Option<(IpAddr, Counters)> {
    let address = text(value, "ProviderIP").unwrap_or(key).parse().ok()?;
    let number = |name: &str| match value.get(name) {
        None | Some(Value::Null) => Some(0),
        Some(number) => number.as_u64(),
    };
    let counters = Counters {
        bytes_in: number("BytesIn")?,
        bytes_out: number("BytesOut")?,
        packets_in: number("PacketsIn")?,
        packets_out: number("PacketsOut")?,
    };
    value.is_object().then_some((address, counters))
}

/// A field's text, where it has any.
fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name)?.as_str().filter(|text| !text.is_empty())
}

/// Text, maybe a number; 0 where there is none.
fn port(value: Option<&Value>) -> Option<u16> {
    match value {
        None | Some(Value::Null) => Some(0),
        Some(Value::String(text)) if text.is_empty() => Some(0),
        Some(Value::String(text)) => text.parse().ok(),
        Some(number) => number.as_u64()?.try_into().ok(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EXAMPLE: &str = r#"{"11.1.1.2": {"EndpointIP":"11.1.1.2","VrfName":"default","PortStats":{"PacketsIn":0,"BytesIn":0,"PacketsOut":0,"BytesOut":0},
      "SvcStats":{"100.1.1.3":{"ServiceIP":"100.1.1.3","ServiceVRF":"","Protocol":"TCP","SvcPort":"8080","ProvPort":"80",
      "SvcStats":{},"ProvStats":{
        "11.1.1.2":{"ProviderIP":"11.1.1.2","ServiceIP":"","ServiceVrf":"","PacketsIn":0,"BytesIn":0,"PacketsOut":6,"BytesOut":408},
        "10.1.1.5":{"ProviderIP":"10.1.1.5","ServiceIP":"","ServiceVrf":"","PacketsIn":4,"BytesIn":272,"PacketsOut":0,"BytesOut":0}}}}}}"#;

    fn all(text: &str) -> (Vec<ServiceStats>, u64) {
        let mut all = Vec::new();
        let unreadable = read(text.as_bytes(), |stats| all.push(stats)).unwrap();
        (all, unreadable)
    }

    #[test]
    fn both_shapes_say_the_same() {
        let (object, unreadable) = all(EXAMPLE);
        assert_eq!((object.len(), unreadable), (1, 0));
        let stats = &object[0];
        assert_eq!((stats.service.port, stats.provider_port), (8080, 80));
        assert_eq!(stats.rows.len(), 2);
        let keyed: Map<String, Value> = serde_json::from_str(EXAMPLE).unwrap();
        let array = Value::Array(keyed.into_iter().map(|(_, value)| value).collect());
        assert_eq!(all(&array.to_string()), (object, 0));
    }

    #[test]
    fn null_everywhere_and_nothing_anywhere() {
        for empty in [
            "null",
            "{}",
            "[]",
            r#"{"11.1.1.2":{}}"#,
            r#"[{"EndpointIP":"11.1.1.2","SvcStats":null,"PortStats":null}]"#,
            r#"{"11.1.1.2":{"EndpointIP":null,"SvcStats":{}}}"#,
        ] {
            assert_eq!(all(empty), (Vec::new(), 0), "{empty}");
        }
        let nulls = r#"{"11.1.1.2":{"EndpointIP":null,"SvcStats":{"100.1.1.3":{"ServiceIP":null,"Protocol":"UDP",
            "SvcPort":null,"ProvPort":53,"SvcStats":null,"ProvStats":{"10.1.1.5":{"ProviderIP":null,"BytesIn":null,"BytesOut":7}}}}}}"#;
        let (stats, unreadable) = all(nulls);
        assert_eq!((stats[0].service.port, stats[0].provider_port, unreadable), (0, 53, 0));
        assert_eq!((stats[0].rows[0].1.bytes_in, stats[0].rows[0].1.bytes_out), (0, 7));
    }

    #[test]
    fn what_cannot_be_read_is_counted_alone() {
        for (fault, instead) in [
            ("\"BytesIn\":272", "\"BytesIn\":-1"),
            ("\"BytesIn\":272", "\"BytesIn\":\"many\""),
            ("\"ProviderIP\":\"10.1.1.5\"", "\"ProviderIP\":\"five\""),
        ] {
            let (stats, unreadable) = all(&EXAMPLE.replace(fault, instead));
            assert_eq!((stats[0].rows.len(), unreadable), (1, 1), "{instead}");
        }
        for (fault, instead) in [
            ("\"TCP\"", "\"what\""),
            ("\"TCP\"", "null"),
            ("\"8080\"", "\"99999\""),
            ("\"ServiceIP\":\"100.1.1.3\"", "\"ServiceIP\":\"x\""),
        ] {
            assert_eq!(all(&EXAMPLE.replace(fault, instead)), (Vec::new(), 1), "{instead}");
        }
        assert_eq!(all("[null,7,{\"SvcStats\":{}},{\"SvcStats\":7}]").1, 4);
        assert!(read(b"<html>", |_| {}).is_err() && read(b"7", |_| {}).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_json_is_read_or_counted(cut in 0..600_usize, text in "[\\[\\]{}\":,0-9a-z.]{0,80}") {
            let _ = read(text.as_bytes(), |_| {});
            let _ = read(EXAMPLE.get(..cut.min(EXAMPLE.len())).unwrap_or_default().as_bytes(), |_| {});
        }
    }
}
