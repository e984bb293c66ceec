//! Design rule 10, cases 13 to 15, precedence, staleness: one test each.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

mod support;

use support::{at, ip, one_source, owner, owners, service, who};
use svcflow_model::{Protocol, Timestamp};
use svcflow_topology::{
    Facts, Limits, Owner, OwnerKind, Record, Service, SourceState, Topology, Update, history,
};

#[test]
fn a_late_end_of_the_old_owner_leaves_its_successor_alone() {
    let (mut topology, docker) = one_source();
    let old = Owner { since: Some(at(10)), ..owner("old", &["10.1.1.1"]) };
    topology.apply(docker, Update::Owner { at: at(10), owner: old });
    // Reused within the second, and told before the old one's end.
    let reused = Timestamp(at(20).0 + 300_000_000);
    let new = Owner { since: Some(reused), ..owner("new", &["10.1.1.1"]) };
    topology.apply(docker, Update::Owner { at: reused, owner: new });
    let end = |time| Update::OwnerEnded { at: time, identity: "old".to_owned() };
    topology.apply(docker, end(Timestamp(at(20).0 + 100_000_000)));
    topology.apply(docker, end(at(30)));
    let snapshot = topology.snapshot();
    let who = |time| who(&snapshot, "10.1.1.1", time);
    assert_eq!(who(at(9)), None);
    assert_eq!(who(at(20)).as_deref(), Some("old"));
    assert_eq!(who(Timestamp(at(20).0 + 200_000_000)), None, "between the two");
    assert_eq!(who(reused).as_deref(), Some("new"));
    assert_eq!(who(at(40)).as_deref(), Some("new"));
    let found = snapshot.owner(ip("10.1.1.1"), at(15)).unwrap();
    assert_eq!((found.from, found.until), (at(10), Some(Timestamp(at(20).0 + 100_000_000))));
}

#[test]
fn a_rename_and_a_relabel_keep_the_past() {
    let (mut topology, docker) = one_source();
    let mut it = owner("c1", &["10.1.1.1"]);
    topology.apply(docker, Update::Owner { at: at(1), owner: it.clone() });
    it.name = "renamed".to_owned();
    topology.apply(docker, Update::Owner { at: at(2), owner: it.clone() });
    it.labels.set("tier", "db");
    topology.apply(docker, Update::Listed { at: at(3), facts: owners([it.clone()]) });
    // Told again, nothing new: the tenure goes on.
    topology.apply(docker, Update::Listed { at: at(4), facts: owners([it]) });
    let snapshot = topology.snapshot();
    let found = |time| snapshot.owner(ip("10.1.1.1"), time).unwrap();
    let told = |time| {
        let it = found(time).entity;
        (it.name.clone(), it.labels.get("tier").unwrap().to_owned())
    };
    assert_eq!(told(at(1)), ("c1-name".to_owned(), "web".to_owned()));
    assert_eq!(told(at(2)), ("renamed".to_owned(), "web".to_owned()));
    assert_eq!(told(at(9)), ("renamed".to_owned(), "db".to_owned()));
    assert_eq!((found(at(9)).from, found(at(9)).until), (at(3), None));
}

#[test]
fn who_is_told_of_before_its_own_clock_says_so_has_one_life() {
    let (mut topology, docker) = one_source();
    let it = Owner { since: Some(at(5)), ..owner("a", &["10.1.1.1"]) };
    topology.apply(docker, Update::Owner { at: at(4), owner: it.clone() });
    let renamed = Owner { name: "b".to_owned(), ..it };
    topology.apply(docker, Update::Owner { at: at(8), owner: renamed });
    let snapshot = topology.snapshot();
    let name = |time| snapshot.owner(ip("10.1.1.1"), time).map(|it| it.entity.name.clone());
    assert_eq!((name(at(3)), name(at(4)).as_deref()), (None, Some("a-name")));
    assert_eq!((name(at(7)).as_deref(), name(at(8)).as_deref()), (Some("a-name"), Some("b")));
}

