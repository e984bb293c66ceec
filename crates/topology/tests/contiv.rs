//! Netmaster, well and ill (issue 4, "Must hold"): names stay, marked stale with their age.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

#[path = "support/watched.rs"]
mod watched;

use std::time::Duration;

use serde_json::json;
use svcflow_lab::Topology as LabTopology;
use svcflow_lab::standin::contiv::netmaster;
use svcflow_lab::standin::{Reply, StandIn};
use svcflow_model::Timestamp;
use svcflow_topology::sources::contiv::Netmaster;
use svcflow_topology::sources::system_now;
use svcflow_topology::{Facts, Snapshot, SourceState, document};
use svcflow_transport::{Client, ClientTls, Trust};
use watched::Watched;

const SOON: Duration = Duration::from_secs(60);

fn client() -> Client {
    let tls = ClientTls::read(&Trust::Pinned(Vec::new()), None, None).unwrap();
    Client::new(&tls, Duration::from_secs(1))
}

fn asking(url: &str) -> Netmaster {
    let timing = (Duration::from_millis(50), Duration::from_millis(400));
    Netmaster::new(url, client()).unwrap().timing(timing.0, timing.1)
}

fn now() -> Timestamp {
    system_now()()
}

fn children(snapshot: &Snapshot) -> Vec<(String, usize)> {
    let document = document::services(snapshot, now(), &[]);
    document.children.iter().map(|(name, all)| (name.clone(), all.len())).collect()
}

fn state(snapshot: &Snapshot) -> &SourceState {
    &snapshot.sources()[0].state
}

fn is_ok(snapshot: &Snapshot) -> bool {
    matches!(state(snapshot), SourceState::Ok { .. })
}

/// What is wrong with the source, where it is stale.
fn fault(snapshot: &Snapshot) -> Option<&str> {
    match state(snapshot) {
        SourceState::Stale { error, .. } => Some(error),
        _ => None,
    }
}

#[tokio::test]
async fn the_demos_services_come_with_providers_labels_and_selectors() {
    let demo = LabTopology::demo();
    let server = StandIn::start(move |target| netmaster(&demo, target)).unwrap();
    let watched = Watched::start(vec![Box::new(asking(&server.url()))]);
    let snapshot = watched.until("ok", SOON, is_ok).await;
    let expected = [("default:app-db".to_owned(), 3), ("default:app-svc".to_owned(), 14)];
    assert_eq!(children(&snapshot), expected);
    let document = serde_json::to_value(document::services(&snapshot, now(), &[])).unwrap();
    let labels =
        json!({"environment": "prod", "release": "stable", "tier": "web", "version": "1.0"});
    assert_eq!(document["labels"]["10.1.1.1"], labels);
    let selectors = json!({"environment": "prod", "release": "stable", "tier": "db"});
    assert_eq!(document["serviceSelectors"]["default:app-db"], selectors);
    let owner = snapshot.owner("10.1.1.1".parse().unwrap(), now()).unwrap().entity;
    assert_eq!((owner.name.as_str(), owner.node.as_deref()), ("web-10.1.1.1", Some("node1")));
    assert_eq!(snapshot.sources()[0].faults, [] as [&str; 0]);
}

/// Its name, the answer, what is said of it.
type Ill = (&'static str, fn(&str) -> Reply, &'static str);

#[tokio::test]
async fn ill_in_every_way_the_names_stay_stale_and_come_back() {
    let demo = LabTopology::demo();
    let well = move |target: &str| netmaster(&demo, target);
    let server = StandIn::start(well.clone()).unwrap();
    let watched = Watched::start(vec![Box::new(asking(&server.url()))]);
    let before = children(&*watched.until("ok", SOON, is_ok).await);
    assert_eq!(before.len(), 2);
    let ills: [Ill; 5] = [
        ("500", |_| Reply::status(500, "oops"), "answered 500"),
        ("HTML", |_| Reply::ok("<html>login</html>"), "begins `<html>login</html>`"),
        ("slow", |_| Reply::ok("[]").after(Duration::from_secs(2)), "did not answer within"),
        ("an object", |_| Reply::ok("{\"error\":1}"), "something else than Netmaster"),
        ("cut off", |_| Reply::ok("[{\"serviceName\""), "something else than Netmaster"),
    ];
    for (ill, answer, expected) in ills {
        server.answer(answer);
        let stale = |it: &Snapshot| fault(it).is_some_and(|fault| fault.contains(expected));
        let snapshot = watched.until(ill, SOON, stale).await;
        assert_eq!(children(&snapshot), before, "{ill}");
        assert!(state(&snapshot).age(Timestamp(now().0 + 5_000_000_000)).unwrap().as_secs() >= 4);
        server.answer(well.clone());
        watched.until("well again", SOON, is_ok).await;
    }
    let address = server.address();
    drop(server);
    let down = |it: &Snapshot| fault(it).is_some_and(|fault| fault.contains("does not answer"));
    let snapshot = watched.until("down", SOON, down).await;
    assert_eq!(children(&snapshot), before);
    let _back = StandIn::at(address, well).unwrap();
    watched.until("up again", SOON, is_ok).await;
}

