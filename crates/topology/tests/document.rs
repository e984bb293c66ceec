//! `/services`, against contracts.md 3.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

mod support;

use serde_json::{Value, json};
use support::{at, ip, one_source, owner, service};
use svcflow_model::{Edge, Protocol};
use svcflow_topology::{Facts, Service, Update, document, observed};

fn edge(service: Option<&str>, provider: &str) -> Edge {
    let service = service.map(|text| text.parse::<std::net::SocketAddr>().unwrap());
    Edge {
        endpoint: ip("11.1.1.1"),
        service: service.map(|it| svcflow_model::Service { address: it.ip(), port: it.port() }),
        provider: ip(provider),
        provider_port: 80,
        protocol: Protocol::TCP,
    }
}

fn written(facts: Facts, edges: &[Edge]) -> Value {
    let (mut topology, source) = one_source();
    topology.apply(source, Update::Listed { at: at(1), facts });
    let document = document::services(&topology.snapshot(), at(2), &observed::services(edges));
    serde_json::to_value(document).unwrap()
}

fn selecting(name: &str, address: &str, tier: &str) -> Service {
    let selectors = [("tier", tier)].into_iter().collect();
    Service { selectors, ..service(name, address, &["8080:80:TCP"]) }
}

#[test]
fn it_is_contivs_own_document() {
    let mut db = owner("b", &["10.1.1.15"]);
    db.labels = [("tier", "db"), ("version", "1.0")].into_iter().collect();
    let facts = Facts {
        owners: vec![owner("a", &["10.1.1.1", "fd10:1:1::1"]), db],
        services: vec![
            selecting("app-svc", "100.1.1.3", "web"),
            selecting("app-db", "100.1.1.4", "db"),
            selecting("empty", "100.1.1.5", "none"),
            Service { providers: Some(Vec::new()), ..service("stated", "100.1.1.6", &[]) },
        ],
        faults: Vec::new(),
    };
    let expected = json!({
        "ancestors_struct": {"10.1.1.1": ["default:app-svc"], "10.1.1.15": ["default:app-db"]},
        "children_struct": {
            "topLevel": ["default:app-db", "default:app-svc", "default:empty", "default:stated"],
            "default:app-svc": ["10.1.1.1"], "default:app-db": ["10.1.1.15"],
            "default:empty": [], "default:stated": []},
        "labels": {"10.1.1.1": {"tier": "web"}, "10.1.1.15": {"tier": "db", "version": "1.0"}},
        "serviceSelectors": {"default:app-svc": {"tier": "web"}, "default:app-db": {"tier": "db"},
                             "default:empty": {"tier": "none"}, "default:stated": {}},
    });
    assert_eq!(written(facts, &[]), expected);
}

#[test]
fn a_provider_of_two_services_has_two_ancestors() {
    let stated = |name, address| Service {
        providers: Some(vec![ip("10.1.1.1")]),
        ..service(name, address, &["80"])
    };
    let services = vec![stated("one", "100.1.1.3"), stated("two", "100.1.1.4")];
    let document = written(Facts { services, ..Facts::default() }, &[]);
    assert_eq!(document["ancestors_struct"]["10.1.1.1"], json!(["default:one", "default:two"]));
    assert_eq!(document["labels"]["10.1.1.1"], json!({}), "nobody said who that is");
}

#[test]
fn what_translation_shows_joins_what_is_named_and_stands_alone_where_nothing_is() {
    let facts = Facts {
        owners: vec![owner("a", &["10.1.1.1", "fd10:1:1::1"])],
        services: vec![selecting("app-svc", "100.1.1.3", "web")],
        faults: Vec::new(),
    };
    let edges = [
        edge(Some("100.1.1.3:8080"), "10.1.1.1"),
        // The same container by its other address, one that nobody named, and a provider unknown.
        edge(Some("100.1.1.3:8080"), "fd10:1:1::1"),
        edge(Some("100.1.1.3:8080"), "10.1.1.9"),
        edge(Some("100.1.1.3:8080"), "0.0.0.0"),
        edge(Some("100.1.1.3:9999"), "10.1.1.1"),
        edge(Some("[fd64::3]:80"), "fd10::7"),
        edge(Some("0.0.0.0:0"), "0.0.0.0"),
        edge(None, "8.8.8.8"),
    ];
    let document = written(facts, &edges);
    let children = json!({
        "topLevel": ["100.1.1.3:9999", "[fd64::3]:80", "default:app-svc"],
        "default:app-svc": ["10.1.1.1", "10.1.1.9"],
        "100.1.1.3:9999": ["10.1.1.1"], "[fd64::3]:80": ["fd10::7"]});
    assert_eq!(document["children_struct"], children);
    let ancestors = json!(["100.1.1.3:9999", "default:app-svc"]);
    assert_eq!(document["ancestors_struct"]["10.1.1.1"], ancestors);
    assert_eq!(document["serviceSelectors"]["100.1.1.3:9999"], json!({}));
    assert_eq!(document["labels"]["fd10::7"], json!({}));
}
