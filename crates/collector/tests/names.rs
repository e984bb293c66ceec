//! The history of names in the embedded store.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::sync::Arc;
use std::time::Duration;

use svcflow_collector::names::{Kept, POLICY};
use svcflow_model::Timestamp;
use svcflow_store::{Options, PolicySpec, Store};
use svcflow_topology::{Owner, OwnerKind, Record, Service, What, history};

const DAY: i64 = 86_400_000_000_000;

fn owner(identity: &str, from: i64, until: Option<i64>) -> Record {
    let owner = Owner {
        identity: identity.to_owned(),
        name: format!("name of \"{identity}\"\n"),
        kind: OwnerKind::Container,
        addresses: vec!["10.1.1.1".parse().unwrap(), "fd10::1".parse().unwrap()],
        labels: [("a", "b:c=d"), ("empty", "")].into_iter().collect(),
        node: None,
        since: Some(Timestamp(from)),
    };
    Record {
        source: "docker".to_owned(),
        from: Timestamp(from),
        until: until.map(Timestamp),
        what: What::Owner(Arc::new(owner)),
    }
}

fn open(folder: &tempfile::TempDir) -> (Store, Kept) {
    let store = Store::open(folder.path(), Options::default()).unwrap();
    let month = Duration::from_secs(30 * 24 * 3_600);
    store.create_database("telegraf", PolicySpec::new("autogen", Some(month))).unwrap();
    let kept = Kept::open(&store, "telegraf").unwrap();
    (store, kept)
}

/// The second word about a tenure takes the first one's place; odd identities are kept; what is older than the
/// samples' retention is there as long as it lasts.
#[test]
fn names_are_stored_and_read_and_outlast_the_samples() {
    let folder = tempfile::tempdir().unwrap();
    let (store, kept) = open(&folder);
    assert_eq!(kept.records().unwrap(), []);
    let service = Service { identity: "s".to_owned(), name: "s".to_owned(), ..Service::default() };
    let service = Record {
        source: "contiv".to_owned(),
        from: Timestamp(5),
        until: None,
        what: What::Service(Arc::new(service)),
    };
    let all = [
        owner("x, y=z\\", DAY, None),
        owner("changed", 2 * DAY, None),
        owner("changed", 2 * DAY, Some(3 * DAY)),
        owner("changed", 3 * DAY, None),
        service,
    ];
    kept.write(&all[..2]).unwrap();
    kept.write(&all[2..]).unwrap();
    let expected = history::latest(all.iter().cloned());
    assert_eq!(history::latest(kept.records().unwrap()), expected);
    assert_eq!(kept.records().unwrap().len(), 4);
    drop((store, kept));
    let (store, kept) = open(&folder);
    // As the store does by itself: samples of then would be gone.
    store.retain(std::time::SystemTime::now()).unwrap();
    assert_eq!(history::latest(kept.records().unwrap()), expected);
    let policies = store.policies("telegraf").unwrap();
    assert!(
        policies
            .iter()
            .any(|it| it.spec.name == POLICY && it.spec.duration.is_none() && !it.default)
    );
}

#[test]
fn what_ended_before_the_samples_begin_is_deleted_with_all_of_its_tenures() {
    let folder = tempfile::tempdir().unwrap();
    let (_store, kept) = open(&folder);
    let all = [
        owner("old", DAY, Some(2 * DAY)),
        owner("old", 2 * DAY, Some(3 * DAY)),
        owner("once old", DAY, Some(2 * DAY)),
        owner("once old", 9 * DAY, Some(10 * DAY)),
        owner("lasting", DAY, None),
        owner("late", DAY, Some(6 * DAY)),
    ];
    kept.write(&all).unwrap();
    assert_eq!(kept.prune(Timestamp(5 * DAY)).unwrap(), 1);
    let left: Vec<String> =
        kept.records().unwrap().iter().map(|record| record.identity().to_owned()).collect();
    assert_eq!(left.len(), 4, "{left:?}");
    assert!(!left.contains(&"old".to_owned()));
    assert_eq!(kept.prune(Timestamp(5 * DAY)).unwrap(), 0);
    // It may come back.
    kept.write(&all[..1]).unwrap();
    assert_eq!(kept.records().unwrap().len(), 5);
}
