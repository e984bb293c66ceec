//! `/api/v1/edges` as the terminal reads it: what it doesn't know it keeps, what is absent stays absent.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use svcflow_model::{EdgeRow, Losses};

/// One look of one agent.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Document {
    pub(crate) node: String,
    #[serde(default)]
    pub(crate) epoch: Value,
    #[serde(default)]
    pub(crate) sequence: u64,
    #[serde(default)]
    pub(crate) interval_seconds: f64,
    #[serde(default)]
    pub(crate) source: Source,
    pub(crate) edges: Vec<SeenEdge>,
    #[serde(default)]
    pub(crate) losses: Losses,
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

/// Where the counters come from, and what that can't see.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Source {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) reason: String,
    #[serde(default)]
    pub(crate) blind_spots: Vec<String>,
}

/// An edge, and how fast it grows once two looks have been taken.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SeenEdge {
    #[serde(flatten)]
    pub(crate) row: EdgeRow,
    #[serde(default)]
    pub(crate) rate: Option<Rate>,
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

/// Per second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rate {
    pub(crate) bytes_in: f64,
    pub(crate) bytes_out: f64,
    #[serde(default)]
    pub(crate) packets_in: f64,
    #[serde(default)]
    pub(crate) packets_out: f64,
}

impl SeenEdge {
    /// The rate, or none yet.
    pub(crate) fn rate(&self) -> Rate {
        self.rate.unwrap_or_default()
    }

    /// `100.1.1.3:8080`, or `direct` where nothing was translated.
    pub(crate) fn service_text(&self) -> String {
        match (self.row.service, self.row.service_port) {
            (Some(address), Some(port)) => join(address, port, self.row.protocol.has_ports()),
            (Some(address), None) => address.to_string(),
            (None, _) => "direct".to_owned(),
        }
    }

    /// `10.1.1.5:80`
    pub(crate) fn provider_text(&self) -> String {
        join(self.row.provider, self.row.provider_port, self.row.protocol.has_ports())
    }
}

fn join(address: std::net::IpAddr, port: u16, has_port: bool) -> String {
    if has_port {
        std::net::SocketAddr::new(address, port).to_string()
    } else {
        address.to_string()
    }
}

impl Document {
    /// What was lost and what can't be seen, in one line; none when there is nothing to say.
    pub(crate) fn warning(&self) -> Option<String> {
        let lost = self.losses.iter().map(|(kind, loss)| {
            let name = serde_json::to_value(kind).ok();
            let name = name.as_ref().and_then(Value::as_str).unwrap_or("lost").to_owned();
            let about = if loss.bytes > 0 {
                format!(" (about {})", crate::units::bytes(loss.bytes))
            } else {
                String::new()
            };
            format!("{name} {}{about}", loss.count)
        });
        let lost: Vec<String> = lost.collect();
        let mut parts = Vec::new();
        if !lost.is_empty() {
            parts.push(format!("lost: {}", lost.join(", ")));
        }
        if !self.source.blind_spots.is_empty() {
            parts.push(format!("not seen: {}", self.source.blind_spots.join("; ")));
        }
        (!parts.is_empty()).then(|| parts.join(" · "))
    }
}

#[cfg(test)]
pub(crate) mod sample {
    use super::Document;

    /// A look with one service of two providers and a direct edge.
    pub(crate) const TEXT: &str = r#"{"node":"n1","epoch":7,"sequence":3,"at":1,"interval_seconds":1.0,
     "source":{"name":"nftables","reason":"auto","blind_spots":[]},"edges":[
     {"node":"n1","endpoint":"11.1.1.2","service":"100.1.1.3","service_port":8080,"provider":"10.1.1.5","provider_port":80,
      "protocol":"TCP","bytes_in":1000000,"bytes_out":10000,"packets_in":700,"packets_out":300,"relation":"translated",
      "rate":{"bytes_in":1200000.0,"bytes_out":12000.0,"packets_in":800.0,"packets_out":400.0}},
     {"node":"n1","endpoint":"11.1.1.3","service":"100.1.1.3","service_port":8080,"provider":"10.1.1.6","provider_port":80,
      "protocol":"TCP","bytes_in":5000,"bytes_out":2000000,"packets_in":70,"packets_out":900,
      "rate":{"bytes_in":100.0,"bytes_out":2400000.0}},
     {"node":"n1","endpoint":"11.1.1.2","service":null,"service_port":null,"provider":"10.1.1.9","provider_port":53,
      "protocol":"UDP","bytes_in":90,"bytes_out":60,"packets_in":1,"packets_out":1,"rate":null}],
     "losses":{"ended-unseen":{"count":3,"bytes":12000,"first":1,"last":2}}}"#;

    pub(crate) fn document() -> Document {
        serde_json::from_str(TEXT).expect("the sample is a document")
    }

    #[test]
    fn what_it_does_not_know_it_keeps() {
        let again = serde_json::to_value(document()).expect("a value");
        assert_eq!(again["edges"][0]["relation"], "translated");
        assert_eq!(again["at"], 1);
        assert_eq!(document().edges[2].service_text(), "direct");
        assert_eq!(document().warning().as_deref(), Some("lost: ended-unseen 3 (about 12.0 kB)"));
    }
}