#[test]
fn a_listing_ends_who_is_gone_but_not_who_came_after_it() {
    let (mut topology, docker) = one_source();
    let facts = owners([owner("a", &["10.1.1.1"]), owner("b", &["10.1.1.2"])]);
    topology.apply(docker, Update::Listed { at: at(10), facts });
    topology.apply(docker, Update::Owner { at: at(25), owner: owner("c", &["10.1.1.3"]) });
    // Asked at 20, answered after the event of 25.
    let late = owners([owner("b", &["10.1.1.2"])]);
    topology.apply(docker, Update::Listed { at: at(20), facts: late });
    let snapshot = topology.snapshot();
    assert_eq!(who(&snapshot, "10.1.1.1", at(19)).as_deref(), Some("a"));
    assert_eq!(who(&snapshot, "10.1.1.1", at(20)), None);
    assert_eq!(who(&snapshot, "10.1.1.2", at(30)).as_deref(), Some("b"));
    assert_eq!(who(&snapshot, "10.1.1.3", at(30)).as_deref(), Some("c"));
}

#[test]
fn an_old_listing_does_not_bring_the_dead_back() {
    let (mut topology, docker) = one_source();
    let it = Owner { since: Some(at(1)), ..owner("a", &["10.1.1.1"]) };
    topology.apply(docker, Update::Owner { at: at(2), owner: it.clone() });
    topology.apply(docker, Update::OwnerEnded { at: at(6), identity: "a".to_owned() });
    topology.apply(docker, Update::Listed { at: at(5), facts: owners([it.clone()]) });
    assert_eq!(who(&topology.snapshot(), "10.1.1.1", at(7)), None);
    // Started again: another life of the same identity.
    let again = Owner { since: Some(at(8)), ..it };
    topology.apply(docker, Update::Owner { at: at(9), owner: again });
    let late = Update::OwnerEnded { at: at(7), identity: "a".to_owned() };
    topology.apply(docker, late);
    let snapshot = topology.snapshot();
    assert_eq!(who(&snapshot, "10.1.1.1", at(7)), None);
    assert_eq!(who(&snapshot, "10.1.1.1", at(8)).as_deref(), Some("a"));
    assert_eq!(who(&snapshot, "10.1.1.1", at(99)).as_deref(), Some("a"));
}

#[test]
fn the_most_specific_word_counts_then_the_first_source() {
    let mut topology = Topology::new(Limits::default());
    let (file, docker) =
        (topology.add_source("static").unwrap(), topology.add_source("docker").unwrap());
    let file_says = owners([
        owner("all", &["0.0.0.0/0"]),
        owner("office", &["10.1.0.0/16"]),
        owner("mine", &["10.1.1.1"]),
    ]);
    topology.apply(file, Update::Listed { at: at(5), facts: file_says });
    let docker_says = owners([owner("c1", &["10.1.1.1"]), owner("c2", &["10.1.1.2", "fd10::2"])]);
    topology.apply(docker, Update::Listed { at: at(1), facts: docker_says });
    let snapshot = topology.snapshot();
    let who = |address| who(&snapshot, address, at(9)).unwrap();
    assert_eq!(who("10.1.1.1"), "mine");
    assert_eq!(who("10.1.1.2"), "c2", "an address before a network, whoever says it");
    assert_eq!(who("10.1.9.9"), "office");
    assert_eq!(who("8.8.8.8"), "all");
    assert_eq!(who("fd10::2"), "c2");
    assert!(snapshot.owner(ip("fd10::3"), at(9)).is_none());
    let then = snapshot.owner(ip("10.1.1.1"), at(3)).unwrap();
    assert_eq!((then.entity.identity.as_str(), then.source.name.as_str()), ("c1", "docker"));
}

#[test]
fn ports_of_one_address_are_services_apart() {
    let (mut topology, source) = one_source();
    let services = vec![
        service("web", "100.1.1.3", &["8080:80:TCP", "8443:443:TCP"]),
        service("dns", "100.1.1.3", &["8080:53:UDP"]),
        service("rest", "100.1.1.3", &[]),
    ];
    let facts = Facts { services, ..Facts::default() };
    topology.apply(source, Update::Listed { at: at(1), facts });
    let snapshot = topology.snapshot();
    let name = |port, protocol| {
        let found = snapshot.service(ip("100.1.1.3"), port, protocol, at(2));
        found.map(|found| found.entity.name.clone())
    };
    assert_eq!(name(8080, Protocol::TCP).as_deref(), Some("web"));
    assert_eq!(name(8443, Protocol::TCP).as_deref(), Some("web"));
    assert_eq!(name(8080, Protocol::UDP).as_deref(), Some("dns"));
    assert_eq!(name(9, Protocol::TCP).as_deref(), Some("rest"));
    assert_eq!(snapshot.services_at(at(2)).len(), 3);
    assert_eq!(snapshot.services_at(at(0)).len(), 0);
    assert!(snapshot.service(ip("100.1.1.4"), 8080, Protocol::TCP, at(2)).is_none());
}