#[tokio::test]
async fn one_service_that_cannot_be_asked_keeps_its_providers_and_harms_no_other() {
    let demo = LabTopology::demo();
    let well = move |target: &str| netmaster(&demo, target);
    let server = StandIn::start(well.clone()).unwrap();
    let mut netmaster = asking(&server.url());
    let first = netmaster.ask().await.unwrap();
    server.answer(move |target| match target.contains("app-db") {
        true => Reply::status(500, "oops"),
        false => well(target),
    });
    let second = netmaster.ask().await.unwrap();
    assert_eq!((&second.services, &second.owners), (&first.services, &first.owners));
    assert_eq!(second.faults.len(), 1);
    assert!(second.faults[0].contains("default:app-db") && second.faults[0].contains("500"));
}

async fn asked(list: &str, inspected: &str) -> Facts {
    let (list, inspected) = (list.to_owned(), inspected.to_owned());
    let server = StandIn::start(move |target| match target.contains("inspect") {
        true => Reply::ok(inspected.clone()),
        false => Reply::ok(list.clone()),
    });
    asking(&server.unwrap().url()).ask().await.unwrap()
}

#[tokio::test]
async fn every_field_may_be_missing_or_null() {
    assert_eq!(asked("null", "null").await, Facts::default());
    assert_eq!(asked("[]", "{}").await, Facts::default());
    let bare = r#"[{"serviceName":"s","tenantName":"t"}]"#;
    let nulls = r#"[{"serviceName":"s","tenantName":"t","ipAddress":null,"networkName":null,
        "ports":[null,"8080:80:TCP"],"selectors":null}]"#;
    for inspected in [
        "{}",
        "null",
        r#"{"Config":null,"Oper":null}"#,
        r#"{"Oper":{"numProviders":0,"serviceVip":null,"providers":null}}"#,
        r#"{"Oper":{"numProviders":0}}"#,
    ] {
        for list in [bare, nulls] {
            let facts = asked(list, inspected).await;
            assert_eq!(facts.services[0].full_name(), "t:s");
            assert_eq!(
                (facts.services[0].providers.as_deref(), facts.faults.len()),
                (Some(&[][..]), 0)
            );
        }
    }
    let providers = r#"{"Oper":{"serviceVip":"100.1.1.3","providers":[
        {"ipAddress":["10.1.1.1",""],"labels":null},
        {"ipAddress":["10.1.1.2",null],"labels":"map[]","endpointID":null,"containerID":"c2"},
        {"ipAddress":["10.1.1.3","fd10::3"],"labels":"map[image:reg:5000/a tier:]","containerName":"three"}]}}"#;
    let facts = asked(bare, providers).await;
    assert_eq!(facts.faults, [] as [&str; 0]);
    assert_eq!(facts.services[0].addresses, ["100.1.1.3".parse::<std::net::IpAddr>().unwrap()]);
    let names: Vec<_> = facts.owners.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["10.1.1.1", "c2", "three"]);
    assert_eq!(facts.owners[2].labels.get("image"), Some("reg:5000/a"));
    assert_eq!(facts.owners[2].labels.get("tier"), Some(""));
}

#[tokio::test]
async fn what_cannot_be_read_is_said_and_takes_nothing_with_it() {
    let list = r#"[{"tenantName":"t"},7,{"serviceName":"s","ports":["x","80:80:TCP"],"selectors":["tier"]}]"#;
    let inspected = r#"{"Oper":{"providers":[null,{"ipAddress":[]},{"ipAddress":["10.1.1.1"],"labels":"what"}]}}"#;
    let facts = asked(list, inspected).await;
    assert_eq!((facts.services.len(), facts.owners.len()), (1, 1));
    assert_eq!(facts.services[0].full_name(), "default:s");
    assert_eq!(facts.services[0].ports.len(), 1);
    assert_eq!(facts.faults.len(), 7, "{:#?}", facts.faults);
}

#[test]
fn only_http_addresses_are_taken() {
    for wrong in ["netmaster:9999", "", "http://", "ftp://x", "http:// x"] {
        assert!(Netmaster::new(wrong, client()).is_err(), "{wrong}");
    }
}