#[test]
fn a_source_that_fails_keeps_its_names_with_their_age() {
    let (mut topology, source) = one_source();
    assert_eq!(topology.snapshot().sources()[0].state, SourceState::Waiting);
    let failed = |time| Update::Failed { at: time, error: "down".to_owned() };
    topology.apply(source, failed(at(1)));
    let state = topology.snapshot().sources()[0].state.clone();
    assert_eq!(state, SourceState::Failed { error: "down".to_owned() });
    let facts = owners([owner("a", &["10.1.1.1"])]);
    topology.apply(source, Update::Listed { at: at(10), facts: facts.clone() });
    topology.apply(source, failed(at(20)));
    topology.apply(source, failed(at(30)));
    let snapshot = topology.snapshot();
    let status = &snapshot.sources()[0];
    assert_eq!(status.state, SourceState::Stale { since: at(10), error: "down".to_owned() });
    assert_eq!(status.state.age(at(70)).unwrap().as_secs(), 60);
    assert_eq!(who(&snapshot, "10.1.1.1", at(70)).as_deref(), Some("a"));
    topology.apply(source, Update::Listed { at: at(80), facts });
    assert_eq!(topology.snapshot().sources()[0].state, SourceState::Ok { at: at(80) });
}

#[test]
fn what_is_past_a_cap_is_counted_and_what_is_forgotten_is_dated() {
    let mut topology = Topology::new(Limits { open: 2, ended: 2 });
    let source = topology.add_source("docker").unwrap();
    let many = (1..=5).map(|n| owner(&format!("c{n}"), &[&format!("10.1.1.{n}")]));
    topology.apply(source, Update::Listed { at: at(1), facts: owners(many) });
    let twice = [owner("c1", &["10.1.1.1"]), owner("c1", &["10.1.1.9"])];
    assert_eq!(topology.snapshot().sources()[0].refused, 3);
    assert_eq!(topology.snapshot().known_since(), None);
    topology.apply(source, Update::Listed { at: at(2), facts: owners(twice) });
    let status = topology.snapshot().sources()[0].clone();
    assert_eq!((status.owners, status.refused), (1, 0));
    assert!(status.faults[0].contains("listed twice"), "{:?}", status.faults);
    for n in 3..6 {
        let facts = owners([owner(&format!("n{n}"), &["10.1.1.1"])]);
        topology.apply(source, Update::Listed { at: at(n), facts });
    }
    let snapshot = topology.snapshot();
    assert_eq!(snapshot.known_since(), Some(at(3)));
    assert_eq!(who(&snapshot, "10.1.1.1", at(1)), None, "forgotten here, and said so");
    assert_eq!(who(&snapshot, "10.1.1.1", at(3)).as_deref(), Some("n3"));
}

#[test]
fn records_survive_json_and_points() {
    let (mut topology, source) = one_source();
    let odd =
        Owner { name: "a \"b\\ c\nd".to_owned(), ..owner("x, y=z\\", &["10.1.1.1", "fd10::/64"]) };
    topology.apply(source, Update::Owner { at: at(1), owner: odd });
    let it = Service {
        selectors: [("tier", "web")].into_iter().collect(),
        ..service("s", "1.1.1.1", &["80"])
    };
    topology.apply(source, Update::Service { at: at(2), service: it });
    topology.apply(source, Update::OwnerEnded { at: at(3), identity: "x, y=z\\".to_owned() });
    let records = topology.take_records();
    assert_eq!(records.len(), 3);
    let json: Vec<String> = records.iter().map(|it| serde_json::to_string(it).unwrap()).collect();
    let read: Vec<Record> = json.iter().map(|it| serde_json::from_str(it).unwrap()).collect();
    assert_eq!(read, records);
    for it in &records {
        let body = it.body().unwrap();
        let again = Record::from_point(&it.source, it.kind(), it.from, it.until, &body).unwrap();
        assert_eq!(&again, it);
    }
    let line = records[0].line().unwrap();
    assert!(
        line.starts_with(
            "svcflow_topology,identity=x\\,\\ y\\=z\\\\ ,kind=owner,source=docker body=\"{"
        ),
        "{line}"
    );
    assert!(line.ends_with("}\" 1000000000"), "{line}");
    assert!(!line.contains('\n'));
    assert_eq!(history::latest(records).len(), 2);
    assert!(Record::from_point("s", "pod", at(1), None, "{}").is_err());
    assert_eq!(OwnerKind::Named, serde_json::from_str("\"named\"").unwrap());
}
